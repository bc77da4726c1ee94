import { asIntrinsic, isObject, type Json, type JsonObject } from '../template/value.ts';
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

/** Every property of `AWS::Serverless::Api` that is taken. */
export const REST_API_PROPERTIES: readonly string[] = [
  'AccessLogSetting',
  'AlwaysDeploy',
  'ApiKeySourceType',
  'Auth',
  'BinaryMediaTypes',
  'CacheClusterEnabled',
  'CacheClusterSize',
  'Cors',
  'DefinitionBody',
  'DefinitionUri',
  'Description',
  'DisableExecuteApiEndpoint',
  'Domain',
  'EndpointConfiguration',
  'FailOnWarnings',
  'GatewayResponses',
  'MethodSettings',
  'MinimumCompressionSize',
  'Mode',
  'Models',
  'Name',
  'OpenApiVersion',
  'PropagateTags',
  'StageName',
  'Tags',
  'TracingEnabled',
  'Variables',
];

const NOT_BUILT = ['CanarySetting', 'MergeDefinitions', 'Policy', 'SecurityPolicy', 'EndpointAccessMode'];

/**
 * Turns a SAM API into a REST API with a definition of its methods, a deployment whose name changes with it, and a stage.
 * @throws validation
 * @see https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-api.html
 */
export function expandRestApi(api: ApiDeclaration): ExpandedApi {
  checkProperties(api, 'AWS::Serverless::Api', REST_API_PROPERTIES, NOT_BUILT);
  const { id, declaration, properties } = api;
  const { StageName } = properties;
  if (StageName === undefined) throw failOf(id)("Missing required property 'StageName'.");
  const attributes = pick(declaration, PASSED_ON);
  const definition = definitionOf(api);
  const deployed = hashOf({ ...definition, ...pick(properties, ['Domain', 'OpenApiVersion', 'AlwaysDeploy']) });
  const deploymentId = `${id}Deployment${deployed.slice(0, 10)}`;
  const stageId = `${id}${typeof StageName === 'string' ? StageName.replace(/[^A-Za-z0-9]/g, '') : ''}Stage`;
  const resources: Record<string, JsonObject> = {
    [id]: {
      Type: 'AWS::ApiGateway::RestApi',
      ...pick(declaration, ['DependsOn', 'Metadata']),
      ...attributes,
      Properties: { ...definition, ...settingsOf(properties) },
    },
    [deploymentId]: {
      Type: 'AWS::ApiGateway::Deployment',
      ...attributes,
      Properties: { Description: `RestApi deployment id: ${deployed}`, RestApiId: { Ref: id } },
    },
    [stageId]: {
      Type: 'AWS::ApiGateway::Stage',
      ...attributes,
      Properties: {
        DeploymentId: { Ref: deploymentId },
        RestApiId: { Ref: id },
        StageName,
        ...pick(properties, [
          ...['AccessLogSetting', 'CacheClusterEnabled', 'CacheClusterSize', 'MethodSettings', 'TracingEnabled'],
          'Variables',
        ]),
        ...(isObject(properties.Tags) && { Tags: tagList(properties.Tags) }),
      },
    },
    ...permissions(api, attributes),
    ...usagePlan(api, stageId, attributes),
    ...domain(api, stageId, attributes),
  };
  return { resources, references: { [`${id}.Stage`]: stageId, [`${id}.Deployment`]: deploymentId } };
}

const tagList = (tags: JsonObject): Json => Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));

function settingsOf(properties: JsonObject): JsonObject {
  const { EndpointConfiguration, BinaryMediaTypes, Tags } = properties;
  const { Type, VPCEndpointIds, IpAddressType } = objectOf(EndpointConfiguration);
  const type =
    typeof EndpointConfiguration === 'string' || asIntrinsic(EndpointConfiguration ?? null)
      ? EndpointConfiguration
      : Type;
  return {
    ...pick(properties, [
      ...['ApiKeySourceType', 'Description', 'DisableExecuteApiEndpoint', 'FailOnWarnings', 'MinimumCompressionSize'],
      ...['Mode', 'Name'],
    ]),
    ...(type !== undefined && {
      EndpointConfiguration: {
        Types: [type],
        ...(VPCEndpointIds !== undefined && { VpcEndpointIds: VPCEndpointIds }),
        ...(IpAddressType !== undefined && { IpAddressType }),
      },
    }),
    ...(BinaryMediaTypes !== undefined && { BinaryMediaTypes }),
    ...(isObject(Tags) && { Tags: tagList(Tags) }),
  };
}

function definitionOf(api: ApiDeclaration): JsonObject {
  const { id, properties } = api;
  const { DefinitionUri, DefinitionBody, OpenApiVersion } = properties;
  if (DefinitionUri !== undefined) return { BodyS3Location: bodyLocation(DefinitionUri, failOf(id)) };
  const isThree = typeof OpenApiVersion === 'string' && OpenApiVersion.startsWith('3');
  if (DefinitionBody !== undefined) return { Body: completed(objectOf(DefinitionBody), api, isThree) };
  const paths: Record<string, JsonObject> = {};
  for (const route of api.routes) withRoute(paths, route, operationOf(route, api), failOf(id));
  const body = {
    ...(isThree ? { openapi: OpenApiVersion } : { swagger: '2.0' }),
    info: { title: { Ref: 'AWS::StackName' }, version: '1.0' },
    paths,
  };
  return { Body: completed(body, api, isThree) };
}

/** A definition with all that the API's properties say beside it. */
function completed(body: JsonObject, api: ApiDeclaration, isThree: boolean): JsonObject {
  const { Auth, GatewayResponses, Models } = api.properties;
  const isOpenApi = isThree || body.openapi !== undefined;
  const schemes = schemesOf(api);
  const paths = withCors(withDefaults(objectOf(body.paths), api), api);
  const components = objectOf(body.components);
  const securitySchemes = { ...objectOf(components.securitySchemes), ...schemes };
  const policy = resourcePolicy(objectOf(objectOf(Auth).ResourcePolicy));
  const validators = validatorsOf(api);
  return {
    ...body,
    paths,
    ...(Object.keys(schemes).length > 0 &&
      (isOpenApi
        ? { components: { ...components, securitySchemes } }
        : { securityDefinitions: { ...objectOf(body.securityDefinitions), ...schemes } })),
    ...(isObject(Models) &&
      (isOpenApi ? { components: { ...components, securitySchemes, schemas: Models } } : { definitions: Models })),
    ...(isObject(GatewayResponses) && { 'x-amazon-apigateway-gateway-responses': gatewayResponses(GatewayResponses) }),
    ...(Object.keys(validators).length > 0 && { 'x-amazon-apigateway-request-validators': validators }),
    ...(policy && { 'x-amazon-apigateway-policy': policy }),
  };
}

function operationOf(route: EventRoute, { properties }: ApiDeclaration): JsonObject {
  const { TimeoutInMillis, RequestModel, RequestParameters } = route.event;
  const model = objectOf(RequestModel);
  const parameters = [...parametersOf(RequestParameters), ...bodyParameter(model)];
  const validator = validatorName(model);
  return {
    'x-amazon-apigateway-integration': {
      httpMethod: 'POST',
      type: 'aws_proxy',
      uri: route.uri,
      ...(TimeoutInMillis !== undefined && { timeoutInMillis: TimeoutInMillis }),
    },
    responses: {},
    ...securityOf(objectOf(route.event.Auth), objectOf(properties.Auth)),
    ...(parameters.length > 0 && { parameters }),
    ...(validator !== undefined && { 'x-amazon-apigateway-request-validator': validator }),
  };
}

/** `method.request.querystring.page`, or the same with what is asked of it. */
function parametersOf(given: Json | undefined): JsonObject[] {
  const entries = Array.isArray(given) ? given : [];
  return entries.flatMap((one) => {
    const [key, settings]: [string, Json] =
      typeof one === 'string' ? [one, {}] : (Object.entries(objectOf(one as Json))[0] ?? ['', {}]);
    const match = /^method\.request\.(querystring|path|header)\.(.+)$/.exec(key);
    if (!match) return [];
    const place = match[1] === 'querystring' ? 'query' : match[1]!;
    const required = place === 'path' || objectOf(settings).Required === true;
    return [{ in: place, name: match[2]!, type: 'string', required }];
  });
}

function bodyParameter({ Model, Required }: JsonObject): JsonObject[] {
  if (typeof Model !== 'string') return [];
  const schema = { $ref: `#/definitions/${Model}` };
  return [{ in: 'body', name: Model.toLowerCase(), schema, ...(Required !== undefined && { required: Required }) }];
}

function validatorName({ ValidateBody, ValidateParameters }: JsonObject): string | undefined {
  if (ValidateBody === undefined && ValidateParameters === undefined) return undefined;
  if (ValidateBody === true && ValidateParameters === true) return 'body-and-params';
  if (ValidateBody === true) return 'body-only';
  return ValidateParameters === true ? 'params-only' : 'no-validation';
}

function validatorsOf({ routes }: ApiDeclaration): JsonObject {
  const found = routes.flatMap(({ event }) => {
    const model = objectOf(event.RequestModel);
    const name = validatorName(model);
    if (name === undefined) return [];
    const flags = {
      validateRequestBody: model.ValidateBody === true,
      validateRequestParameters: model.ValidateParameters === true,
    };
    return [[name, flags] as const];
  });
  return Object.fromEntries(found);
}

/** Who may call a method: the event says, or else the API. Keys are asked for beside. */
function securityOf(event: JsonObject, api: JsonObject): JsonObject {
  const { Authorizer = api.DefaultAuthorizer, AuthorizationScopes } = event;
  const { ApiKeyRequired = api.ApiKeyRequired } = event;
  const scopes = Array.isArray(AuthorizationScopes) ? AuthorizationScopes : scopesOf(Authorizer, api);
  const security = [
    ...(typeof Authorizer === 'string' && Authorizer !== 'NONE' ? [{ [Authorizer]: scopes }] : []),
    ...(ApiKeyRequired === true ? [{ api_key: [] }] : []),
  ];
  return security.length > 0 ? { security } : {};
}

function scopesOf(authorizer: Json | undefined, api: JsonObject): readonly Json[] {
  const { AuthorizationScopes } = objectOf(
    typeof authorizer === 'string' ? objectOf(api.Authorizers)[authorizer] : undefined,
  );
  return Array.isArray(AuthorizationScopes) ? (AuthorizationScopes as Json[]) : [];
}

/** Methods of a definition of the user's own that say nothing of who may call them. */
function withDefaults(paths: JsonObject, { properties }: ApiDeclaration): JsonObject {
  if (properties.DefinitionBody === undefined) return paths;
  const security = securityOf({}, objectOf(properties.Auth));
  if (security.security === undefined) return paths;
  return Object.fromEntries(
    Object.entries(paths).map(([path, item]) => [
      path,
      Object.fromEntries(
        Object.entries(objectOf(item)).map(([method, operation]) => {
          const isOpen = !isObject(operation) || operation.security !== undefined || method === 'parameters';
          return [method, isOpen || method === 'options' ? operation : { ...operation, ...security }];
        }),
      ),
    ]),
  );
}

const ALL_METHODS = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'];

/** Answers to browsers' questions, for every path that has none of its own. */
function withCors(paths: JsonObject, { properties }: ApiDeclaration): JsonObject {
  const { Cors, Auth } = properties;
  if (Cors === undefined) return paths;
  const rules = typeof Cors === 'string' || asIntrinsic(Cors) ? { AllowOrigin: Cors } : objectOf(Cors);
  const auth = objectOf(Auth);
  const security =
    auth.AddDefaultAuthorizerToCorsPreflight === false ? {} : securityOf({ ApiKeyRequired: false }, auth);
  return Object.fromEntries(
    Object.entries(paths).map(([path, item]) => {
      const methods = objectOf(item);
      if (methods.options !== undefined) return [path, item];
      return [path, { ...methods, options: { ...corsOperation(rules, Object.keys(methods)), ...security } }];
    }),
  );
}

function corsOperation(rules: JsonObject, methods: readonly string[]): JsonObject {
  const own = methods.includes('x-amazon-apigateway-any-method')
    ? ALL_METHODS
    : [...new Set(['OPTIONS', ...methods.map((method) => method.toUpperCase())])].sort();
  const { AllowOrigin, AllowHeaders, AllowMethods = `'${own.join(',')}'`, MaxAge, AllowCredentials } = rules;
  const headers: Record<string, Json> = {
    ...(AllowOrigin !== undefined && { 'Access-Control-Allow-Origin': AllowOrigin }),
    ...(AllowHeaders !== undefined && { 'Access-Control-Allow-Headers': AllowHeaders }),
    'Access-Control-Allow-Methods': AllowMethods,
    ...(MaxAge !== undefined && { 'Access-Control-Max-Age': MaxAge }),
    ...(AllowCredentials === true && { 'Access-Control-Allow-Credentials': "'true'" }),
  };
  const names = Object.keys(headers);
  return {
    summary: 'CORS support',
    consumes: ['application/json'],
    produces: ['application/json'],
    'x-amazon-apigateway-integration': {
      type: 'mock',
      requestTemplates: { 'application/json': '{\n  "statusCode" : 200\n}\n' },
      responses: {
        default: {
          statusCode: '200',
          responseTemplates: { 'application/json': '{}\n' },
          responseParameters: Object.fromEntries(
            names.map((name) => [`method.response.header.${name}`, headers[name]!]),
          ),
        },
      },
    },
    responses: {
      '200': {
        description: 'Default response for CORS method',
        headers: Object.fromEntries(names.map((name) => [name, { type: 'string' }])),
      },
    },
  };
}

function schemesOf(api: ApiDeclaration): Record<string, JsonObject> {
  const auth = objectOf(api.properties.Auth);
  const schemes: Record<string, JsonObject> = {};
  for (const [name, given] of Object.entries(objectOf(auth.Authorizers)))
    schemes[name] = schemeOf(api, name, objectOf(given));
  const events = api.routes.map(({ event }) => objectOf(event.Auth));
  if (auth.DefaultAuthorizer === 'AWS_IAM' || events.some(({ Authorizer }) => Authorizer === 'AWS_IAM')) {
    const place = { type: 'apiKey', name: 'Authorization', in: 'header' };
    schemes.AWS_IAM = { ...place, 'x-amazon-apigateway-authtype': 'awsSigv4' };
  }
  if (auth.ApiKeyRequired === true || events.some(({ ApiKeyRequired }) => ApiKeyRequired === true)) {
    schemes.api_key = { type: 'apiKey', name: 'x-api-key', in: 'header' };
  }
  return schemes;
}

function schemeOf({ id }: ApiDeclaration, name: string, given: JsonObject): JsonObject {
  const { UserPoolArn, FunctionArn, FunctionPayloadType = 'TOKEN', FunctionInvokeRole } = given;
  const identity = objectOf(given.Identity);
  const header = typeof identity.Header === 'string' ? identity.Header : 'Authorization';
  const { ValidationExpression, ReauthorizeEvery } = identity;
  const common = {
    ...(ReauthorizeEvery !== undefined && { authorizerResultTtlInSeconds: ReauthorizeEvery }),
    ...(ValidationExpression !== undefined && { identityValidationExpression: ValidationExpression }),
    ...(FunctionInvokeRole !== undefined &&
      FunctionInvokeRole !== 'NONE' && { authorizerCredentials: FunctionInvokeRole }),
  };
  const place = { type: 'apiKey', in: 'header' };
  if (UserPoolArn !== undefined) {
    const providerARNs = Array.isArray(UserPoolArn) ? UserPoolArn : [UserPoolArn];
    return {
      ...{ ...place, name: header, 'x-amazon-apigateway-authtype': 'cognito_user_pools' },
      'x-amazon-apigateway-authorizer': { type: 'cognito_user_pools', providerARNs, ...common },
    };
  }
  if (FunctionArn === undefined) throw failOf(id)(`${name} Authorizer must define 'FunctionArn' or 'UserPoolArn'.`);
  const isRequest = FunctionPayloadType === 'REQUEST';
  const source = identitySource(identity);
  return {
    ...{ ...place, name: isRequest ? 'Unused' : header, 'x-amazon-apigateway-authtype': 'custom' },
    'x-amazon-apigateway-authorizer': {
      type: isRequest ? 'request' : 'token',
      authorizerUri: lambdaUri(FunctionArn),
      ...(isRequest && source !== '' && { identitySource: source }),
      ...common,
    },
  };
}

function identitySource(identity: JsonObject): string {
  const of = (names: Json | undefined, prefix: string) =>
    Array.isArray(names) ? names.map((name) => `${prefix}.${String(name)}`) : [];
  return [
    ...of(identity.Headers, 'method.request.header'),
    ...of(identity.QueryStrings, 'method.request.querystring'),
    ...of(identity.StageVariables, 'stageVariables'),
    ...of(identity.Context, 'context'),
  ].join(', ');
}

function gatewayResponses(responses: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(responses).map(([type, given]) => {
      const { StatusCode, ResponseParameters, ResponseTemplates } = objectOf(given);
      const parameters = Object.entries(objectOf(ResponseParameters)).flatMap(([place, values]) => {
        const prefix = { Headers: 'header', Paths: 'path', QueryStrings: 'querystring' }[place];
        return Object.entries(objectOf(values)).map(
          ([name, value]) => [`gatewayresponse.${prefix}.${name}`, value] as const,
        );
      });
      return [
        type,
        {
          ...(StatusCode !== undefined && { statusCode: String(StatusCode) }),
          ...(parameters.length > 0 && { responseParameters: Object.fromEntries(parameters) }),
          ...(ResponseTemplates !== undefined && { responseTemplates: ResponseTemplates }),
        },
      ];
    }),
  );
}

/** Statements of the user's own; lists of accounts and networks are not built. */
function resourcePolicy({ CustomStatements }: JsonObject): JsonObject | undefined {
  if (CustomStatements === undefined) return undefined;
  const Statement = Array.isArray(CustomStatements) ? CustomStatements : [CustomStatements];
  return { Version: '2012-10-17', Statement };
}

function permissions({ id, properties }: ApiDeclaration, attributes: JsonObject): Record<string, JsonObject> {
  const made: Record<string, JsonObject> = {};
  for (const [name, given] of Object.entries(objectOf(objectOf(properties.Auth).Authorizers))) {
    const { FunctionArn, DisableFunctionDefaultPermissions } = objectOf(given);
    if (FunctionArn === undefined || DisableFunctionDefaultPermissions === true) continue;
    made[`${id}${name}AuthorizerPermission`] = authorizerPermission(id, FunctionArn, attributes);
  }
  return made;
}

/** A plan with a key, for an API that asks for keys. */
function usagePlan(
  { id, properties }: ApiDeclaration,
  stageId: string,
  attributes: JsonObject,
): Record<string, JsonObject> {
  const plan = objectOf(objectOf(properties.Auth).UsagePlan);
  const { CreateUsagePlan } = plan;
  if (CreateUsagePlan === undefined || CreateUsagePlan === 'NONE') return {};
  if (CreateUsagePlan !== 'PER_API')
    throw failOf(id)("'CreateUsagePlan' must be PER_API or NONE; SHARED is not built in Millrace");
  const stage = { ApiId: { Ref: id }, Stage: { Ref: stageId } };
  return {
    [`${id}UsagePlan`]: {
      Type: 'AWS::ApiGateway::UsagePlan',
      DependsOn: [id],
      ...attributes,
      Properties: { ApiStages: [stage], ...pick(plan, ['Description', 'Quota', 'Tags', 'Throttle', 'UsagePlanName']) },
    },
    [`${id}ApiKey`]: {
      Type: 'AWS::ApiGateway::ApiKey',
      DependsOn: [`${id}UsagePlan`],
      ...attributes,
      Properties: { Enabled: true, StageKeys: [{ RestApiId: { Ref: id }, StageName: { Ref: stageId } }] },
    },
    [`${id}UsagePlanKey`]: {
      Type: 'AWS::ApiGateway::UsagePlanKey',
      DependsOn: [`${id}ApiKey`],
      ...attributes,
      Properties: { KeyId: { Ref: `${id}ApiKey` }, KeyType: 'API_KEY', UsagePlanId: { Ref: `${id}UsagePlan` } },
    },
  };
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
    EndpointConfiguration = 'EDGE',
    SecurityPolicy,
    BasePath,
    Route53,
  } = properties.Domain;
  if (Route53 !== undefined) throw failOf(id)('Route53 of a domain is not built in Millrace');
  if (DomainName === undefined || CertificateArn === undefined) {
    throw failOf(id)('Custom Domains only works if both DomainName and CertificateArn are provided.');
  }
  const domainId = `ApiGatewayDomainName${hashOf(DomainName).slice(0, 10)}`;
  const certificate =
    EndpointConfiguration === 'EDGE' ? { CertificateArn } : { RegionalCertificateArn: CertificateArn };
  const paths: readonly (Json | undefined)[] = Array.isArray(BasePath) ? BasePath : [BasePath];
  const mappings = paths.map((path) => [
    `${id}${typeof path === 'string' ? path.replace(/[^A-Za-z0-9]/g, '') : ''}BasePathMapping`,
    {
      Type: 'AWS::ApiGateway::BasePathMapping',
      ...attributes,
      Properties: {
        DomainName: { Ref: domainId },
        RestApiId: { Ref: id },
        Stage: { Ref: stageId },
        ...(path !== undefined &&
          path !== '/' && { BasePath: typeof path === 'string' ? path.replace(/^\/|\/$/g, '') : path }),
      },
    },
  ]);
  return {
    [domainId]: {
      Type: 'AWS::ApiGateway::DomainName',
      ...attributes,
      Properties: {
        DomainName,
        ...certificate,
        EndpointConfiguration: { Types: [EndpointConfiguration] },
        ...(SecurityPolicy !== undefined && { SecurityPolicy }),
      },
    },
    ...Object.fromEntries(mappings),
  };
}
