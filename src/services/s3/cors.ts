/*
 * Which pages of other sites may have a bucket's answers.
 *
 * @see Amazon S3 user guide, "Using cross-origin resource sharing (CORS)", "Testing CORS"
 */
import { s3Error } from './errors.ts';
import { S3_LIMITS } from './limits.ts';
import type { CorsRule } from './settings.ts';

const METHODS = new Set(['GET', 'PUT', 'HEAD', 'POST', 'DELETE']);

/** @throws DomainError `malformed`, `request-invalid` */
export function checkCors(rules: readonly Partial<CorsRule>[] | undefined): readonly CorsRule[] {
  if (!Array.isArray(rules) || rules.length === 0 || rules.length > S3_LIMITS.corsRulesMax) throw s3Error('malformed');
  for (const rule of rules as readonly Partial<CorsRule>[]) checkRule(rule);
  return rules;
}

function checkRule({ ID, AllowedMethods, AllowedOrigins, AllowedHeaders = [], ExposeHeaders = [] }: Partial<CorsRule>) {
  if (!AllowedMethods?.length || !AllowedOrigins?.length) throw s3Error('malformed');
  if (ID !== undefined && ID.length > S3_LIMITS.ruleIdCharactersMax) throw s3Error('malformed');
  const unsupported = AllowedMethods.find((method) => !METHODS.has(method));
  if (unsupported !== undefined) {
    throw invalid(`Found unsupported HTTP method in CORS config. Unsupported method is ${unsupported}`);
  }
  const origin = AllowedOrigins.find(hasSeveralStars);
  if (origin !== undefined) throw invalid(`AllowedOrigin "${origin}" can not have more than one wildcard.`);
  const header = AllowedHeaders.find(hasSeveralStars);
  if (header !== undefined) throw invalid(`AllowedHeader "${header}" can not have more than one wildcard.`);
  const exposed = ExposeHeaders.find((name) => name.includes('*'));
  if (exposed !== undefined) {
    throw invalid(
      `ExposeHeader "${exposed}" contains wildcard. We currently do not support wildcard for ExposeHeader.`,
    );
  }
  // They become headers of answers.
  if (![...AllowedHeaders, ...ExposeHeaders].every(isHeaderName)) throw s3Error('malformed');
}

const isHeaderName = (name: string) => /^[\w!#$%&'*+.^`|~-]+$/.test(name);
const hasSeveralStars = (text: string) => text.indexOf('*') !== text.lastIndexOf('*');

/** What a browser says of the page that asks. */
export interface PageRequest {
  readonly origin: string | undefined;
  /** That of the request, or the one that the browser asks about. */
  readonly method: string | undefined;
  /** `Access-Control-Request-Headers`. */
  readonly headers: string | undefined;
}

/** Headers for a page that the first rule which fits lets in; `undefined` where none does. */
export function corsHeaders(
  rules: readonly CorsRule[],
  { origin, method, headers }: PageRequest,
): Record<string, string> | undefined {
  if (origin === undefined || method === undefined) return undefined;
  const asked = (headers ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '');
  for (const rule of rules) {
    const allowed = rule.AllowedOrigins.find((pattern) => fits(pattern, origin));
    if (allowed === undefined || !rule.AllowedMethods.includes(method)) continue;
    const names = rule.AllowedHeaders ?? [];
    if (!asked.every((name) => names.some((pattern) => fits(pattern.toLowerCase(), name)))) continue;
    return headersOf(rule, allowed === '*' ? '*' : origin, asked);
  }
  return undefined;
}

function headersOf(rule: CorsRule, origin: string, asked: readonly string[]): Record<string, string> {
  return {
    'access-control-allow-origin': origin,
    'access-control-allow-methods': rule.AllowedMethods.join(', '),
    ...(asked.length > 0 && { 'access-control-allow-headers': asked.join(', ') }),
    ...(rule.ExposeHeaders?.length && { 'access-control-expose-headers': rule.ExposeHeaders.join(', ') }),
    ...(rule.MaxAgeSeconds !== undefined && { 'access-control-max-age': String(rule.MaxAgeSeconds) }),
    ...(origin !== '*' && { 'access-control-allow-credentials': 'true' }),
    vary: 'Origin, Access-Control-Request-Headers, Access-Control-Request-Method',
  };
}

/** A pattern with one star at most. */
function fits(pattern: string, text: string): boolean {
  const star = pattern.indexOf('*');
  if (star < 0) return pattern === text;
  const [before, after] = [pattern.slice(0, star), pattern.slice(star + 1)];
  return text.length >= before.length + after.length && text.startsWith(before) && text.endsWith(after);
}

/**
 * The answer to a browser that asks before it sends.
 *
 * @param rules  `undefined` where the bucket has none
 * @throws DomainError `bad-request`, `access-forbidden`
 */
export function preflight(
  rules: readonly CorsRule[] | undefined,
  page: PageRequest,
  resource: 'BUCKET' | 'OBJECT',
): Record<string, string> {
  const { origin, method } = page;
  if (origin === undefined) {
    throw s3Error('bad-request', { message: 'Insufficient information. Origin request header needed.' });
  }
  if (method === undefined || !METHODS.has(method)) {
    throw s3Error('bad-request', { message: `Invalid Access-Control-Request-Method: ${method ?? 'null'}` });
  }
  const fields = { Method: method, ResourceType: resource };
  if (!rules) {
    throw s3Error('access-forbidden', { message: 'CORSResponse: CORS is not enabled for this bucket.', fields });
  }
  const headers = corsHeaders(rules, page);
  if (headers) return headers;
  throw s3Error('access-forbidden', {
    message:
      "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.",
    fields,
  });
}

function invalid(message: string) {
  return s3Error('request-invalid', { message });
}
