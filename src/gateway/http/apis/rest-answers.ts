/* What REST APIs answer of themselves, as their owners have customized it. */
import type { RestContent } from '../../../services/apigateway/index.ts';
import type { UrlResponse } from '../response.ts';
import { Refusal } from './answers.ts';
import { headerOf } from './arrival.ts';
import type { ApiCall } from './call.ts';

/** The exception of each kind, and the group whose customization it falls back to. */
const KINDS: Readonly<Record<string, readonly [status: number, type: string]>> = {
  ACCESS_DENIED: [403, 'AccessDeniedException'],
  API_CONFIGURATION_ERROR: [500, 'InternalServerErrorException'],
  AUTHORIZER_CONFIGURATION_ERROR: [500, 'AuthorizerConfigurationException'],
  AUTHORIZER_FAILURE: [500, 'AuthorizerConfigurationException'],
  BAD_REQUEST_BODY: [400, 'BadRequestException'],
  BAD_REQUEST_PARAMETERS: [400, 'BadRequestException'],
  DEFAULT_4XX: [403, 'ForbiddenException'],
  DEFAULT_5XX: [500, 'InternalServerErrorException'],
  INTEGRATION_FAILURE: [504, 'InternalServerErrorException'],
  INTEGRATION_TIMEOUT: [504, 'InternalServerErrorException'],
  INVALID_API_KEY: [403, 'ForbiddenException'],
  INVALID_SIGNATURE: [403, 'InvalidSignatureException'],
  MISSING_AUTHENTICATION_TOKEN: [403, 'MissingAuthenticationTokenException'],
  QUOTA_EXCEEDED: [429, 'LimitExceededException'],
  REQUEST_TOO_LARGE: [413, 'RequestTooLargeException'],
  RESOURCE_NOT_FOUND: [404, 'NotFoundException'],
  THROTTLED: [429, 'TooManyRequestsException'],
  UNAUTHORIZED: [401, 'UnauthorizedException'],
  UNSUPPORTED_MEDIA_TYPE: [415, 'BadRequestException'],
};

/** A request that goes no further. @param status  where it is not that of the kind */
export function restRefusal(kind: string, message: string, status: number = KINDS[kind]![0]): Refusal {
  return new Refusal(status, message, { kind });
}

export const missingToken = () => restRefusal('MISSING_AUTHENTICATION_TOKEN', 'Missing Authentication Token');
export const restForbidden = () => restRefusal('DEFAULT_4XX', 'Forbidden');
export const restInternal = () => restRefusal('API_CONFIGURATION_ERROR', 'Internal server error');
/** A function or a server behind the API has failed, or answered what is no response. */
export const badGateway = () => restRefusal('DEFAULT_5XX', 'Internal server error', 502);
export const timedOut = () => restRefusal('INTEGRATION_TIMEOUT', 'Endpoint request timed out');
export const unreachable = () => restRefusal('INTEGRATION_FAILURE', 'Network error communicating with endpoint');

const NO_OWN: RestContent['gatewayResponses'] = {};

/**
 * A refusal as the API says it.
 * @param own  customized responses
 */
export function restRefused(
  call: ApiCall,
  refusal: Refusal,
  own: RestContent['gatewayResponses'] = NO_OWN,
): UrlResponse {
  const { kind, status, message } = refusal;
  const group = status < 500 ? 'DEFAULT_4XX' : 'DEFAULT_5XX';
  const customized = own[kind] ?? own[group];
  call.errorType = kind;
  call.errorMessage = message;
  const [contentType, template] = templateFor(call, customized?.responseTemplates);
  const headers = new Map<string, string>([
    ['content-type', contentType],
    ['x-amzn-errortype', KINDS[kind]?.[1] ?? 'ForbiddenException'],
    ...Object.entries(refusal.headers),
  ]);
  for (const [key, expression] of Object.entries(customized?.responseParameters ?? {})) {
    const name = /^gatewayresponse\.header\.(.+)$/.exec(key)?.[1];
    const value = name === undefined ? undefined : parameterValue(call, expression);
    if (value !== undefined && !/[^\t\x20-\x7e\x80-\xff]/.test(value)) headers.set(name!.toLowerCase(), value);
  }
  const text = template === undefined ? plainBody(refusal) : filled(call, template);
  const customizedStatus = Number(customized?.statusCode);
  return { status: customizedStatus >= 100 ? customizedStatus : status, headers, body: Buffer.from(text) };
}

/** AWS spells the member in two ways: with a capital where policies have denied. */
function plainBody({ kind, message }: Refusal): string {
  return JSON.stringify(kind === 'ACCESS_DENIED' ? { Message: message } : { message });
}

function templateFor(
  call: ApiCall,
  templates: Readonly<Record<string, string>> | undefined,
): readonly [contentType: string, template: string | undefined] {
  const entries = Object.entries(templates ?? {});
  const accept = headerOf(call.arrival, 'accept') ?? '';
  const wanted =
    entries.find(([type]) => accept.includes(type)) ?? entries.find(([type]) => type === 'application/json');
  return wanted ?? entries[0] ?? ['application/json', undefined];
}

/** `'text'`, `context...`, `stageVariables...`, `method.request...`. */
function parameterValue(call: ApiCall, expression: string): string | undefined {
  if (/^'.*'$/s.test(expression)) return expression.slice(1, -1);
  if (expression.startsWith('context.')) return call.context(expression.slice(8));
  if (expression.startsWith('stageVariables.')) return call.stageVariable(expression.slice(15));
  if (expression.startsWith('method.request.header.'))
    return headerOf(call.arrival, expression.slice(22).toLowerCase());
  if (expression.startsWith('method.request.path.')) return call.pathVariable(expression.slice(20));
  if (expression.startsWith('method.request.querystring.')) return call.queryValue(expression.slice(27));
  return undefined;
}

/** Templates of gateway responses know variables, and nothing else of the language. */
function filled(call: ApiCall, template: string): string {
  return template.replace(
    /\$(?:\{(context|stageVariables)\.([^}]+)\}|(context|stageVariables)\.([A-Za-z0-9_]+(?:[.-][A-Za-z0-9_]+)*))/g,
    (_all, braced?: string, inside = '', bare?: string, name = '') =>
      ((braced ?? bare) === 'context' ? call.context(inside || name) : call.stageVariable(inside || name)) ?? '',
  );
}
