/** apigatewayv2: HTTP APIs: routes, integrations, authorizers, stages; and the domain names that lead to them. */
import type { Service } from '../index.ts';
import { lazyOperations } from '../index.ts';
import type { HttpApis, HttpApisDependencies } from './apis.ts';
import { HTTP_API_ANSWERS } from './errors.ts';
import { DOMAINS } from './limits.ts';
import { OPERATION_NAMES } from './operations/names.ts';
import { gatewayPermissions, ROLES_OF_HTTP_APIS, type RolesGiven } from './permissions.ts';

export { API_PATH, apiAddress } from './addresses.ts';
export type { HttpApis, HttpApisDependencies } from './apis.ts';
export { HTTP_API_LIMITS } from './limits.ts';
export type {
  ApiContent,
  ApiDomain,
  HttpApi,
  HttpAuthorizer,
  HttpIntegration,
  HttpRoute,
  HttpStage,
} from './model.ts';
export { Pictures } from './pictures.ts';
export { gatewayPermissions, type RolesGiven };

export interface ApiGatewayV2 {
  readonly service: Service;
  /** Its APIs, for whoever answers requests to them; their code is loaded with the first call of this or of an operation. */
  apis(): Promise<HttpApis>;
  /** Whether there are domain names; asks the store, and loads nothing. */
  hasDomains(): Promise<boolean>;
}

/** The service; nothing of it is read or loaded yet. */
export function apiGatewayV2(
  dependencies: HttpApisDependencies & {
    /** Opens who shares the domain names. */
    readonly beside: () => Promise<unknown>;
  },
): ApiGatewayV2 {
  let opened: Promise<HttpApis> | undefined;
  const open = async () => {
    const { HttpApis: Apis } = await import('./apis.ts');
    return Apis.open(dependencies);
  };
  const apis = () => {
    opened ??= open().catch((error: unknown) => {
      // A full disk, maybe: the next call tries again.
      opened = undefined;
      throw error;
    });
    return opened;
  };
  const operations = lazyOperations(OPERATION_NAMES, async () => {
    const { httpApiOperations } = await import('./operations/index.ts');
    await dependencies.beside();
    return httpApiOperations(await apis());
  });
  const permissions = gatewayPermissions('apigatewayv2', OPERATION_NAMES, ROLES_OF_HTTP_APIS);
  const hasDomains = async () => (await dependencies.records.range(DOMAINS, { limit: 1 })).length > 0;
  return { service: { name: 'apigatewayv2', operations, permissions, errors: HTTP_API_ANSWERS }, apis, hasDomains };
}
