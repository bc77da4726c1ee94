import type { CorsRules } from '../../services/lambda/index.ts';

/** What a request says of the page that makes it. */
export interface PageRequest {
  readonly method: string;
  readonly origin: string | undefined;
  /** `Access-Control-Request-Method`: a browser asks before it sends. */
  readonly wantsMethod: string | undefined;
}

/** A question of a browser, which a URL with rules answers itself. */
export function isPreflight({ method, origin, wantsMethod }: PageRequest): boolean {
  return method === 'OPTIONS' && origin !== undefined && wantsMethod !== undefined;
}

export function allowsOrigin({ allowOrigins = [] }: CorsRules, origin: string): boolean {
  return allowOrigins.some((allowed) => allowed === '*' || allowed.toLowerCase() === origin.toLowerCase());
}

/**
 * Headers for a page that may have the response; none for one that may not.
 * @see AWS Lambda developer guide, "Cross-origin resource sharing (CORS)"
 */
export function corsHeaders(rules: CorsRules, request: PageRequest): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  const { origin } = request;
  const everyone = rules.allowOrigins?.includes('*') === true && rules.allowCredentials !== true;
  if (!everyone) headers.set('vary', 'Origin');
  if (origin === undefined || !allowsOrigin(rules, origin)) return headers;
  headers.set('access-control-allow-origin', everyone ? '*' : origin);
  if (rules.allowCredentials) headers.set('access-control-allow-credentials', 'true');
  if (rules.exposeHeaders?.length) headers.set('access-control-expose-headers', rules.exposeHeaders.join(','));
  if (!isPreflight(request)) return headers;
  if (rules.allowMethods?.length) headers.set('access-control-allow-methods', rules.allowMethods.join(','));
  if (rules.allowHeaders?.length) headers.set('access-control-allow-headers', rules.allowHeaders.join(','));
  if (rules.maxAgeSeconds !== undefined) headers.set('access-control-max-age', String(rules.maxAgeSeconds));
  return headers;
}
