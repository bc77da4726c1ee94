import { formatArn } from '../../base/index.ts';
import { serviceTable } from '../../schemas/index.ts';
import type { PermissionsOf } from '../index.ts';

/**
 * The rights that operations of API Gateway need: the method of the request as the action, its path as the resource.
 * @param service  `apigateway` or `apigatewayv2`
 * @see Service Authorization Reference, "Actions, resources, and condition keys for Amazon API Gateway Management" (and V2)
 */
export function gatewayPermissions(service: string, names: readonly string[]): Readonly<Record<string, PermissionsOf>> {
  return Object.fromEntries(names.map((name) => [name, permissionOf(service, name)]));
}

function permissionOf(service: string, operation: string): PermissionsOf {
  return (input: Readonly<Record<string, unknown>>, { region }) => {
    const [method, uri] = serviceTable(service).operations[operation]!.http!;
    const path = uri
      .replace(/\?.*$/, '')
      .replace(/^\/v2(?=\/)/, '')
      .replace(/\{([^}+]+)\+?\}/g, (_label, member: string) => String(input[member] ?? '*'));
    return [{ action: `apigateway:${method}`, resources: [formatArn('apigateway', region, '', path)] }];
  };
}
