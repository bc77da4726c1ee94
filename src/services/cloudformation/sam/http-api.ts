import { isObject, type Json, type JsonObject } from '../template/value.ts';
import {
  type ApiDeclaration,
  authorizerPermission,
  bodyLocation,
  checkProperties,
  type EventRoute,
  type ExpandedApi,
  failOf,
  hashOf,
  lambdaUri,
  objectOf,
  PASSED_ON,
  pick,
  withRoute,
} from './api-parts.ts';

/** Every property of `AWS::Serverless::HttpApi` that is taken. */
export const HTTP_API_PROPERTIES: readonly string[] = [
  'AccessLogSettings',
  'Auth',
  'CorsConfiguration',
  'DefaultRouteSettings',
  'DefinitionBody',
  'DefinitionUri',
  'Description',
  'DisableExecuteApiEndpoint',
  'Domain',
  'FailOnWarnings',
  'Name',
  'PropagateTags',
  'RouteSettings',
  'StageName',
  'StageVariables',
  'Tags',
];

const TAGS = [{ name: 'httpapi:createdBy', 'x-amazon-apigateway-tag-value': 'SAM' }];

/**
 * Turns a SAM HTTP API into an API with a definition of its routes, and a stage that deploys itself.
 * @throws validation
 * @see https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-httpapi.html
 */
export function expandHttpApi(api: ApiDeclaration): ExpandedApi {
  checkProperties(api, 'AWS::Serverless::HttpApi', HTTP_API_PROPERTIES, []);
  const { id, declaration, properties } = api;
  const attributes = pick(declaration, PASSED_ON);
  const stageName = properties.StageName ?? '$default';
  const stageId =
    stageName === '$default'
      ? `${id}ApiGatewayDefaultStage`
      : `${id}${typeof stageName === 'string' ? stageName.replace(/[^A-Za-z0-9]/g, '') : ''}Stage`;
  const resources: Record<string, JsonObject> = {
    [id]: {
      Type: 'AWS::ApiGatewayV2::Api',
      ...pick(declaration, ['DependsOn', 'Metadata']),
      ...attributes,
      Properties: {
        ...definitionOf(api),
        ...pick(properties, ['Description', 'DisableExecuteApiEndpoint', 'FailOnWarnings', 'Name']),
        ...corsBeside(properties),
      },
    },
    [stageId]: {
      Type: 'AWS::ApiGatewayV2::Stage',
      ...attributes,
      Properties: {
        ApiId: { Ref: id },
        StageName: stageName,
        AutoDeploy: true,
        Tags: { 'httpapi:createdBy': 'SAM', ...objectOf(properties.Tags) },
        ...pick(properties, ['AccessLogSettings', 'StageVariables', 'DefaultRouteSettings']),
        ...routeSettings(api),
      },
    },
    ...permissions(api, attributes),
    ...domain(api, stageId, attributes),
  };
  return { resources, references: { [`${id}.Stage`]: stageId } };
}

function definitionOf(api: ApiDeclaration): JsonObject {
  const { id, properties } = api;
  if (properties.DefinitionUri !== undefined)
    return { BodyS3Location: bodyLocation(properties.DefinitionUri, failOf(id)) };
  if (properties.DefinitionBody !== undefined) {
    return { Body: withAuth(objectOf(properties.DefinitionBody), api) };
  }
  const paths: Record<string, JsonObject> = {};
  for (const route of api.routes) withRoute(paths, route, operationOf(route, properties), failOf(id));
  const body = {
    openapi: '3.0.1',
    info: { title: { Ref: 'AWS::StackName' }, version: '1.0' },
    paths,
    tags: [...TAGS, ...Object.entries(objectOf(properties.Tags)).map(tagOf)],
    ...(properties.CorsConfiguration !== undefined && {
      'x-amazon-apigateway-cors': corsOf(properties.CorsConfiguration),
    }),
  };
  return { Body: withAuth(body, api) };
}

function tagOf([name, value]: [string, Json]): JsonObject {
  return { name, 'x-amazon-apigateway-tag-value': value };
}

/** Rules beside a definition of the user's own, which may be somewhere else. */
function corsBeside({ CorsConfiguration: cors, DefinitionBody, DefinitionUri }: JsonObject): JsonObject {
  if (cors === undefined || (DefinitionBody === undefined && DefinitionUri === undefined)) return {};
  if (cors === true) return { CorsConfiguration: { AllowOrigins: ['*'] } };
  return { CorsConfiguration: cors };
}

/** `true` lets all pages in. */
function corsOf(cors: Json): Json {
  if (cors === true) return { allowOrigins: ['*'] };
  if (!isObject(cors)) return cors;
  const names: Readonly<Record<string, string>> = {
    AllowCredentials: 'allowCredentials',
    AllowHeaders: 'allowHeaders',
    AllowMethods: 'allowMethods',
    AllowOrigins: 'allowOrigins',
    ExposeHeaders: 'exposeHeaders',
    MaxAge: 'maxAge',
  };
  // Intrinsics stay as they are: what they stand for is found out later.
  if (Object.keys(cors).some((key) => names[key] === undefined)) return cors;
  return Object.fromEntries(Object.entries(cors).map(([key, value]) => [names[key]!, value]));
}

function operationOf(route: EventRoute, properties: JsonObject): JsonObject {
  const { PayloadFormatVersion = '2.0', TimeoutInMillis } = route.event;
  return {
    'x-amazon-apigateway-integration': {
      httpMethod: 'POST',
      type: 'aws_proxy',
      uri: route.uri,
      payloadFormatVersion: PayloadFormatVersion,
      ...(TimeoutInMillis !== undefined && { timeoutInMillis: TimeoutInMillis }),
    },
    ...(route.path === '$default' && { isDefaultRoute: true }),
    responses: {},
    ...securityOf(route, objectOf(properties.Auth)),
  };
}

/** Who may call a route: the event says, or else the API. */
function securityOf({ event }: EventRoute, { DefaultAuthorizer }: JsonObject): JsonObject {
  const { Authorizer = DefaultAuthorizer, AuthorizationScopes } = objectOf(event.Auth);
  if (Authorizer === undefined || Authorizer === 'NONE' || typeof Authorizer !== 'string') return {};
  return { security: [{ [Authorizer]: Array.isArray(AuthorizationScopes) ? AuthorizationScopes : [] }] };
}

/** A definition with the schemes of its authorizers, and their scopes where routes name none. */
function withAuth(body: JsonObject, api: ApiDeclaration): JsonObject {
  const auth = objectOf(api.properties.Auth);
  const authorizers = objectOf(auth.Authorizers);
  const schemes = Object.fromEntries(
    Object.entries(authorizers).map(([name, given]) => [name, schemeOf(api, name, objectOf(given))]),
  );
  if (auth.EnableIamAuthorizer === true) schemes.AWS_IAM = IAM_SCHEME;
  if (Object.keys(schemes).length === 0) return body;
  // Of routes that events have made, each says already who may call it.
  const fallback = api.properties.DefinitionBody === undefined ? undefined : auth.DefaultAuthorizer;
  const components = objectOf(body.components);
  const securitySchemes = { ...objectOf(components.securitySchemes), ...schemes };
  const paths = Object.fromEntries(
    Object.entries(objectOf(body.paths)).map(([path, item]) => [path, withScopes(item, authorizers, fallback)]),
  );
  return { ...body, paths, components: { ...components, securitySchemes } };
}

const IAM_SCHEME: JsonObject = {
  type: 'apiKey',
  name: 'Authorization',
  in: 'header',
  'x-amazon-apigateway-authtype': 'awsSigv4',
};

function withScopes(item: Json, authorizers: JsonObject, fallback: Json | undefined): Json {
  if (!isObject(item)) return item;
  return Object.fromEntries(
    Object.entries(item).map(([method, operation]) => {
      if (!isObject(operation) || method.startsWith('Fn::')) return [method, operation];
      const given =
        operation.security ?? (typeof fallback === 'string' && fallback !== 'NONE' ? [{ [fallback]: [] }] : undefined);
      if (!Array.isArray(given)) return [method, operation];
      const security = given.map((one) =>
        Object.fromEntries(
          Object.entries(objectOf(one as Json)).map(([name, scopes]) => {
            const { AuthorizationScopes } = objectOf(authorizers[name]);
            const isEmpty = Array.isArray(scopes) && scopes.length === 0;
            return [name, isEmpty && Array.isArray(AuthorizationScopes) ? AuthorizationScopes : scopes];
          }),
        ),
      );
      return [method, { ...operation, security }];
    }),
  );
}

function schemeOf({ id }: ApiDeclaration, name: string, given: JsonObject): JsonObject {
  const { JwtConfiguration, IdentitySource, FunctionArn } = given;
  if (JwtConfiguration !== undefined) {
    const { audience, issuer, Audience = audience, Issuer = issuer } = objectOf(JwtConfiguration);
    const authorizer = {
      type: 'jwt',
      ...(IdentitySource !== undefined && { identitySource: IdentitySource }),
      jwtConfiguration: { audience: Audience ?? [], issuer: Issuer ?? '' },
    };
    return { type: 'oauth2', 'x-amazon-apigateway-authorizer': authorizer };
  }
  if (FunctionArn === undefined) throw failOf(id)(`${name} Lambda Authorizer must define 'FunctionArn'.`);
  const { AuthorizerPayloadFormatVersion, EnableSimpleResponses, FunctionInvokeRole } = given;
  if (AuthorizerPayloadFormatVersion === undefined) {
    throw failOf(id)(`${name} Lambda Authorizer must define 'AuthorizerPayloadFormatVersion'.`);
  }
  const identity = objectOf(given.Identity);
  const source = identitySource(identity);
  return {
    type: 'apiKey',
    name: 'Unused',
    in: 'header',
    'x-amazon-apigateway-authorizer': {
      type: 'request',
      authorizerUri: lambdaUri(FunctionArn),
      authorizerPayloadFormatVersion: AuthorizerPayloadFormatVersion,
      ...(EnableSimpleResponses !== undefined && { enableSimpleResponses: EnableSimpleResponses }),
      ...(FunctionInvokeRole !== undefined && { authorizerCredentials: FunctionInvokeRole }),
      ...(source !== '' && { identitySource: source }),
      ...(identity.ReauthorizeEvery !== undefined && { authorizerResultTtlInSeconds: identity.ReauthorizeEvery }),
    },
  };
}

function identitySource(identity: JsonObject): string {
  const of = (names: Json | undefined, prefix: string) =>
    Array.isArray(names) ? names.map((name) => `${prefix}.${String(name)}`) : [];
  return [
    ...of(identity.Headers, '$request.header'),
    ...of(identity.QueryStrings, '$request.querystring'),
    ...of(identity.StageVariables, '$stageVariables'),
    ...of(identity.Context, '$context'),
  ].join(', ');
}

/** Functions that authorize are let be called only where the API says so. */
function permissions({ id, properties }: ApiDeclaration, attributes: JsonObject): Record<string, JsonObject> {
  const made: Record<string, JsonObject> = {};
  for (const [name, given] of Object.entries(objectOf(objectOf(properties.Auth).Authorizers))) {
    const { FunctionArn, EnableFunctionDefaultPermissions } = objectOf(given);
    if (FunctionArn === undefined || EnableFunctionDefaultPermissions !== true) continue;
    made[`${id}${name}AuthorizerPermission`] = authorizerPermission(id, FunctionArn, attributes);
  }
  return made;
}

/** Settings of routes: the API's, and those of events. */
function routeSettings({ properties, routes }: ApiDeclaration): JsonObject {
  const settings: Record<string, Json> = { ...objectOf(properties.RouteSettings) };
  for (const { path, method, event } of routes) {
    if (event.RouteSettings === undefined) continue;
    const key = path === '$default' ? '$default' : `${method.toUpperCase()} ${path}`;
    settings[key] = { ...objectOf(settings[key]), ...objectOf(event.RouteSettings) };
  }
  return Object.keys(settings).length > 0 ? { RouteSettings: settings } : {};
}

function domain(
  { id, properties }: ApiDeclaration,
  stageId: string,
  attributes: JsonObject,
): Record<string, JsonObject> {
  if (!isObject(properties.Domain)) return {};
  const {
    DomainName,
    CertificateArn,
    EndpointConfiguration = 'REGIONAL',
    SecurityPolicy,
    BasePath,
    Route53,
  } = properties.Domain;
  if (Route53 !== undefined) throw failOf(id)('Route53 of a domain is not built in Millrace');
  if (DomainName === undefined || CertificateArn === undefined) {
    throw failOf(id)('Custom Domains only works if both DomainName and CertificateArn are provided.');
  }
  const domainId = `ApiGatewayDomainNameV2${hashOf(DomainName).slice(0, 10)}`;
  const configuration = {
    CertificateArn,
    EndpointType: EndpointConfiguration,
    ...(SecurityPolicy !== undefined && { SecurityPolicy }),
  };
  const paths: readonly (Json | undefined)[] = Array.isArray(BasePath) ? BasePath : [BasePath];
  const mappings = paths.map((path) => [
    `${id}${typeof path === 'string' ? path.replace(/[^A-Za-z0-9]/g, '') : ''}ApiMapping`,
    {
      Type: 'AWS::ApiGatewayV2::ApiMapping',
      ...attributes,
      Properties: {
        ApiId: { Ref: id },
        DomainName: { Ref: domainId },
        Stage: { Ref: stageId },
        ...(path !== undefined && { ApiMappingKey: typeof path === 'string' ? path.replace(/^\/|\/$/g, '') : path }),
      },
    },
  ]);
  return {
    [domainId]: {
      Type: 'AWS::ApiGatewayV2::DomainName',
      ...attributes,
      Properties: { DomainName, DomainNameConfigurations: [configuration], Tags: { 'httpapi:createdBy': 'SAM' } },
    },
    ...Object.fromEntries(mappings),
  };
}
