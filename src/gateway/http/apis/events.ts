/* The events that functions get for requests to APIs: payload formats 1.0 and 2.0, and those of authorizers. */
import { isUtf8 } from 'node:buffer';
import { formatXRay } from '../../../telemetry/index.ts';
import { headersOf, iamAuthorizer, isTextual, parametersOf, textOf } from '../event.ts';
import { portOf } from './arrival.ts';
import type { ApiCall } from './call.ts';

type Json = Readonly<Record<string, unknown>>;

/** What of a request an integration gets: parameter mapping may have changed it. */
export interface Passed {
  /** Name and value in turn. */
  readonly fields: readonly string[];
  readonly query: string;
  readonly path: string;
}

/** Headers that API Gateway sets itself. What a client says of where it comes from stands in front. */
export function forwardedFields(call: ApiCall): readonly string[] {
  const { fields, sourceIp, authority } = call.arrival;
  const passed: string[] = [];
  let via = sourceIp;
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const name = fields[i]!;
    // Short of the common ones: most headers are none of these.
    const lower = name.charCodeAt(0) === 120 || name.charCodeAt(0) === 88 ? name.toLowerCase() : name;
    if (lower === 'x-forwarded-for') via = `${fields[i + 1]!}, ${sourceIp}`;
    else if (!OWN_FIELDS.has(lower)) passed.push(name, fields[i + 1]!);
  }
  const trace = formatXRay(call.trace).split(';', 1)[0]!;
  passed.push('X-Amzn-Trace-Id', trace, 'X-Forwarded-For', via);
  passed.push('X-Forwarded-Port', portOf(authority), 'X-Forwarded-Proto', 'http');
  return passed;
}

const OWN_FIELDS = new Set(['x-amzn-trace-id', 'x-forwarded-port', 'x-forwarded-proto']);

/** What is passed on where nothing is mapped. */
export function passedOf(call: ApiCall): Passed {
  return { fields: forwardedFields(call), query: call.arrival.query, path: call.path };
}

/**
 * Payload format 2.0.
 * @see Amazon API Gateway developer guide, "Create AWS Lambda proxy integrations for HTTP APIs"
 */
export function eventVersion2(call: ApiCall, passed: Passed): Json {
  const { body } = call;
  if (body.length === 0) return { ...requestVersion2(call, passed), ...restVersion2(call), isBase64Encoded: false };
  const request = requestVersion2(call, passed);
  const type = (request.headers as Record<string, string>)['content-type'];
  // Without a type it may be anything: what is text is passed on as text.
  const isText = (type === undefined || isTextual(type)) && isUtf8(body);
  const told = { body: textOf(body, isText ? 'utf8' : 'base64'), isBase64Encoded: !isText };
  return { ...request, ...restVersion2(call), ...told };
}

function restVersion2(call: ApiCall): Json {
  return {
    requestContext: contextVersion2(call),
    ...(call.variables && { pathParameters: call.variables }),
    ...stageVariables(call),
  };
}

function stageVariables({ stageVariables: variables = {} }: ApiCall): Json {
  return Object.keys(variables).length > 0 ? { stageVariables: variables } : {};
}

function requestVersion2({ routeKey }: ApiCall, { fields, query, path }: Passed): Json {
  const { headers, cookies } = headersOf(fields);
  return {
    version: '2.0',
    routeKey,
    rawPath: path,
    rawQueryString: query,
    ...(cookies.length > 0 && { cookies }),
    headers,
    ...(query !== '' && { queryStringParameters: parametersOf(query) }),
  };
}

function contextVersion2(call: ApiCall): Json {
  const { arrival, authorized } = call;
  const { method, protocol, sourceIp, at } = arrival;
  return {
    accountId: call.accountId,
    apiId: call.apiId,
    ...(authorized && { authorizer: authorizerVersion2(call) }),
    domainName: arrival.host,
    domainPrefix: call.domainPrefix,
    http: { method, path: call.path, protocol, sourceIp, userAgent: call.userAgent },
    requestId: call.requestId,
    routeKey: call.routeKey,
    stage: call.stage,
    time: call.requestTime,
    timeEpoch: at,
  };
}

function authorizerVersion2({ authorized }: ApiCall): Json {
  if (authorized?.kind === 'jwt') return { jwt: { claims: authorized.claims, scopes: authorized.scopes } };
  if (authorized?.kind === 'iam') return { iam: iamAuthorizer(authorized.identity) };
  return { lambda: authorized?.context ?? {} };
}

/**
 * Payload format 1.0.
 * @param body  how it is told: REST APIs have binary types of their own
 * @param own  members of `requestContext` that the kind of API adds or sets otherwise
 */
export function eventVersion1(
  call: ApiCall,
  passed: Passed,
  { own = {}, isBinary, version }: { readonly own?: Json; readonly isBinary: boolean; readonly version?: string },
): Json {
  const { body } = call;
  return {
    ...(version !== undefined && { version }),
    ...requestVersion1(call, passed),
    requestContext: contextVersion1(call, own),
    pathParameters: call.variables ?? null,
    stageVariables: Object.keys(call.stageVariables ?? {}).length > 0 ? call.stageVariables : null,
    body: body.length > 0 ? textOf(body, isBinary ? 'base64' : 'utf8') : null,
    isBase64Encoded: body.length > 0 && isBinary,
  };
}

function requestVersion1(call: ApiCall, { fields, query, path }: Passed): Json {
  const headers = multiplied(fields);
  const parameters = multiplied([...new URLSearchParams(query)].flat());
  const hasQuery = parameters.multi.length > 0;
  return {
    resource: call.resourcePath,
    path,
    httpMethod: call.arrival.method,
    headers: Object.fromEntries(headers.last),
    multiValueHeaders: Object.fromEntries(headers.multi),
    queryStringParameters: hasQuery ? Object.fromEntries(parameters.last) : null,
    multiValueQueryStringParameters: hasQuery ? Object.fromEntries(parameters.multi) : null,
  };
}

/** Names with their last and with all their values. */
function multiplied(pairs: readonly string[]) {
  const all = new Map<string, string[]>();
  for (let i = 0; i + 1 < pairs.length; i += 2) {
    const known = all.get(pairs[i]!);
    if (known) known.push(pairs[i + 1]!);
    else all.set(pairs[i]!, [pairs[i + 1]!]);
  }
  const multi = [...all];
  return { multi, last: multi.map(([name, values]) => [name, values.at(-1)!] as const) };
}

function contextVersion1(call: ApiCall, own: Json): Json {
  const { arrival } = call;
  return {
    accountId: call.accountId,
    apiId: call.apiId,
    ...(call.authorized && { authorizer: authorizerVersion1(call) }),
    domainName: arrival.host,
    domainPrefix: call.domainPrefix,
    extendedRequestId: call.requestId,
    httpMethod: arrival.method,
    identity: identityVersion1(call),
    path: call.path,
    protocol: arrival.protocol,
    requestId: call.requestId,
    requestTime: call.requestTime,
    requestTimeEpoch: arrival.at,
    resourceId: null,
    resourcePath: call.resourcePath,
    stage: call.stage,
    ...own,
  };
}

function authorizerVersion1({ authorized }: ApiCall): Json {
  if (authorized?.kind === 'jwt') return { claims: authorized.claims, scopes: authorized.scopes };
  if (authorized?.kind !== 'lambda') return {};
  // What authorizers give is text for functions behind this format.
  const context = Object.entries(authorized.context).map(([name, value]) => [name, String(value)]);
  const { principalId } = authorized;
  return { ...(principalId !== undefined && { principalId }), integrationLatency: 0, ...Object.fromEntries(context) };
}

function identityVersion1({ arrival, authorized, userAgent }: ApiCall): Json {
  const { accessKey = null, accountId = null, userArn = null } = authorized?.kind === 'iam' ? authorized.identity : {};
  return {
    ...{ accessKey, accountId, caller: accessKey, cognitoAuthenticationProvider: null },
    ...{ cognitoAuthenticationType: null, cognitoIdentityId: null, cognitoIdentityPoolId: null },
    ...{ principalOrgId: null, sourceIp: arrival.sourceIp, user: accessKey, userAgent, userArn },
  };
}

/**
 * What an authorizer of an HTTP API gets.
 * @param arn  of the route that is asked for
 * @see Amazon API Gateway developer guide, "Control access to HTTP APIs with AWS Lambda authorizers"
 */
export function authorizerEvent(call: ApiCall, format: string, identity: readonly string[], arn: string): Json {
  const passed = passedOf(call);
  if (format === '2.0') {
    return {
      ...requestVersion2(call, passed),
      type: 'REQUEST',
      routeArn: arn,
      identitySource: identity,
      requestContext: contextVersion2(call),
      ...(call.variables && { pathParameters: call.variables }),
      ...stageVariables(call),
    };
  }
  return {
    version: '1.0',
    type: 'REQUEST',
    methodArn: arn,
    identitySource: identity.join(','),
    authorizationToken: identity.join(','),
    ...requestVersion1(call, passed),
    requestContext: contextVersion1(call, {}),
    pathParameters: call.variables ?? {},
    stageVariables: call.stageVariables ?? {},
  };
}

/** Headers of HTTP APIs in format 1.0: lower case but for those that API Gateway has a spelling for. */
export function spelled(fields: readonly string[]): readonly string[] {
  return fields.map((text, index) =>
    index % 2 === 0 ? (SPELLINGS.get(text.toLowerCase()) ?? text.toLowerCase()) : text,
  );
}

/** Headers of REST APIs: as they came, but for the host, which every client spells as it likes. */
export function withHost(fields: readonly string[]): readonly string[] {
  return fields.map((text, index) => (index % 2 === 0 && text.toLowerCase() === 'host' ? 'Host' : text));
}

const SPELLINGS = new Map(
  [
    ...['Content-Length', 'Content-Type', 'Host', 'User-Agent', 'X-Amzn-Trace-Id'],
    ...['X-Forwarded-For', 'X-Forwarded-Port', 'X-Forwarded-Proto'],
  ].map((name) => [name.toLowerCase(), name]),
);

/**
 * What an authorizer of a REST API gets.
 * @see Amazon API Gateway developer guide, "Input to an API Gateway Lambda authorizer"
 */
export function restAuthorizerEvent(call: ApiCall, type: string, token: string, arn: string): Json {
  if (type === 'TOKEN') return { type, methodArn: arn, authorizationToken: token };
  const passed = { ...passedOf(call), path: call.stagePath };
  const { queryStringParameters, multiValueQueryStringParameters, ...request } = requestVersion1(call, passed);
  return {
    type,
    methodArn: arn,
    ...request,
    queryStringParameters: queryStringParameters ?? {},
    multiValueQueryStringParameters: multiValueQueryStringParameters ?? {},
    pathParameters: call.variables ?? {},
    stageVariables: call.stageVariables ?? {},
    requestContext: contextVersion1(call, { resourceId: call.more.resourceId }),
  };
}
