/* What an API may be set to, in AWS's words where clients read them. */
import { badRequest, notFound } from './errors.ts';
import { HTTP_API_LIMITS } from './limits.ts';
import type { ApiContent, HttpAuthorizer, HttpIntegration, HttpRoute, HttpStage } from './model.ts';

const METHODS = 'ANY|DELETE|GET|HEAD|OPTIONS|PATCH|POST|PUT';
const ROUTE_KEY = new RegExp(`^(${METHODS}) (/.*)$`);
const SEGMENT = /^(?:[A-Za-z0-9._~%!$&'()*+,;=:@-]*|\{[A-Za-z0-9._~-]+\})$/;
const GREEDY = /^\{[A-Za-z0-9._~-]+\+\}$/;
const MALFORMED_KEY =
  'The provided route key is not formatted properly for HTTP protocol. Format should be "<HTTP METHOD> /<RESOURCE PATH>" or "$default"';

/** @throws bad-request  neither `$default` nor a method and a path */
export function checkRouteKey(key: string): void {
  if (key === '$default') return;
  const path = ROUTE_KEY.exec(key)?.[2];
  if (path === undefined) throw badRequest(MALFORMED_KEY);
  const segments = path.slice(1).split('/');
  segments.forEach((segment, index) => {
    if (GREEDY.test(segment)) {
      if (index < segments.length - 1)
        throw badRequest(`Greedy path variable ${segment} must be at the end of the path`);
    } else if (!SEGMENT.test(segment)) throw badRequest(MALFORMED_KEY);
  });
  const names = segments.filter((segment) => segment.startsWith('{'));
  if (new Set(names.map((name) => name.replace('+', ''))).size < names.length) {
    throw badRequest('Path variables of a route must have different names');
  }
}

/** @throws bad-request, not-found: what it names is not there */
export function checkRoute(route: HttpRoute, { integrations, authorizers }: ApiContent): void {
  checkRouteKey(route.RouteKey);
  const { Target, AuthorizationType = 'NONE', AuthorizerId, AuthorizationScopes = [] } = route;
  if (Target !== undefined && Target !== '') {
    const id = /^integrations\/([a-z0-9]+)$/.exec(Target)?.[1];
    if (id === undefined) throw badRequest(`Invalid target: ${Target}`);
    if (!integrations[id]) throw badRequest(`Invalid Integration identifier specified: ${id}`);
  }
  if (AuthorizationScopes.length > HTTP_API_LIMITS.scopesPerRouteMax) {
    throw badRequest(`At most ${HTTP_API_LIMITS.scopesPerRouteMax} authorization scopes are allowed`);
  }
  const wanted = { JWT: 'JWT', CUSTOM: 'REQUEST' }[AuthorizationType as string];
  if (wanted === undefined) {
    if (AuthorizationScopes.length > 0) throw badRequest('Authorization scopes are not supported for this type');
    return;
  }
  if (AuthorizerId === undefined)
    throw badRequest(`AuthorizerId is required when AuthorizationType is ${AuthorizationType}`);
  const authorizer = authorizers[AuthorizerId];
  if (!authorizer) throw badRequest(`Invalid Authorizer identifier specified: ${AuthorizerId}`);
  if (authorizer.AuthorizerType !== wanted) {
    throw badRequest(
      `Authorizer ${AuthorizerId} is not of the type that AuthorizationType ${AuthorizationType} asks for`,
    );
  }
}

const SUBTYPE_REFUSED = 'Integrations with AWS services (IntegrationSubtype) are not built in Millrace.';

/** @throws bad-request */
export function checkIntegration(integration: HttpIntegration): void {
  const { IntegrationType, IntegrationUri, PayloadFormatVersion, ConnectionType, TimeoutInMillis } = integration;
  if (integration.IntegrationSubtype !== undefined) throw badRequest(SUBTYPE_REFUSED);
  if (ConnectionType === 'VPC_LINK') throw badRequest('VPC links are not built in Millrace.');
  if (IntegrationType !== 'AWS_PROXY' && IntegrationType !== 'HTTP_PROXY') {
    throw badRequest(`Only AWS_PROXY and HTTP_PROXY integrations are supported for HTTP APIs, not ${IntegrationType}`);
  }
  if (IntegrationUri === undefined) throw badRequest('IntegrationUri is required');
  if (IntegrationType === 'AWS_PROXY' && !IntegrationUri.startsWith('arn:')) {
    throw badRequest(`Invalid function ARN or invalid uri: ${IntegrationUri}`);
  }
  if (IntegrationType === 'HTTP_PROXY') checkTarget(IntegrationUri);
  const formats = IntegrationType === 'AWS_PROXY' ? ['1.0', '2.0'] : ['1.0'];
  if (PayloadFormatVersion !== undefined && !formats.includes(PayloadFormatVersion)) {
    throw badRequest(`Invalid PayloadFormatVersion: ${PayloadFormatVersion}. Supported: ${formats.join(', ')}`);
  }
  const { timeoutMsMin, timeoutMsMax } = HTTP_API_LIMITS;
  if (TimeoutInMillis !== undefined && (TimeoutInMillis < timeoutMsMin || TimeoutInMillis > timeoutMsMax)) {
    throw badRequest(`Timeout should be between ${timeoutMsMin} ms and ${timeoutMsMax} ms`);
  }
}

/** An address of another server; path variables and stage variables may stand in it. */
function checkTarget(uri: string): void {
  if (!/^https?:\/\/[^\s]+$/.test(uri) && !uri.startsWith('${stageVariables.')) {
    throw badRequest(`Invalid HTTP endpoint specified for URI: ${uri}`);
  }
}

const IDENTITY_SOURCE =
  /^\$(request\.(header|querystring)\.[^\s]+|context\.[A-Za-z0-9._-]+|stageVariables\.[A-Za-z0-9_]+)$/;

/** @throws bad-request */
export function checkAuthorizer(authorizer: HttpAuthorizer): void {
  const { AuthorizerType, IdentitySource = [], AuthorizerResultTtlInSeconds: ttl = 0 } = authorizer;
  const odd = IdentitySource.find((source) => !IDENTITY_SOURCE.test(source));
  if (odd !== undefined) throw badRequest(`Invalid mapping expression specified: ${odd}`);
  if (ttl < 0 || ttl > HTTP_API_LIMITS.authorizerTtlSecondsMax) {
    throw badRequest(`AuthorizerResultTtlInSeconds must be between 0 and ${HTTP_API_LIMITS.authorizerTtlSecondsMax}`);
  }
  if (AuthorizerType === 'JWT') return checkJwtAuthorizer(authorizer);
  const { AuthorizerUri, AuthorizerPayloadFormatVersion: format, EnableSimpleResponses } = authorizer;
  if (AuthorizerUri === undefined) throw badRequest('AuthorizerUri is required for authorizers of type REQUEST');
  if (format !== '1.0' && format !== '2.0') {
    throw badRequest('AuthorizerPayloadFormatVersion is a required parameter for REQUEST authorizer: 1.0 or 2.0');
  }
  if (EnableSimpleResponses && format === '1.0') {
    throw badRequest('EnableSimpleResponses is supported with AuthorizerPayloadFormatVersion 2.0 only');
  }
  if (ttl > 0 && IdentitySource.length === 0) {
    throw badRequest('Identity sources are required when authorizer caching is enabled');
  }
}

function checkJwtAuthorizer({ IdentitySource = [], JwtConfiguration }: HttpAuthorizer): void {
  const { Issuer, Audience = [] } = JwtConfiguration ?? {};
  if (IdentitySource.length !== 1) throw badRequest('JWT authorizers have exactly one identity source');
  if (!/^\$request\.(header|querystring)\./.test(IdentitySource[0]!)) {
    throw badRequest(`Invalid identity source for a JWT authorizer: ${IdentitySource[0]}`);
  }
  if (Issuer === undefined) throw badRequest('Issuer is a required parameter for JWT authorizer');
  if (!isIssuer(Issuer)) throw badRequest(`Invalid issuer: ${Issuer}. Issuer must be an https URL`);
  if (Audience.length === 0) throw badRequest('Audience is a required parameter for JWT authorizer');
  if (Audience.length > HTTP_API_LIMITS.audiencesMax) {
    throw badRequest(`At most ${HTTP_API_LIMITS.audiencesMax} audiences are allowed`);
  }
}

/** Issuers of tests on this machine have no certificates. */
function isIssuer(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, search, hash } = new URL(text);
  if (search !== '' || hash !== '') return false;
  const isHere = hostname === 'localhost' || hostname.endsWith('.localhost') || /^127\.|^\[::1\]$/.test(hostname);
  return protocol === 'https:' || (protocol === 'http:' && isHere);
}

const VARIABLE_NAME = /^[A-Za-z0-9_]+$/;
const VARIABLE_VALUE = /^[A-Za-z0-9\-._~:/?#&=,]*$/;

/** @throws bad-request */
export function checkStage({ StageName, StageVariables = {}, AccessLogSettings }: HttpStage): void {
  if (StageName !== '$default' && !/^[A-Za-z0-9_-]{1,128}$/.test(StageName)) {
    throw badRequest('Stage name only allows a-zA-Z0-9_- and $default');
  }
  const variables = Object.entries(StageVariables);
  if (variables.length > HTTP_API_LIMITS.stageVariablesMax) {
    throw badRequest(`At most ${HTTP_API_LIMITS.stageVariablesMax} stage variables are allowed`);
  }
  for (const [name, value] of variables) {
    if (!VARIABLE_NAME.test(name)) throw badRequest(`Invalid stage variable name: ${name}`);
    if (!VARIABLE_VALUE.test(value)) throw badRequest(`Invalid stage variable value for ${name}`);
  }
  const { DestinationArn, Format } = AccessLogSettings ?? {};
  if (DestinationArn !== undefined && !/^arn:aws[a-z-]*:logs:[^:]*:\d*:log-group:[^:]+(:\*)?$/.test(DestinationArn)) {
    throw badRequest('Access log destination must be the ARN of a log group');
  }
  if (
    Format !== undefined &&
    !Format.includes('$context.requestId') &&
    !Format.includes('$context.extendedRequestId')
  ) {
    throw badRequest('Access log format must include $context.requestId or $context.extendedRequestId');
  }
}

/** @throws not-found */
export function partOf<T>(parts: Readonly<Record<string, T>>, id: string, what: string): T {
  const part = Object.hasOwn(parts, id) ? parts[id] : undefined;
  if (part === undefined) throw notFound(what);
  return part;
}

/** @throws bad-request  more tags than may be */
export function checkTags(tags: Readonly<Record<string, string>>): void {
  const { tagsMax } = HTTP_API_LIMITS;
  if (Object.keys(tags).length > tagsMax) throw badRequest(`At most ${tagsMax} tags are allowed`);
}
