/** apigateway: REST APIs: resources, methods, authorizers, stages; API keys and usage plans. */
import { gatewayPermissions, type HttpApis } from '../apigatewayv2/index.ts';
import { lazyOperations, type Service } from '../index.ts';
import type { RestApis, RestApisDependencies } from './apis.ts';
import { REST_API_ANSWERS } from './errors.ts';
import { OPERATION_NAMES } from './operations/names.ts';
import { ROLES_OF_REST_APIS } from './permissions.ts';
import type { ApiTester } from './testing.ts';

export type { RestApis } from './apis.ts';
export type {
  ApiKey,
  RestApi,
  RestAuthorizer,
  RestContent,
  RestGatewayResponse,
  RestIntegration,
  RestIntegrationResponse,
  RestMethod,
  RestModel,
  RestResource,
  RestStage,
  UsagePlan,
} from './model.ts';
export type { ApiTester, AuthorizerTest, MethodTest, TestedAuthorizer, TestedMethod, TestRequest } from './testing.ts';

export interface ApiGateway extends AsyncDisposable {
  readonly service: Service;
  /** Its APIs, for whoever answers requests to them; their code is loaded with the first call of this or of an operation. */
  apis(): Promise<RestApis>;
  /** Has methods and authorizers be tried by whoever answers requests. */
  testWith(tester: () => Promise<ApiTester>): void;
}

export interface ApiGatewayDependencies extends RestApisDependencies {
  /** Where the domain names are kept that both kinds of APIs share. */
  readonly domains: () => Promise<HttpApis>;
}

/** The service; nothing of it is read or loaded yet. */
export function apiGateway(dependencies: ApiGatewayDependencies): ApiGateway {
  let opened: Promise<RestApis> | undefined;
  const open = async () => {
    const [{ RestApis: Apis }, domains] = await Promise.all([import('./apis.ts'), dependencies.domains()]);
    const apis = await Apis.open(dependencies);
    domains.alsoMaps((region, id, stage) => apis.hasStage(region, id, stage));
    return apis;
  };
  const apis = () => {
    opened ??= open().catch((error: unknown) => {
      // A full disk, maybe: the next call tries again.
      opened = undefined;
      throw error;
    });
    return opened;
  };
  let tester: (() => Promise<ApiTester>) | undefined;
  const operations = lazyOperations(OPERATION_NAMES, async () => {
    const { restApiOperations } = await import('./operations/index.ts');
    return restApiOperations(await apis(), await dependencies.domains(), () => tester!());
  });
  const permissions = gatewayPermissions('apigateway', OPERATION_NAMES, ROLES_OF_REST_APIS);
  return {
    service: { name: 'apigateway', operations, permissions, errors: REST_API_ANSWERS },
    apis,
    testWith: (given) => {
      tester = given;
    },
    [Symbol.asyncDispose]: async () => (await opened?.catch(() => undefined))?.[Symbol.asyncDispose](),
  };
}
