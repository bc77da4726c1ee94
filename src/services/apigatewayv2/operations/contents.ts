import type { Operation } from '../../index.ts';
import { checkRoom, type HttpApis } from '../apis.ts';
import { checkAuthorizer, checkIntegration, checkRoute, partOf } from '../checks.ts';
import { badRequest, conflict } from '../errors.ts';
import { HTTP_API_LIMITS } from '../limits.ts';
import type { ApiContent, HttpApi, HttpAuthorizer, HttpIntegration, HttpRoute } from '../model.ts';
import { laid, merged, taken, without } from './changes.ts';
import { type PageInput, pageOf } from './paging.ts';

/** One kind of what an API is made of. All have the same five operations. */
interface Kind<T> {
  /** As operations are named: `Create...`, `Get...s`. */
  readonly name: string;
  readonly idName: string;
  readonly members: readonly string[];
  /** Members of which an update may name some entries only. */
  readonly merging?: readonly string[];
  readonly max: number;
  readonly place: keyof ApiContent;
  readonly defaults: Readonly<Record<string, unknown>>;
  /** @throws bad-request, conflict  it cannot be so beside the others */
  check(part: T, content: ApiContent): void;
  /** @throws bad-request  it is in use */
  checkUnused(id: string, content: ApiContent): void;
}

const ROUTES: Kind<HttpRoute> = {
  name: 'Route',
  idName: 'RouteId',
  place: 'routes',
  max: HTTP_API_LIMITS.routesMax,
  defaults: { ApiKeyRequired: false, AuthorizationType: 'NONE' },
  members: [
    'ApiKeyRequired',
    'AuthorizationScopes',
    'AuthorizationType',
    'AuthorizerId',
    'ModelSelectionExpression',
    'OperationName',
    'RequestModels',
    'RequestParameters',
    'RouteKey',
    'RouteResponseSelectionExpression',
    'Target',
  ],
  check: (route, content) => {
    checkRoute(route, content);
    const same = Object.values(content.routes).some(
      ({ RouteId, RouteKey }) => RouteKey === route.RouteKey && RouteId !== route.RouteId,
    );
    if (same) throw conflict(`Route with key ${route.RouteKey} already exists for this API`);
  },
  checkUnused: () => {},
};

const INTEGRATIONS: Kind<HttpIntegration> = {
  name: 'Integration',
  idName: 'IntegrationId',
  place: 'integrations',
  max: HTTP_API_LIMITS.integrationsMax,
  defaults: { ConnectionType: 'INTERNET', PayloadFormatVersion: '1.0', TimeoutInMillis: 30_000 },
  members: [
    'ConnectionId',
    'ConnectionType',
    'ContentHandlingStrategy',
    'CredentialsArn',
    'Description',
    'IntegrationMethod',
    'IntegrationSubtype',
    'IntegrationType',
    'IntegrationUri',
    'PassthroughBehavior',
    'PayloadFormatVersion',
    'RequestParameters',
    'RequestTemplates',
    'ResponseParameters',
    'TemplateSelectionExpression',
    'TimeoutInMillis',
    'TlsConfig',
  ],
  merging: ['RequestParameters'],
  check: (integration) => checkIntegration(integration),
  checkUnused: (id, { routes }) => {
    const route = Object.values(routes).find(({ Target }) => Target === `integrations/${id}`);
    if (route) throw conflict(`Cannot delete Integration ${id} that is referenced by Route ${route.RouteId}`);
  },
};

const AUTHORIZERS: Kind<HttpAuthorizer> = {
  name: 'Authorizer',
  idName: 'AuthorizerId',
  place: 'authorizers',
  max: HTTP_API_LIMITS.authorizersMax,
  defaults: {},
  members: [
    'AuthorizerCredentialsArn',
    'AuthorizerPayloadFormatVersion',
    'AuthorizerResultTtlInSeconds',
    'AuthorizerType',
    'AuthorizerUri',
    'EnableSimpleResponses',
    'IdentitySource',
    'IdentityValidationExpression',
    'JwtConfiguration',
    'Name',
  ],
  check: (authorizer, { authorizers }) => {
    checkAuthorizer(authorizer);
    const same = Object.values(authorizers).some(
      ({ AuthorizerId, Name }) => Name === authorizer.Name && AuthorizerId !== authorizer.AuthorizerId,
    );
    if (same)
      throw badRequest(`Authorizer name must be unique. Authorizer ${authorizer.Name} already exists in this API.`);
  },
  checkUnused: (id, { routes }) => {
    const route = Object.values(routes).find(({ AuthorizerId }) => AuthorizerId === id);
    if (route) throw conflict(`Cannot delete Authorizer ${id} that is referenced by Route ${route.RouteId}`);
  },
};

/** Create, Get, list, Update and Delete of routes, integrations and authorizers. */
export function contentOperations(apis: HttpApis): Record<string, Operation> {
  return { ...five(apis, ROUTES), ...five(apis, INTEGRATIONS), ...five(apis, AUTHORIZERS), ...routeParts(apis) };
}

type Input = { readonly ApiId: string } & Readonly<Record<string, string>>;
type Parts<T> = Readonly<Record<string, T>>;

function five<T>(apis: HttpApis, kind: Kind<T>): Record<string, Operation> {
  const { name, idName, place, members } = kind;
  const partsOf = (content: ApiContent) => content[place] as unknown as Parts<T>;
  /** Puts a part into an API, checked. */
  const put = async (region: string, apiId: string, id: string, make: (content: ApiContent) => T): Promise<T> => {
    const api = await apis.change(region, apiId, (before) => {
      const part = make(before.content);
      kind.check(part, before.content);
      return { ...before, content: { ...before.content, [place]: { ...before.content[place], [id]: part } } };
    });
    return partsOf(api.content)[id]!;
  };
  return {
    [`Create${name}`]: (input: Input, { region }) => {
      const id = apis.newPartId();
      return put(region, input.ApiId, id, (content) => {
        checkRoom(place, content[place], kind.max);
        return laid({ ...kind.defaults, [idName]: id }, taken(input, members)) as T;
      });
    },
    [`Get${name}`]: (input: Input, { region }) =>
      partOf(partsOf(apis.get(region, input.ApiId).content), input[idName]!, name),
    [`Get${name}s`]: (input: Input & PageInput, { region }) => {
      const all = Object.values(partsOf(apis.get(region, input.ApiId).content));
      const { items, ...next } = pageOf(all, (part) => (part as Record<string, string>)[idName]!, input);
      return { Items: items, ...next };
    },
    [`Update${name}`]: (input: Input, { region }) => {
      const id = input[idName]!;
      return put(region, input.ApiId, id, (content) => {
        const before = partOf(partsOf(content), id, name);
        const entries = merged(before as Record<string, unknown>, input, kind.merging ?? []);
        return laid(before as object, { ...taken(input, members), ...entries }) as T;
      });
    },
    [`Delete${name}`]: async (input: Input, { region }) => {
      const id = input[idName]!;
      await apis.change(region, input.ApiId, (before) => {
        partOf(partsOf(before.content), id, name);
        kind.checkUnused(id, before.content);
        const content = { ...before.content, [place]: without(partsOf(before.content), id) };
        return { ...before, ...withoutResponses(before, id), content };
      });
    },
  };
}

/** What belongs to a route or an integration goes with it. */
function withoutResponses({ routeResponses = {}, integrationResponses = {} }: HttpApi, parentId: string) {
  const others = <T extends { readonly parentId: string }>(parts: Parts<T>) =>
    Object.fromEntries(Object.entries(parts).filter(([, part]) => part.parentId !== parentId));
  return { routeResponses: others(routeResponses), integrationResponses: others(integrationResponses) };
}

function routeParts(apis: HttpApis): Record<string, Operation> {
  return {
    DeleteRouteRequestParameter: async (input: Input, { region }) => {
      await apis.change(region, input.ApiId, (before) => {
        const route = partOf(before.content.routes, input.RouteId!, 'Route');
        const RequestParameters = without(route.RequestParameters ?? {}, input.RequestParameterKey!);
        const routes = { ...before.content.routes, [route.RouteId]: { ...route, RequestParameters } };
        return { ...before, content: { ...before.content, routes } };
      });
    },
  };
}
