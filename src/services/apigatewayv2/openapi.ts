/**
 * OpenAPI 3.0 definitions of HTTP APIs, in and out.
 * @see Amazon API Gateway developer guide, "Working with OpenAPI definitions for HTTP APIs", "OpenAPI extensions"
 */
import { parse, stringify } from 'yaml';
import { checkAuthorizer, checkIntegration, checkRoute } from './checks.ts';
import { badRequest } from './errors.ts';
import { HTTP_API_LIMITS } from './limits.ts';
import type { ApiContent, HttpApi, HttpApiSettings, HttpAuthorizer, HttpIntegration, HttpRoute } from './model.ts';

/** What a definition says of an API. */
export interface DefinedApi {
  readonly settings: Partial<HttpApiSettings> & { readonly Name: string };
  readonly content: ApiContent;
  readonly tags: Readonly<Record<string, string>>;
}

type Json = Readonly<Record<string, unknown>>;

const ANY = 'x-amazon-apigateway-any-method';
const INTEGRATION = 'x-amazon-apigateway-integration';
const AUTHORIZER = 'x-amazon-apigateway-authorizer';
const CORS = 'x-amazon-apigateway-cors';
const TAG = 'x-amazon-apigateway-tag-value';
const METHODS = new Map(
  ['get', 'put', 'post', 'delete', 'options', 'head', 'patch'].map((method) => [method, method.toUpperCase()]),
);

/** Members of an integration, as definitions and as operations call them. */
const INTEGRATION_MEMBERS = {
  connectionId: 'ConnectionId',
  connectionType: 'ConnectionType',
  credentials: 'CredentialsArn',
  description: 'Description',
  httpMethod: 'IntegrationMethod',
  integrationSubtype: 'IntegrationSubtype',
  payloadFormatVersion: 'PayloadFormatVersion',
  requestParameters: 'RequestParameters',
  responseParameters: 'ResponseParameters',
  timeoutInMillis: 'TimeoutInMillis',
  uri: 'IntegrationUri',
} as const;

const CORS_MEMBERS = {
  allowCredentials: 'AllowCredentials',
  allowHeaders: 'AllowHeaders',
  allowMethods: 'AllowMethods',
  allowOrigins: 'AllowOrigins',
  exposeHeaders: 'ExposeHeaders',
  maxAge: 'MaxAge',
} as const;

/**
 * Reads a definition, JSON or YAML.
 * @param newId  for its parts
 * @throws bad-request
 */
export function definedApi(text: string, newId: () => string): DefinedApi {
  if (Buffer.byteLength(text) > HTTP_API_LIMITS.definitionBytesMax) {
    throw badRequest(`The definition is larger than ${HTTP_API_LIMITS.definitionBytesMax} bytes`);
  }
  return new Definition(parsed(text), newId).read();
}

function parsed(text: string): Json {
  let document: unknown;
  try {
    document = parse(text, { maxAliasCount: 100 });
  } catch {
    throw badRequest('Unable to parse API definition because of a malformed definition');
  }
  if (!isObject(document)) throw badRequest('Unable to parse API definition because of a malformed definition');
  if (!/^3\.0(\.|$)/.test(String(document.openapi))) {
    throw badRequest('Unable to create HTTP API from this definition: only OpenAPI 3.0 is supported');
  }
  return document;
}

class Definition {
  readonly #document: Json;
  readonly #newId: () => string;
  readonly #integrations: Record<string, HttpIntegration> = {};
  readonly #authorizers: Record<string, HttpAuthorizer> = {};
  readonly #routes: Record<string, HttpRoute> = {};
  readonly #schemes: Record<string, Pick<HttpRoute, 'AuthorizationType' | 'AuthorizerId'>> = {};
  /** By the definition's own object, so that one that is referred to is made once. */
  readonly #made = new Map<unknown, string>();

  constructor(document: Json, newId: () => string) {
    this.#document = document;
    this.#newId = newId;
  }

  read(): DefinedApi {
    const info = member(this.#document, 'info');
    if (typeof info.title !== 'string' || info.title === '') throw badRequest('The definition has no info.title');
    this.#readSchemes();
    for (const [path, item] of Object.entries(member(this.#document, 'paths'))) this.#readPath(path, item);
    const cors = this.#document[CORS];
    return {
      settings: {
        Name: info.title,
        ...(info.version !== undefined && { Version: String(info.version) }),
        ...(typeof info.description === 'string' && { Description: info.description }),
        ...(isObject(cors) && { CorsConfiguration: renamed(cors, CORS_MEMBERS) }),
      },
      content: { routes: this.#routes, integrations: this.#integrations, authorizers: this.#authorizers },
      tags: tagsIn(this.#document.tags),
    };
  }

  #readSchemes(): void {
    const { securitySchemes } = member(this.#document, 'components');
    for (const [name, scheme] of Object.entries(isObject(securitySchemes) ? securitySchemes : {})) {
      if (!isObject(scheme)) continue;
      if (scheme['x-amazon-apigateway-authtype'] === 'awsSigv4') {
        this.#schemes[name] = { AuthorizationType: 'AWS_IAM' };
        continue;
      }
      const authorizer = scheme[AUTHORIZER];
      if (!isObject(authorizer)) continue;
      const made = authorizerOf(name, this.#newId(), authorizer);
      checkAuthorizer(made);
      this.#authorizers[made.AuthorizerId] = made;
      const type = made.AuthorizerType === 'JWT' ? 'JWT' : 'CUSTOM';
      this.#schemes[name] = { AuthorizationType: type, AuthorizerId: made.AuthorizerId };
    }
  }

  #readPath(path: string, item: unknown): void {
    if (!isObject(item)) return;
    for (const [method, operation] of Object.entries(item)) {
      const verb = method === ANY ? 'ANY' : METHODS.get(method.toLowerCase());
      if (verb !== undefined && isObject(operation)) this.#readOperation(path, verb, operation);
    }
  }

  #readOperation(path: string, verb: string, operation: Json): void {
    const RouteId = this.#newId();
    const integrationId = this.#integrationOf(operation[INTEGRATION]);
    const route = {
      ...{ RouteId, ApiKeyRequired: false, AuthorizationType: 'NONE' as const },
      RouteKey: path === '/$default' || path === '$default' ? '$default' : `${verb} ${path}`,
      ...(typeof operation.operationId === 'string' && { OperationName: operation.operationId }),
      ...(integrationId !== undefined && { Target: `integrations/${integrationId}` }),
      ...this.#securityOf(operation),
    };
    const content = { routes: {}, integrations: this.#integrations, authorizers: this.#authorizers };
    checkRoute(route, content);
    if (Object.values(this.#routes).some(({ RouteKey }) => RouteKey === route.RouteKey)) {
      throw badRequest(`The definition has the route ${route.RouteKey} twice`);
    }
    if (Object.keys(this.#routes).length >= HTTP_API_LIMITS.routesMax) {
      throw badRequest(`The definition has more than ${HTTP_API_LIMITS.routesMax} routes`);
    }
    this.#routes[RouteId] = route;
  }

  /** The first requirement that an authorizer stands behind; `[]` of an operation lets anyone in. */
  #securityOf({ security = this.#document.security }: Json): Partial<HttpRoute> {
    for (const requirement of Array.isArray(security) ? security : []) {
      for (const [name, scopes] of Object.entries(isObject(requirement) ? requirement : {})) {
        const scheme = this.#schemes[name];
        if (!scheme) continue;
        const wanted = Array.isArray(scopes) && scopes.length > 0 && scheme.AuthorizationType === 'JWT';
        return { ...scheme, ...(wanted && { AuthorizationScopes: scopes.map(String) }) };
      }
    }
    return {};
  }

  #integrationOf(given: unknown): string | undefined {
    if (!isObject(given)) return undefined;
    const reference = /^#\/components\/x-amazon-apigateway-integrations\/([^/]+)$/.exec(String(given.$ref ?? ''));
    const shared = member(member(this.#document, 'components'), 'x-amazon-apigateway-integrations');
    const definition = given.$ref === undefined ? given : reference ? shared[reference[1]!] : undefined;
    if (!isObject(definition)) throw badRequest(`The definition refers to an unknown integration: ${given.$ref}`);
    const known = this.#made.get(definition);
    if (known !== undefined) return known;
    const IntegrationId = this.#newId();
    const integration = {
      ...{ IntegrationId, ConnectionType: 'INTERNET', PayloadFormatVersion: '1.0', TimeoutInMillis: 30_000 },
      ...renamed(definition, INTEGRATION_MEMBERS),
      IntegrationType: String(definition.type).toUpperCase(),
    } as HttpIntegration;
    checkIntegration(integration);
    this.#made.set(definition, IntegrationId);
    this.#integrations[IntegrationId] = integration;
    return IntegrationId;
  }
}

function authorizerOf(name: string, AuthorizerId: string, given: Json): HttpAuthorizer {
  const { identitySource } = given;
  const sources = Array.isArray(identitySource) ? identitySource : String(identitySource ?? '').split(/\s*,\s*/);
  const common = { AuthorizerId, Name: name, IdentitySource: sources.map(String).filter((source) => source !== '') };
  if (given.type === 'jwt') {
    const { issuer, audience } = member(given, 'jwtConfiguration');
    const JwtConfiguration = {
      Issuer: String(issuer),
      Audience: (Array.isArray(audience) ? audience : []).map(String),
    };
    return { ...common, AuthorizerType: 'JWT', JwtConfiguration };
  }
  return {
    ...common,
    AuthorizerType: 'REQUEST',
    ...renamed(given, {
      authorizerUri: 'AuthorizerUri',
      authorizerCredentials: 'AuthorizerCredentialsArn',
      authorizerPayloadFormatVersion: 'AuthorizerPayloadFormatVersion',
      authorizerResultTtlInSeconds: 'AuthorizerResultTtlInSeconds',
      enableSimpleResponses: 'EnableSimpleResponses',
    }),
  } as HttpAuthorizer;
}

function tagsIn(tags: unknown): Record<string, string> {
  const list = (Array.isArray(tags) ? tags : []).filter(isObject);
  return Object.fromEntries(
    list.filter((tag) => tag[TAG] !== undefined).map((tag) => [String(tag.name), String(tag[TAG])]),
  );
}

/**
 * The definition of an API.
 * @param extensions  with what API Gateway alone understands: integrations, authorizers, CORS
 */
export function definitionOf(
  api: HttpApi,
  content: ApiContent,
  options: { readonly output: 'JSON' | 'YAML'; readonly extensions: boolean; readonly address: string },
): string {
  const { settings } = api;
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of Object.values(content.routes)) {
    const [method, path] = route.RouteKey === '$default' ? ['ANY', '/$default'] : route.RouteKey.split(' ');
    const verb = method === 'ANY' ? ANY : method!.toLowerCase();
    paths[path!] = { ...paths[path!], [verb]: operationOf(route, content, options.extensions) };
  }
  const schemes = Object.values(content.authorizers).map((one) => [one.Name, schemeOf(one, options.extensions)]);
  const document = {
    openapi: '3.0.1',
    info: {
      title: settings.Name,
      ...(settings.Description !== undefined && { description: settings.Description }),
      version: settings.Version ?? new Date(api.createdAt).toISOString(),
    },
    servers: [{ url: options.address }],
    ...(Object.keys(api.tags).length > 0 && {
      tags: Object.entries(api.tags).map(([name, value]) => ({ name, [TAG]: value })),
    }),
    paths,
    ...(schemes.length > 0 && { components: { securitySchemes: Object.fromEntries(schemes) } }),
    ...(options.extensions && {
      ...(settings.CorsConfiguration && { [CORS]: renamed(settings.CorsConfiguration as Json, turned(CORS_MEMBERS)) }),
      'x-amazon-apigateway-importexport-version': '1.0',
    }),
  };
  return options.output === 'YAML' ? stringify(document, { aliasDuplicateObjects: false }) : JSON.stringify(document);
}

function operationOf(route: HttpRoute, { integrations, authorizers }: ApiContent, extensions: boolean) {
  const integration = integrations[route.Target?.replace('integrations/', '') ?? ''];
  const authorizer = authorizers[route.AuthorizerId ?? ''];
  const names = [...(route.RouteKey.match(/\{[^}]+\}/g) ?? [])].map((name) => name.replace(/[{}+]/g, ''));
  return {
    ...(route.OperationName !== undefined && { operationId: route.OperationName }),
    ...(names.length > 0 && {
      parameters: names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
    }),
    responses: { default: { description: `Default response for ${route.RouteKey}` } },
    ...(authorizer && { security: [{ [authorizer.Name]: route.AuthorizationScopes ?? [] }] }),
    ...(extensions &&
      integration && {
        [INTEGRATION]: {
          ...renamed(integration as Json, turned(INTEGRATION_MEMBERS)),
          type: integration.IntegrationType?.toLowerCase(),
        },
      }),
  };
}

function schemeOf(authorizer: HttpAuthorizer, extensions: boolean) {
  const { AuthorizerType, IdentitySource = [], JwtConfiguration } = authorizer;
  const kind =
    AuthorizerType === 'JWT'
      ? { type: 'oauth2', flows: {} }
      : { type: 'apiKey', name: IdentitySource[0]?.split('.').at(-1) ?? 'Unused', in: 'header' };
  if (!extensions) return kind;
  const own =
    AuthorizerType === 'JWT'
      ? { type: 'jwt', jwtConfiguration: { issuer: JwtConfiguration?.Issuer, audience: JwtConfiguration?.Audience } }
      : {
          type: 'request',
          ...renamed(authorizer as Json, {
            AuthorizerUri: 'authorizerUri',
            AuthorizerPayloadFormatVersion: 'authorizerPayloadFormatVersion',
            AuthorizerResultTtlInSeconds: 'authorizerResultTtlInSeconds',
            EnableSimpleResponses: 'enableSimpleResponses',
          }),
        };
  return { ...kind, [AUTHORIZER]: { ...own, identitySource: IdentitySource.join(', ') } };
}

function renamed(source: Json, names: Readonly<Record<string, string>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(names)
      .filter(([from]) => source[from] !== undefined)
      .map(([from, to]) => [to, source[from]]),
  );
}

function turned(names: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(names).map(([from, to]) => [to, from]));
}

/** A member that is an object; an empty one where there is none. */
function member(value: Json, name: string): Json {
  const found = value[name];
  return isObject(found) ? found : {};
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
