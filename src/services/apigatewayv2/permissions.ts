import { formatArn } from '../../base/index.ts';
import { serviceTable } from '../../schemas/index.ts';
import { both, type Permission, type PermissionsOf, permission } from '../index.ts';

type Input = Readonly<Record<string, any>>;

/** The roles that a call gives API Gateway to act as; what else stands in their place is the operation's to refuse. */
export type RolesGiven = (input: Input) => readonly unknown[] | Promise<readonly unknown[]>;

/**
 * The rights that operations of API Gateway need: the method of the request as the action, its path as the resource; and that of passing
 * on the roles which a call gives.
 * @param service  `apigateway` or `apigatewayv2`; @param roles  by operation
 * @see Service Authorization Reference, "Actions, resources, and condition keys for Amazon API Gateway Management" (and V2)
 */
export function gatewayPermissions(
  service: string,
  names: readonly string[],
  roles: Readonly<Record<string, RolesGiven>>,
): Readonly<Record<string, PermissionsOf>> {
  return Object.fromEntries(
    names.map((name) => {
      const own = permissionOf(service, name);
      const given = Object.hasOwn(roles, name) ? roles[name] : undefined;
      return [name, given ? passing(own, given) : own];
    }),
  );
}

function permissionOf(service: string, operation: string): PermissionsOf {
  return (input: Input, { region }) => {
    const [method, uri] = serviceTable(service).operations[operation]!.http!;
    const path = uri
      .replace(/\?.*$/, '')
      .replace(/^\/v2(?=\/)/, '')
      .replace(/\{([^}+]+)\+?\}/g, (_label, member: string) => String(input[member] ?? '*'));
    return [{ action: `apigateway:${method}`, resources: [formatArn('apigateway', region, '', path)] }];
  };
}

function passing(own: PermissionsOf, given: RolesGiven): PermissionsOf {
  return (input: Input, place) => {
    const withRoles = (roles: readonly unknown[]) => both(own, () => passes(roles))(input, place);
    const roles = given(input);
    return roles instanceof Promise ? roles.then(withRoles) : withRoles(roles);
  };
}

/** One right for each role. */
function passes(given: readonly unknown[]): readonly Permission[] {
  const context = { 'iam:PassedToService': 'apigateway.amazonaws.com' };
  const roles = new Set(given.filter((arn) => typeof arn === 'string' && arn.includes(':role/')) as string[]);
  return [...roles].map((arn) => permission('iam:PassRole', { resources: [arn], context }));
}

const credentials: RolesGiven = ({ CredentialsArn }) => [CredentialsArn];
const ofAuthorizer: RolesGiven = ({ AuthorizerCredentialsArn }) => [AuthorizerCredentialsArn];

const defined: RolesGiven = async ({ Body }) => {
  const { definedApi } = await import('./openapi.ts');
  try {
    let parts = 0;
    const { integrations, authorizers } = definedApi(String(Body), () => String(parts++)).content;
    return [...Object.values(integrations).map(credentials), ...Object.values(authorizers).map(ofAuthorizer)].flat();
  } catch {
    // The operation says what is wrong with it.
    return [];
  }
};

/** Roles given to HTTP APIs. */
export const ROLES_OF_HTTP_APIS: Readonly<Record<string, RolesGiven>> = {
  CreateApi: credentials,
  UpdateApi: credentials,
  CreateIntegration: credentials,
  UpdateIntegration: credentials,
  CreateAuthorizer: ofAuthorizer,
  UpdateAuthorizer: ofAuthorizer,
  ImportApi: defined,
  ReimportApi: defined,
};
