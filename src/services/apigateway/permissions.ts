import type { RolesGiven } from '../apigatewayv2/index.ts';
import type { PatchOperation } from './patch.ts';

/** What changes put at a path. */
const changedTo =
  (path: string): RolesGiven =>
  ({ patchOperations }) =>
    ((patchOperations ?? []) as readonly PatchOperation[])
      .filter((operation) => operation.path === path)
      .map(({ value }) => value);

const defined: RolesGiven = async ({ body }) => {
  const { definedRestApi } = await import('./openapi.ts');
  try {
    let parts = 0;
    const { paths, content } = definedRestApi(body as Uint8Array, () => String(parts++));
    const methods = Object.values(paths).flatMap((ofPath) => Object.values(ofPath));
    return [
      ...methods.map(({ methodIntegration }) => methodIntegration?.credentials),
      ...Object.values(content.authorizers).map(({ authorizerCredentials }) => authorizerCredentials),
    ];
  } catch {
    // The operation says what is wrong with it.
    return [];
  }
};

/** Roles given to REST APIs, and to API Gateway for its logs. */
export const ROLES_OF_REST_APIS: Readonly<Record<string, RolesGiven>> = {
  PutIntegration: ({ credentials }) => [credentials],
  UpdateIntegration: changedTo('/credentials'),
  CreateAuthorizer: ({ authorizerCredentials }) => [authorizerCredentials],
  UpdateAuthorizer: changedTo('/authorizerCredentials'),
  UpdateAccount: changedTo('/cloudwatchRoleArn'),
  ImportRestApi: defined,
  PutRestApi: defined,
};
