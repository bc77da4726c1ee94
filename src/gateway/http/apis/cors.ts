import type { HttpApi } from '../../../services/apigatewayv2/index.ts';
import { corsHeaders, type PageRequest } from '../cors.ts';

type Cors = NonNullable<HttpApi['settings']['CorsConfiguration']>;

/** Whether a page may have the response. `https://*` stands for all origins of a scheme. */
export function letsPage({ AllowOrigins = [] }: Cors, origin: string): boolean {
  const wanted = origin.toLowerCase();
  return AllowOrigins.some((allowed) => {
    if (allowed === '*') return true;
    const lower = allowed.toLowerCase();
    return lower.endsWith('://*') ? wanted.startsWith(lower.slice(0, -1)) : wanted === lower;
  });
}

/** Headers for the page that makes a request, of an API with rules. */
export function pageHeaders(cors: Cors, page: PageRequest): ReadonlyMap<string, string> {
  const { origin } = page;
  if (origin === undefined) return NONE;
  const everyone = cors.AllowOrigins?.includes('*') === true;
  const allowOrigins = everyone ? ['*'] : letsPage(cors, origin) ? [origin] : [];
  const rules = {
    allowOrigins,
    ...(cors.AllowCredentials !== undefined && { allowCredentials: cors.AllowCredentials }),
    ...(cors.AllowHeaders && { allowHeaders: cors.AllowHeaders }),
    ...(cors.AllowMethods && { allowMethods: cors.AllowMethods }),
    ...(cors.ExposeHeaders && { exposeHeaders: cors.ExposeHeaders }),
    ...(cors.MaxAge !== undefined && { maxAgeSeconds: cors.MaxAge }),
  };
  return corsHeaders(rules, page);
}

const NONE: ReadonlyMap<string, string> = new Map();
