/* Definitions of REST APIs: what `openapi.ts` reads, written. */
import { stringify } from 'yaml';
import type { DocumentationVersion } from './documentation.ts';
import type {
  RestApi,
  RestAuthorizer,
  RestContent,
  RestIntegration,
  RestIntegrationResponse,
  RestMethod,
} from './model.ts';

export interface ExportOptions {
  readonly dialect: 'oas30' | 'swagger';
  readonly output: 'json' | 'yaml';
  /** What API Gateway alone understands: integrations, and all the rest of it. */
  readonly integrations: boolean;
  readonly authorizers: boolean;
  readonly rest: boolean;
  /** What the stage is documented with, where that is asked for. */
  readonly documentation: DocumentationVersion | undefined;
  /** Where the stage answers. */
  readonly address: string;
}

const PREFIX = 'x-amazon-apigateway-';

type Json = Record<string, unknown>;

/** The definition of what a stage serves. */
export function exported(api: RestApi, content: RestContent, options: ExportOptions): string {
  const { settings } = api;
  const isSwagger = options.dialect === 'swagger';
  const paths: Record<string, Json> = {};
  for (const { path, methods } of Object.values(content.resources)) {
    const operations = Object.values(methods).map((method) => [
      method.httpMethod === 'ANY' ? `${PREFIX}any-method` : method.httpMethod.toLowerCase(),
      operationOf(method, path, content, options),
    ]);
    if (operations.length > 0) paths[path] = Object.fromEntries(operations);
  }
  const schemas = Object.values(content.models).map(({ name, schema = '{}' }) => [name, JSON.parse(schema)]);
  const schemes = schemesOf(content, options);
  const { host, pathname, protocol } = new URL(options.address);
  const document: Json = {
    ...(isSwagger ? { swagger: '2.0' } : { openapi: '3.0.1' }),
    info: {
      title: settings.name,
      ...(settings.description !== undefined && { description: settings.description }),
      version: settings.version ?? new Date(api.createdAt).toISOString(),
    },
    ...(isSwagger
      ? { host, basePath: pathname, schemes: [protocol.slice(0, -1)] }
      : { servers: [{ url: options.address }] }),
    paths,
    ...(isSwagger
      ? { ...given('definitions', schemas), ...given('securityDefinitions', schemes) }
      : given('components', [
          ...Object.entries(given('schemas', schemas)),
          ...Object.entries(given('securitySchemes', schemes)),
        ])),
    ...(options.rest && restOf(api, content)),
    ...(options.documentation && { [`${PREFIX}documentation`]: documented(options.documentation) }),
  };
  return options.output === 'yaml' ? stringify(document, { aliasDuplicateObjects: false }) : JSON.stringify(document);
}

function documented({ version, createdAt, parts }: DocumentationVersion): Json {
  const documentationParts = parts.map(({ location, properties }) => ({
    location,
    properties: JSON.parse(properties),
  }));
  return { version, createdDate: new Date(createdAt).toISOString(), documentationParts };
}

/** A member, unless there is nothing in it. */
function given(name: string, entries: readonly (readonly unknown[])[]): Json {
  return entries.length > 0 ? { [name]: Object.fromEntries(entries as [string, unknown][]) } : {};
}

function restOf({ settings }: RestApi, content: RestContent): Json {
  const validators = Object.values(content.validators).map(({ id: _id, name, ...validates }) => [name, validates]);
  const responses = Object.values(content.gatewayResponses).map(({ responseType, ...one }) => [responseType, one]);
  return {
    ...given(`${PREFIX}request-validators`, validators),
    ...given(`${PREFIX}gateway-responses`, responses),
    ...(content.binaryMediaTypes && { [`${PREFIX}binary-media-types`]: content.binaryMediaTypes }),
    ...(content.policy !== undefined && { [`${PREFIX}policy`]: JSON.parse(content.policy) }),
    ...(settings.apiKeySource !== undefined && { [`${PREFIX}api-key-source`]: settings.apiKeySource }),
    ...(settings.minimumCompressionSize !== undefined && {
      [`${PREFIX}minimum-compression-size`]: settings.minimumCompressionSize,
    }),
  };
}

const IAM = 'sigv4';
const API_KEY = 'api_key';

function schemesOf(content: RestContent, options: ExportOptions): readonly (readonly [string, Json])[] {
  const methods = Object.values(content.resources).flatMap((resource) => Object.values(resource.methods));
  const inHeader = (name: string) => ({ type: 'apiKey', name, in: 'header' });
  return [
    ...Object.values(content.authorizers).map((one) => [one.name, schemeOf(one, options.authorizers)] as const),
    ...(methods.some(({ authorizationType }) => authorizationType === 'AWS_IAM')
      ? [[IAM, { ...inHeader('Authorization'), [`${PREFIX}authtype`]: 'awsSigv4' }] as const]
      : []),
    ...(methods.some(({ apiKeyRequired }) => apiKeyRequired) ? [[API_KEY, inHeader('x-api-key')] as const] : []),
  ];
}

function schemeOf(authorizer: RestAuthorizer, extensions: boolean): Json {
  const { id: _id, name: _name, type, authType, identitySource, ...more } = authorizer;
  const header = /^method\.request\.header\.([^,]+)$/.exec(identitySource ?? '')?.[1];
  const scheme = { type: 'apiKey', name: header ?? 'Unused', in: 'header' };
  if (!extensions) return scheme;
  const source = type === 'REQUEST' && identitySource !== undefined ? { identitySource } : {};
  return {
    ...scheme,
    [`${PREFIX}authtype`]: authType ?? (type === 'COGNITO_USER_POOLS' ? 'cognito_user_pools' : 'custom'),
    [`${PREFIX}authorizer`]: { type: type.toLowerCase(), ...source, ...more },
  };
}

function operationOf(method: RestMethod, path: string, content: RestContent, options: ExportOptions): Json {
  const isSwagger = options.dialect === 'swagger';
  const { operationName, requestModels = {}, methodResponses = {}, methodIntegration } = method;
  const models = Object.entries(requestModels);
  const validator = content.validators[method.requestValidatorId ?? ''];
  const parameters = [
    ...parametersOf(method, path, isSwagger),
    ...(isSwagger && models.length > 0
      ? [{ in: 'body', name: models[0]![1], required: true, schema: { $ref: `#/definitions/${models[0]![1]}` } }]
      : []),
  ];
  const security = securityOf(method, content);
  return {
    ...(operationName !== undefined && { operationId: operationName }),
    ...(parameters.length > 0 && { parameters }),
    ...(!isSwagger &&
      models.length > 0 && {
        requestBody: {
          content: Object.fromEntries(
            models.map(([type, name]) => [type, { schema: { $ref: `#/components/schemas/${name}` } }]),
          ),
          required: true,
        },
      }),
    responses: Object.fromEntries(
      Object.values(methodResponses).map(({ statusCode, responseParameters = {} }) => [
        statusCode,
        { description: `${statusCode} response`, ...headersOf(responseParameters, isSwagger) },
      ]),
    ),
    ...(security.length > 0 && { security }),
    ...(options.rest && validator && { [`${PREFIX}request-validator`]: validator.name }),
    ...(options.integrations && methodIntegration && { [`${PREFIX}integration`]: integrationOf(methodIntegration) }),
  };
}

const PLACES: Readonly<Record<string, string>> = { path: 'path', querystring: 'query', header: 'header' };

/** Those that the method names, and the variables of its path in any case. */
function parametersOf({ requestParameters = {} }: RestMethod, path: string, isSwagger: boolean): readonly Json[] {
  const type = isSwagger ? { type: 'string' } : { schema: { type: 'string' } };
  const named = Object.entries(requestParameters).flatMap(([parameter, required]) => {
    const [, place = '', name] = /^method\.request\.(path|querystring|header)\.(.+)$/.exec(parameter) ?? [];
    return name === undefined ? [] : [{ name, in: PLACES[place]!, required, ...type }];
  });
  const variables = [...path.matchAll(/\{([^}+]+)\+?\}/g)].map(([, name]) => name!);
  const others = variables.filter((name) => !named.some((one) => one.in === 'path' && one.name === name));
  return [
    ...named.map((one) => (one.in === 'path' ? { ...one, required: true } : one)),
    ...others.map((name) => ({ name, in: 'path', required: true, ...type })),
  ];
}

function headersOf(parameters: Readonly<Record<string, boolean>>, isSwagger: boolean): Json {
  const type = isSwagger ? { type: 'string' } : { schema: { type: 'string' } };
  const names = Object.keys(parameters).map((name) => name.replace('method.response.header.', ''));
  return given(
    'headers',
    names.map((name) => [name, type]),
  );
}

function securityOf(method: RestMethod, { authorizers }: RestContent): readonly Json[] {
  const authorizer = authorizers[method.authorizerId ?? ''];
  return [
    ...(authorizer ? [{ [authorizer.name]: method.authorizationScopes ?? [] }] : []),
    ...(method.authorizationType === 'AWS_IAM' ? [{ [IAM]: [] }] : []),
    ...(method.apiKeyRequired ? [{ [API_KEY]: [] }] : []),
  ];
}

function integrationOf(integration: RestIntegration): Json {
  const { type, integrationResponses, passthroughBehavior, ...more } = integration;
  const responses = Object.values(integrationResponses ?? {}).map(
    ({ selectionPattern = 'default', ...one }: RestIntegrationResponse) => [selectionPattern, one],
  );
  return {
    type: type.toLowerCase(),
    ...more,
    ...(passthroughBehavior !== undefined && { passthroughBehavior: passthroughBehavior.toLowerCase() }),
    ...given('responses', responses),
  };
}
