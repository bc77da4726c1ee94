import { isIP } from 'node:net';
import type { Cors } from '@aws-sdk/client-lambda';
import type { Operation, OperationContext } from '../../index.ts';
import { invalidParameter } from '../errors.ts';
import { arnOfUrl, type FunctionUrls, type UrlPlace, type UrlSettings } from '../function-urls.ts';
import type { CorsRules, FunctionUrl } from '../model.ts';
import { named, page } from './shapes.ts';

interface UrlInput {
  readonly FunctionName: string;
  readonly Qualifier?: string;
  readonly AuthType?: FunctionUrl['authType'];
  readonly InvokeMode?: FunctionUrl['invokeMode'];
  readonly Cors?: Cors;
}

/** URLs of one page. */
const LIST_MAX = 50;

/** Path under which every URL can be reached, for those who cannot use the host. */
export const URL_PATH = '/_lambda/urls';

/** Create, Update, Get, Delete and List of FunctionUrlConfig. */
export function functionUrlOperations(urls: FunctionUrls): Record<string, Operation> {
  return {
    CreateFunctionUrlConfig: async (input: UrlInput, context) => {
      const { AuthType, InvokeMode = 'BUFFERED', Cors } = input;
      const settings: UrlSettings = {
        authType: AuthType!,
        invokeMode: InvokeMode,
        ...(Cors && { cors: rulesOf(Cors) }),
      };
      return shapeOf(await urls.create(placeIn(input, context), settings), context);
    },

    UpdateFunctionUrlConfig: async (input: UrlInput, context) => {
      const { AuthType, InvokeMode, Cors } = input;
      const url = await urls.update(placeIn(input, context), {
        ...(AuthType !== undefined && { authType: AuthType }),
        ...(InvokeMode !== undefined && { invokeMode: InvokeMode }),
        ...(Cors && { cors: rulesOf(Cors) }),
      });
      return shapeOf(url, context);
    },

    GetFunctionUrlConfig: (input: UrlInput, context) => shapeOf(urls.get(placeIn(input, context)), context),

    DeleteFunctionUrlConfig: async (input: UrlInput, context) => {
      await urls.delete(placeIn(input, context));
      return {};
    },

    ListFunctionUrlConfigs: (input, context) => {
      const all = urls.list(placeIn(input, context));
      const limit = Math.min(input.MaxItems ?? LIST_MAX, LIST_MAX);
      const { items, ...next } = page(all, ({ qualifier = '$LATEST' }) => qualifier, input.Marker, limit);
      return { FunctionUrlConfigs: items.map((url) => shapeOf(url, context)), ...next };
    },
  };
}

/** @throws invalid-parameter: URLs are of functions and aliases, never of a version */
function placeIn(input: UrlInput, context: OperationContext): UrlPlace {
  const { region, name, qualifier } = named(input, context);
  if (qualifier !== undefined && /^\d+$/.test(qualifier)) {
    throw invalidParameter('Function URLs are of functions and their aliases: a version has none.');
  }
  return { region, name, ...(qualifier !== undefined && qualifier !== '$LATEST' && { qualifier }) };
}

const METHODS = new Set(['*', 'GET', 'PUT', 'HEAD', 'POST', 'PATCH', 'DELETE']);

/** @throws invalid-parameter */
function rulesOf(cors: Cors): CorsRules {
  const { AllowCredentials, AllowHeaders, AllowMethods, AllowOrigins, ExposeHeaders, MaxAge } = cors;
  for (const origin of AllowOrigins ?? []) {
    if (origin !== '*' && !/^[a-z][a-z0-9+.-]*:\/\/[^/\s]+$/i.test(origin)) {
      throw invalidParameter(`Invalid value for AllowOrigins: ${origin} is no origin.`);
    }
  }
  const wrong = AllowMethods?.find((method) => !METHODS.has(method));
  if (wrong !== undefined) throw invalidParameter(`Invalid value for AllowMethods: ${wrong}`);
  return {
    ...(AllowCredentials !== undefined && { allowCredentials: AllowCredentials }),
    ...(AllowHeaders && { allowHeaders: AllowHeaders }),
    ...(AllowMethods && { allowMethods: AllowMethods }),
    ...(AllowOrigins && { allowOrigins: AllowOrigins }),
    ...(ExposeHeaders && { exposeHeaders: ExposeHeaders }),
    ...(MaxAge !== undefined && { maxAgeSeconds: MaxAge }),
  };
}

function shapeOf(url: FunctionUrl, { endpoint }: OperationContext) {
  const { authType, invokeMode, cors, createdAt, modifiedAt } = url;
  return {
    FunctionUrl: addressOf(url, endpoint),
    FunctionArn: arnOfUrl(url),
    AuthType: authType,
    InvokeMode: invokeMode,
    CreationTime: new Date(createdAt).toISOString(),
    LastModifiedTime: new Date(modifiedAt).toISOString(),
    ...(cors && { Cors: corsShape(cors) }),
  };
}

function corsShape({
  allowCredentials,
  allowHeaders,
  allowMethods,
  allowOrigins,
  exposeHeaders,
  maxAgeSeconds,
}: CorsRules) {
  return {
    AllowCredentials: allowCredentials,
    AllowHeaders: allowHeaders,
    AllowMethods: allowMethods,
    AllowOrigins: allowOrigins,
    ExposeHeaders: exposeHeaders,
    MaxAge: maxAgeSeconds,
  };
}

/**
 * Where a URL is, for who has reached the node at `endpoint`: under a host of its own on loopback, whose names need no entry
 * anywhere (`ID.lambda-url.us-east-1.localhost`); elsewhere under a path.
 */
export function addressOf({ id, region }: Pick<FunctionUrl, 'id' | 'region'>, endpoint: string): string {
  const { protocol, hostname, port } = new URL(endpoint);
  if (!isHere(hostname)) return `${endpoint}${URL_PATH}/${id}/`;
  return `${protocol}//${id}.lambda-url.${region}.localhost${port === '' ? '' : `:${port}`}/`;
}

function isHere(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || (isIP(hostname) === 4 && hostname.startsWith('127.'));
}
