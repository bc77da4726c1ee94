/**
 * Swagger 2.0 and OpenAPI 3.0 definitions of REST APIs.
 * @see Amazon API Gateway developer guide, "OpenAPI extensions for API Gateway"
 */
import { parse } from 'yaml';
import { checkAuthorizer, checkBuilt, checkIntegration, checkMethod } from './checks.ts';
import { checkProperties, type DocumentationPart, locationOf } from './documentation.ts';
import { badRequest, limitExceeded } from './errors.ts';
import { REST_API_LIMITS } from './limits.ts';
import type {
  RestApiSettings,
  RestAuthorizer,
  RestContent,
  RestGatewayResponse,
  RestIntegration,
  RestIntegrationResponse,
  RestMethod,
  RestMethodResponse,
  RestModel,
  RestResource,
  RestValidator,
} from './model.ts';
import { checkSchema } from './operations/contents.ts';
import { withResource } from './operations/resources.ts';

/** What a definition says of an API. */
export interface DefinedRestApi {
  readonly settings: Partial<RestApiSettings> & { readonly name: string };
  readonly content: Omit<RestContent, 'rootId' | 'resources'>;
  /** Methods by path. */
  readonly paths: Readonly<Record<string, Readonly<Record<string, RestMethod>>>>;
}

type Json = Readonly<Record<string, unknown>>;

const PREFIX = 'x-amazon-apigateway-';
const METHODS = new Map(
  ['get', 'put', 'post', 'delete', 'options', 'head', 'patch'].map((method) => [method, method.toUpperCase()]),
);

/**
 * Reads a definition, JSON or YAML.
 * @param newId  for its parts
 * @throws bad-request
 */
export function definedRestApi(body: Uint8Array, newId: () => string): DefinedRestApi {
  if (body.length > REST_API_LIMITS.definitionBytesMax) {
    throw badRequest(`The definition is larger than ${REST_API_LIMITS.definitionBytesMax} bytes`);
  }
  return new Definition(parsed(Buffer.from(body).toString()), newId).read();
}

/**
 * The documentation parts of a definition.
 * @param newId  for them
 * @throws bad-request, limit-exceeded
 */
export function documentationIn(body: Uint8Array, newId: () => string): DocumentationPart[] {
  if (body.length > REST_API_LIMITS.definitionBytesMax) {
    throw badRequest(`The definition is larger than ${REST_API_LIMITS.definitionBytesMax} bytes`);
  }
  const { documentationParts } = member(parsed(Buffer.from(body).toString()), `${PREFIX}documentation`);
  const given = Array.isArray(documentationParts) ? documentationParts.filter(isObject) : [];
  const { documentationPartsMax } = REST_API_LIMITS;
  if (given.length > documentationPartsMax) throw limitExceeded('documentation parts', documentationPartsMax);
  return given.map(({ location, properties }) => {
    const text = JSON.stringify(properties);
    checkProperties(text);
    return { id: newId(), location: locationOf(isObject(location) ? location : {}), properties: text };
  });
}

function parsed(text: string): Json {
  let document: unknown;
  try {
    document = text.trimStart().startsWith('{') ? JSON.parse(text) : parse(text, { maxAliasCount: 100 });
  } catch {
    throw badRequest('Invalid OpenAPI input.');
  }
  if (!isObject(document)) throw badRequest('Invalid OpenAPI input.');
  const version = String(document.swagger ?? document.openapi);
  if (!/^(2\.0|3\.0(\..*)?)$/.test(version))
    throw badRequest(`Invalid OpenAPI input: version ${version} is not supported.`);
  return document;
}

class Definition {
  readonly #document: Json;
  readonly #newId: () => string;
  readonly #authorizers: Record<string, RestAuthorizer> = {};
  readonly #validators: Record<string, RestValidator> = {};
  readonly #models: Record<string, RestModel> = {};
  /** What a scheme asks of a caller. */
  readonly #schemes: Record<string, Partial<RestMethod>> = {};

  constructor(document: Json, newId: () => string) {
    this.#document = document;
    this.#newId = newId;
  }

  read(): DefinedRestApi {
    const document = this.#document;
    const info = member(document, 'info');
    if (typeof info.title !== 'string' || info.title === '')
      throw badRequest('Invalid OpenAPI input: info.title is missing');
    this.#readValidators();
    this.#readModels();
    this.#readSchemes();
    const paths = Object.fromEntries(
      Object.entries(member(document, 'paths')).map(([path, item]) => [path, this.#methodsOf(path, item)]),
    );
    const binary = document[`${PREFIX}binary-media-types`];
    const policy = document[`${PREFIX}policy`];
    const source = document[`${PREFIX}api-key-source`];
    const compression = document[`${PREFIX}minimum-compression-size`];
    const endpoint = document[`${PREFIX}endpoint-configuration`];
    return {
      settings: {
        name: info.title,
        ...(info.version !== undefined && { version: String(info.version) }),
        ...(typeof info.description === 'string' && { description: info.description }),
        ...(typeof source === 'string' && { apiKeySource: source }),
        ...(typeof compression === 'number' && { minimumCompressionSize: compression }),
        ...(isObject(endpoint) && {
          ...(endpoint.disableExecuteApiEndpoint === true && { disableExecuteApiEndpoint: true }),
        }),
      },
      content: {
        authorizers: this.#authorizers,
        validators: this.#validators,
        models: this.#models,
        gatewayResponses: this.#gatewayResponses(),
        ...(Array.isArray(binary) && { binaryMediaTypes: binary.map(String) }),
        ...(isObject(policy) && { policy: JSON.stringify(policy) }),
      },
      paths,
    };
  }

  #readValidators(): void {
    for (const [name, given] of Object.entries(member(this.#document, `${PREFIX}request-validators`))) {
      if (!isObject(given)) continue;
      const { validateRequestBody = false, validateRequestParameters = false } = given as Record<string, boolean>;
      const id = this.#newId();
      this.#validators[id] = { id, name, validateRequestBody, validateRequestParameters };
    }
  }

  #readModels(): void {
    const schemas = { ...member(this.#document, 'definitions'), ...member(this.#components, 'schemas') };
    for (const [name, given] of Object.entries(schemas)) {
      const schema = JSON.stringify(given);
      checkSchema(schema);
      this.#models[name] = { id: this.#newId(), name, contentType: 'application/json', schema };
    }
  }

  get #components(): Json {
    return member(this.#document, 'components');
  }

  #readSchemes(): void {
    const schemes = {
      ...member(this.#document, 'securityDefinitions'),
      ...member(this.#components, 'securitySchemes'),
    };
    for (const [name, scheme] of Object.entries(schemes)) if (isObject(scheme)) this.#readScheme(name, scheme);
  }

  #readScheme(name: string, scheme: Json): void {
    const authorizer = scheme[`${PREFIX}authorizer`];
    if (scheme[`${PREFIX}authtype`] === 'awsSigv4') {
      this.#schemes[name] = { authorizationType: 'AWS_IAM' };
    } else if (isObject(authorizer)) {
      const made = authorizerOf(this.#newId(), name, scheme, authorizer);
      checkAuthorizer(made);
      this.#authorizers[made.id] = made;
      const authorizationType = made.type === 'COGNITO_USER_POOLS' ? 'COGNITO_USER_POOLS' : 'CUSTOM';
      this.#schemes[name] = { authorizationType, authorizerId: made.id };
    } else if (scheme.type === 'apiKey' && String(scheme.name).toLowerCase() === 'x-api-key') {
      this.#schemes[name] = { apiKeyRequired: true };
    }
  }

  #gatewayResponses(): Record<string, RestGatewayResponse> {
    const given = member(this.#document, `${PREFIX}gateway-responses`);
    return Object.fromEntries(
      Object.entries(given)
        .filter(([, response]) => isObject(response))
        .map(([responseType, response]) => {
          const { statusCode, responseParameters, responseTemplates } = response as Json;
          return [
            responseType,
            {
              responseType,
              ...(statusCode !== undefined && { statusCode: String(statusCode) }),
              ...(isObject(responseParameters) && { responseParameters: texts(responseParameters) }),
              ...(isObject(responseTemplates) && { responseTemplates: texts(responseTemplates) }),
            },
          ];
        }),
    );
  }

  #methodsOf(path: string, item: unknown): Record<string, RestMethod> {
    if (!isObject(item)) return {};
    const common = Array.isArray(item.parameters) ? item.parameters : [];
    const methods: Record<string, RestMethod> = {};
    for (const [name, operation] of Object.entries(item)) {
      const verb = name === `${PREFIX}any-method` ? 'ANY' : METHODS.get(name.toLowerCase());
      if (verb === undefined || !isObject(operation)) continue;
      methods[verb] = this.#methodOf(path, verb, operation, common);
    }
    return methods;
  }

  #methodOf(path: string, httpMethod: string, operation: Json, common: readonly unknown[]): RestMethod {
    const own = Array.isArray(operation.parameters) ? operation.parameters : [];
    const parameters = [...common, ...own].map((one) => this.#resolved(one)).filter(isObject);
    const integration = operation[`${PREFIX}integration`];
    const requestModels = this.#requestModels(operation, parameters);
    const responses = responsesOf(operation);
    const method: RestMethod = {
      ...{ httpMethod, apiKeyRequired: false, authorizationType: 'NONE' },
      ...(typeof operation.operationId === 'string' && { operationName: operation.operationId }),
      requestParameters: parametersOf(parameters),
      ...(Object.keys(requestModels).length > 0 && { requestModels }),
      ...(Object.keys(responses).length > 0 && { methodResponses: responses }),
      ...this.#validatorOf(operation),
      ...this.#securityOf(operation),
      ...(isObject(integration) && { methodIntegration: integrationOf(integration) }),
    };
    const content = { authorizers: this.#authorizers, validators: this.#validators } as RestContent;
    try {
      checkMethod(method, content);
      if (method.methodIntegration) checkIntegration(method.methodIntegration);
    } catch (error) {
      throw badRequest(
        `Unable to put method '${httpMethod}' on resource at path '${path}': ${(error as Error).message}`,
      );
    }
    return method;
  }

  /** What `$ref` leads to within the document. */
  #resolved(value: unknown): unknown {
    if (!isObject(value) || typeof value.$ref !== 'string') return value;
    const path = value.$ref.replace(/^#\//, '').split('/');
    return path.reduce<unknown>(
      (found, name) => (isObject(found) && Object.hasOwn(found, name) ? found[name] : undefined),
      this.#document,
    );
  }

  #requestModels(operation: Json, parameters: readonly Json[]): Record<string, string> {
    const body = parameters.find((one) => one.in === 'body');
    const named = modelName(body?.schema);
    if (named !== undefined) return { 'application/json': named };
    const content = member(member(operation, 'requestBody'), 'content');
    return Object.fromEntries(
      Object.entries(content).flatMap(([type, media]) => {
        const name = isObject(media) ? modelName(media.schema) : undefined;
        return name === undefined ? [] : [[type, name]];
      }),
    );
  }

  #validatorOf(operation: Json): Partial<RestMethod> {
    const name = operation[`${PREFIX}request-validator`] ?? this.#document[`${PREFIX}request-validator`];
    const found = Object.values(this.#validators).find((one) => one.name === name);
    return found ? { requestValidatorId: found.id } : {};
  }

  #securityOf({ security = this.#document.security }: Json): Partial<RestMethod> {
    let asked: Partial<RestMethod> = {};
    for (const requirement of Array.isArray(security) ? security : []) {
      for (const [name, scopes] of Object.entries(isObject(requirement) ? requirement : {})) {
        const scheme = this.#schemes[name];
        const scoped = Array.isArray(scopes) && scopes.length > 0 && scheme?.authorizerId !== undefined;
        asked = { ...asked, ...scheme, ...(scoped && { authorizationScopes: scopes.map(String) }) };
      }
    }
    return asked;
  }
}

function authorizerOf(id: string, name: string, scheme: Json, given: Json): RestAuthorizer {
  const type = String(given.type).toUpperCase() as RestAuthorizer['type'];
  const source = given.identitySource ?? (type === 'REQUEST' ? undefined : `method.request.header.${scheme.name}`);
  const { authorizerResultTtlInSeconds: ttl = REST_API_LIMITS.authorizerTtlSecondsDefault } = given;
  return {
    ...{ id, name, type, authorizerResultTtlInSeconds: Number(ttl) },
    ...(typeof given.authorizerUri === 'string' && { authorizerUri: given.authorizerUri }),
    ...(typeof given.authorizerCredentials === 'string' && { authorizerCredentials: given.authorizerCredentials }),
    ...(typeof source === 'string' && { identitySource: source }),
    ...(typeof given.identityValidationExpression === 'string' && {
      identityValidationExpression: given.identityValidationExpression,
    }),
    ...(Array.isArray(given.providerARNs) && { providerARNs: given.providerARNs.map(String) }),
  };
}

const PLACES: Readonly<Record<string, string>> = { path: 'path', query: 'querystring', header: 'header' };

function parametersOf(parameters: readonly Json[]): Record<string, boolean> {
  return Object.fromEntries(
    parameters
      .filter((one) => PLACES[String(one.in)] !== undefined)
      .map((one) => [`method.request.${PLACES[String(one.in)]}.${one.name}`, one.required === true]),
  );
}

function modelName(schema: unknown): string | undefined {
  const reference = isObject(schema) ? schema.$ref : undefined;
  return typeof reference === 'string'
    ? /^#\/(?:definitions|components\/schemas)\/([^/]+)$/.exec(reference)?.[1]
    : undefined;
}

function responsesOf(operation: Json): Record<string, RestMethodResponse> {
  const found: Record<string, RestMethodResponse> = {};
  for (const [statusCode, response] of Object.entries(member(operation, 'responses'))) {
    if (!/^\d{3}$/.test(statusCode) || !isObject(response)) continue;
    const headers = Object.keys(member(response, 'headers')).map((name) => [`method.response.header.${name}`, false]);
    found[statusCode] = {
      statusCode,
      ...(headers.length > 0 && { responseParameters: Object.fromEntries(headers) }),
    };
  }
  return found;
}

function integrationOf(given: Json): RestIntegration {
  checkBuilt(given);
  const { type, httpMethod, uri, requestParameters, requestTemplates, responses, timeoutInMillis } = given;
  const answers = Object.entries(isObject(responses) ? responses : {}).map(([pattern, one]) =>
    responseOf(pattern, one),
  );
  return {
    ...{ passthroughBehavior: 'WHEN_NO_MATCH', timeoutInMillis: REST_API_LIMITS.timeoutMsMax },
    type: String(type).toUpperCase() as RestIntegration['type'],
    ...(typeof httpMethod === 'string' && { httpMethod }),
    ...(typeof uri === 'string' && { uri }),
    ...(isObject(requestParameters) && { requestParameters: texts(requestParameters) }),
    ...(isObject(requestTemplates) && { requestTemplates: texts(requestTemplates) }),
    ...(typeof given.passthroughBehavior === 'string' && {
      passthroughBehavior: given.passthroughBehavior.toUpperCase(),
    }),
    ...(typeof given.contentHandling === 'string' && { contentHandling: given.contentHandling }),
    ...(typeof given.credentials === 'string' && { credentials: given.credentials }),
    ...(typeof given.connectionType === 'string' && { connectionType: given.connectionType }),
    ...(timeoutInMillis !== undefined && { timeoutInMillis: Number(timeoutInMillis) }),
    ...(answers.length > 0 && {
      integrationResponses: Object.fromEntries(answers.map((one) => [one.statusCode, one])),
    }),
  };
}

/** @param pattern  what the integration's answer must match; `default` takes all others */
function responseOf(pattern: string, given: unknown): RestIntegrationResponse {
  const { statusCode = pattern, responseParameters, responseTemplates, contentHandling } = isObject(given) ? given : {};
  return {
    statusCode: String(statusCode),
    ...(pattern !== 'default' && { selectionPattern: pattern }),
    ...(isObject(responseParameters) && { responseParameters: texts(responseParameters) }),
    ...(isObject(responseTemplates) && { responseTemplates: texts(responseTemplates) }),
    ...(typeof contentHandling === 'string' && { contentHandling }),
  };
}

/**
 * An API with the methods that a definition has, the resources for them made where they are missing.
 * @param content  as it was, or with its root alone
 */
export function withDefinition(
  content: RestContent,
  { content: defined, paths }: DefinedRestApi,
  newId: () => string,
): RestContent {
  let after: RestContent = { ...content, ...defined };
  for (const [path, methods] of Object.entries(paths)) {
    const parts = path.split('/').filter((part) => part !== '');
    let at = after.rootId;
    for (const pathPart of parts) {
      const known = Object.values(after.resources).find((one) => one.parentId === at && one.pathPart === pathPart);
      const id = known?.id ?? newId();
      if (!known) after = withResource(after, { id, parentId: at, pathPart, path: '', methods: {} });
      at = id;
    }
    const resource: RestResource = after.resources[at]!;
    const all = { ...resource, methods: { ...resource.methods, ...methods } };
    after = { ...after, resources: { ...after.resources, [at]: all } };
  }
  return after;
}

function texts(values: Json): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)]));
}

/** A member that is an object; an empty one where there is none. */
function member(value: Json, name: string): Json {
  const found = value[name];
  return isObject(found) ? found : {};
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
