/* What a REST API may be set to. */
import { badRequest, notFound } from './errors.ts';
import { REST_API_LIMITS } from './limits.ts';
import type { RestAuthorizer, RestContent, RestIntegration, RestMethod, RestStage } from './model.ts';

/** @throws not-found */
export function partOf<T>(parts: Readonly<Record<string, T>>, id: string, what: string): T {
  const part = Object.hasOwn(parts, id) ? parts[id] : undefined;
  if (part === undefined) throw notFound(what);
  return part;
}

const PATH_PART = /^(?:[A-Za-z0-9._~:-]+|\{[A-Za-z0-9._:-]+\+?\})$/;
const METHOD = /^(GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH|ANY)$/;

/** @throws bad-request */
export function checkPathPart(part: string): void {
  if (PATH_PART.test(part)) return;
  throw badRequest(
    "Resource's path part only allow a-zA-Z0-9._-: or a valid greedy path variable and curly braces at the beginning and the end.",
  );
}

/** @throws bad-request, not-found: what it names is not there */
export function checkMethod(method: RestMethod, { authorizers, validators }: RestContent): void {
  const { httpMethod, authorizationType, authorizerId, requestValidatorId } = method;
  if (!METHOD.test(httpMethod))
    throw badRequest('Invalid HttpMethod specified. Valid options are GET,PUT,POST,DELETE,PATCH,OPTIONS,HEAD,ANY');
  if (!['NONE', 'AWS_IAM', 'CUSTOM', 'COGNITO_USER_POOLS'].includes(authorizationType)) {
    throw badRequest(
      'Invalid authorization type specified. Allowed values are NONE, AWS_IAM, CUSTOM, COGNITO_USER_POOLS',
    );
  }
  if (authorizationType === 'CUSTOM' || authorizationType === 'COGNITO_USER_POOLS') {
    const authorizer = authorizers[authorizerId ?? ''];
    if (!authorizer)
      throw badRequest(
        'Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS requires a valid authorizer.',
      );
    if ((authorizationType === 'COGNITO_USER_POOLS') !== (authorizer.type === 'COGNITO_USER_POOLS')) {
      throw badRequest('Authorization type does not fit the authorizer');
    }
  }
  if (requestValidatorId !== undefined && requestValidatorId !== '' && !validators[requestValidatorId]) {
    throw badRequest('Invalid Request Validator identifier specified');
  }
}

/** @throws bad-request */
export function checkIntegration(integration: RestIntegration): void {
  const { type, uri, httpMethod, timeoutInMillis, connectionType } = integration;
  if (!['AWS', 'AWS_PROXY', 'HTTP', 'HTTP_PROXY', 'MOCK'].includes(type))
    throw badRequest('Invalid integration type specified');
  if (connectionType === 'VPC_LINK') throw badRequest('VPC links are not built in Millrace.');
  const { timeoutMsMin, timeoutMsMax } = REST_API_LIMITS;
  if (timeoutInMillis !== undefined && (timeoutInMillis < timeoutMsMin || timeoutInMillis > timeoutMsMax)) {
    throw badRequest(`Timeout should be between ${timeoutMsMin} ms and ${timeoutMsMax} ms`);
  }
  const longest = Math.max(0, ...Object.values(integration.requestTemplates ?? {}).map((one) => one.length));
  if (longest > REST_API_LIMITS.templateBytesMax) throw badRequest('Mapping template is too large');
  if (type === 'MOCK') return;
  if (uri === undefined || uri === '') throw badRequest('Enumeration value for URI must be non-empty');
  if (httpMethod === undefined) throw badRequest('Enumeration value for HttpMethod must be non-empty');
  if (type.startsWith('HTTP')) {
    if (!/^https?:\/\/[^\s]+$/.test(uri)) throw badRequest('Invalid HTTP endpoint specified for URI');
  } else if (!/^arn:aws[a-z-]*:apigateway:[a-z0-9-]+:/.test(uri))
    throw badRequest('Invalid ARN specified in the request');
  else if (!uri.includes(':lambda:path/')) {
    throw badRequest('Integrations with AWS services other than Lambda are not built in Millrace.');
  }
}

/**
 * What integrations are given, by calls and by definitions, and would be passed over.
 * @throws bad-request
 */
export function checkBuilt({ tlsConfig, responseTransferMode }: Readonly<Record<string, unknown>>): void {
  const { insecureSkipVerification = false } = (tlsConfig ?? {}) as { readonly insecureSkipVerification?: unknown };
  if (insecureSkipVerification !== false) throw badRequest('insecureSkipVerification is not built in Millrace.');
  if (responseTransferMode !== undefined && responseTransferMode !== 'BUFFERED') {
    throw badRequest(`responseTransferMode ${responseTransferMode} is not built in Millrace; BUFFERED is.`);
  }
}

/** @throws bad-request */
export function checkAuthorizer(authorizer: RestAuthorizer): void {
  const { type, authorizerUri, providerARNs = [], identitySource, authorizerResultTtlInSeconds: ttl = 0 } = authorizer;
  if (!['TOKEN', 'REQUEST', 'COGNITO_USER_POOLS'].includes(type)) throw badRequest('Invalid authorizer type specified');
  if (type === 'COGNITO_USER_POOLS' && providerARNs.length === 0) {
    throw badRequest('Authorizer of type COGNITO_USER_POOLS requires provider ARNs');
  }
  if (type !== 'COGNITO_USER_POOLS' && !authorizerUri?.includes(':lambda:path/')) {
    throw badRequest(
      `Invalid Authorizer URI: ${authorizerUri ?? ''}. Authorizer URI should be a valid API Gateway ARN that represents a Lambda function invocation.`,
    );
  }
  const { authorizerTtlSecondsMax } = REST_API_LIMITS;
  if (ttl < 0 || ttl > authorizerTtlSecondsMax) {
    throw badRequest(`Authorizer result TTL must be between 0 and ${authorizerTtlSecondsMax} seconds`);
  }
  if (type !== 'REQUEST' && !identitySource) throw badRequest('Identity source is required');
  if (type === 'REQUEST' && ttl > 0 && !identitySource) {
    throw badRequest('Identity source is required when authorizer caching is enabled');
  }
  const { identityValidationExpression: expression } = authorizer;
  if (expression !== undefined && !isPattern(expression)) throw badRequest('Invalid identity validation expression');
}

/** Longest pattern for tokens: a client's token is matched with it. */
const PATTERN_LENGTH_MAX = 256;

function isPattern(text: string): boolean {
  try {
    return text.length <= PATTERN_LENGTH_MAX && new RegExp(text) !== undefined;
  } catch {
    return false;
  }
}

/** @throws bad-request */
export function checkStage({ stageName, variables = {} }: Pick<RestStage, 'stageName' | 'variables'>): void {
  if (!/^[A-Za-z0-9_-]{1,128}$/.test(stageName)) throw badRequest('Stage name only allows a-zA-Z0-9_');
  const entries = Object.entries(variables);
  if (entries.length > REST_API_LIMITS.stageVariablesMax) {
    throw badRequest(`At most ${REST_API_LIMITS.stageVariablesMax} stage variables are allowed`);
  }
  for (const [name, value] of entries) {
    if (!/^[A-Za-z0-9_]+$/.test(name)) throw badRequest(`Invalid stage variable name: ${name}`);
    if (!/^[A-Za-z0-9\-._~:/?#&=,@ ]*$/.test(value)) throw badRequest(`Invalid stage variable value: ${value}`);
  }
}

/** @throws bad-request */
export function checkTags(tags: Readonly<Record<string, string>>): void {
  const { tagsMax } = REST_API_LIMITS;
  if (Object.keys(tags).length > tagsMax) throw badRequest(`At most ${tagsMax} tags are allowed`);
}
