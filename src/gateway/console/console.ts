import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Clock, messageOf } from '../../base/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import { type Asset, loadAssets } from './assets.ts';
import type { FlowSnapshot, FlowSource } from './flow.ts';
import { FlowSampler } from './sampler.ts';

/** Numbers of the console's gateway (S5). */
export const CONSOLE_LIMITS = {
  /** Live feeds at once; the next gets 503 and the browser's EventSource comes again. */
  feedsMax: 100,
  /** Bytes that a slow reader may leave unread before its feed is cut. */
  feedBufferBytesMax: 1024 * 1024,
} as const;

/**
 * Everything comes from the node itself: no inline script, no other origin, no frame around the page.
 * `style-src 'unsafe-inline'` is not needed: styles set by script go through the object model.
 */
const SECURITY_HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
} as const;

const PAGE = '/_millrace/console';
const FLOW = '/_millrace/api/flow';
const EVENTS = '/_millrace/api/flow/events';

/** Takes requests whose path begins with `prefix`, whole segments. */
export interface ConsoleRoute {
  readonly prefix: string;
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
}

/** The console as the wire serves it. */
export interface Console extends AsyncDisposable {
  /** The paths that are the console's, as the wire takes them; they answer HTTP/1.1 and HTTP/2's compatibility API, and never throw. */
  readonly routes: readonly ConsoleRoute[];
}

/** Opens the console's gateway, which reads `source` once a second while somebody looks. The page is bundled on its first request. */
export async function openConsole(options: {
  readonly source: FlowSource;
  readonly clock: Clock;
  readonly logger: Logger;
}): Promise<Console> {
  const logger = options.logger.child({ room: 'console' });
  const sampler = new FlowSampler({ ...options, logger });
  await sampler.start();
  return new ConsoleGateway(sampler, logger);
}

class ConsoleGateway implements Console {
  readonly routes: readonly ConsoleRoute[];
  readonly #sampler: FlowSampler;
  readonly #logger: Logger;
  readonly #feeds = new Set<ServerResponse>();
  #assets: Promise<ReadonlyMap<string, Asset>> | undefined;

  constructor(sampler: FlowSampler, logger: Logger) {
    this.#sampler = sampler;
    this.#logger = logger;
    const handle = (request: IncomingMessage, response: ServerResponse) => this.#handle(request, response);
    this.routes = [PAGE, FLOW].map((prefix) => ({ prefix, handle }));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.#route(request, response);
    } catch (error) {
      this.#logger.error('console-request-failed', { path: request.url, reason: messageOf(error), error });
      if (!response.headersSent) answer(response, 500, { message: 'The console could not be built; see the log.' });
      else response.destroy();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#sampler[Symbol.dispose]();
    for (const feed of this.#feeds) feed.end();
    this.#feeds.clear();
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '/').split('?', 1)[0]!;
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD');
      return answer(response, 405, { message: `${request.method} is not allowed here.` });
    }
    if (path === FLOW) return answer(response, 200, await this.#sampler.look());
    if (path === EVENTS) return this.#feed(request, response);
    if (path === PAGE) return redirect(response, `${PAGE}/`);
    const asset = (await this.#loaded()).get(path === `${PAGE}/` ? 'index.html' : path.slice(PAGE.length + 1));
    if (!asset) return answer(response, 404, { message: `There is nothing at ${path}.` });
    sendAsset(request, response, asset);
  }

  /** One build for all first requests; a failed one is tried again by the next request. */
  #loaded(): Promise<ReadonlyMap<string, Asset>> {
    this.#assets ??= loadAssets().catch((error: unknown) => {
      this.#assets = undefined;
      throw error;
    });
    return this.#assets;
  }

  #feed(request: IncomingMessage, response: ServerResponse): void {
    if (this.#feeds.size >= CONSOLE_LIMITS.feedsMax) {
      response.setHeader('retry-after', '5');
      return answer(response, 503, { message: `${CONSOLE_LIMITS.feedsMax} live feeds are open already.` });
    }
    response.writeHead(200, {
      ...SECURITY_HEADERS,
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
    });
    if (request.method === 'HEAD') return void response.end();
    response.write('retry: 1000\n\n');
    const send = (snapshot: FlowSnapshot) => {
      // A reader that is too slow is cut off rather than buffered for: it reconnects and gets the present.
      if (response.writableLength > CONSOLE_LIMITS.feedBufferBytesMax) return void response.destroy();
      response.write(`event: flow\ndata: ${JSON.stringify(snapshot)}\n\n`);
    };
    const stop = this.#sampler.watch(send);
    this.#feeds.add(response);
    response.on('close', () => {
      stop();
      this.#feeds.delete(response);
    });
  }
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, {
    ...SECURITY_HEADERS,
    'content-type': 'application/json',
    'cache-control': 'no-store',
  });
  response.end(JSON.stringify(body));
}

function redirect(response: ServerResponse, location: string): void {
  response.writeHead(308, { ...SECURITY_HEADERS, location });
  response.end();
}

/** `no-cache` with an ETag: the browser asks each time and mostly gets 304, so an upgraded node shows its new console at once. */
function sendAsset(request: IncomingMessage, response: ServerResponse, asset: Asset): void {
  const headers = {
    ...SECURITY_HEADERS,
    'content-type': asset.type,
    etag: asset.etag,
    'cache-control': 'no-cache',
    vary: 'accept-encoding',
  };
  if (request.headers['if-none-match']?.includes(asset.etag)) {
    response.writeHead(304, headers);
    return void response.end();
  }
  const zipped = /\bgzip\b(?!;\s*q=0(?:\.0*)?(?:,|$))/.test(String(request.headers['accept-encoding'] ?? ''));
  const body = zipped ? asset.gzipped : asset.body;
  response.writeHead(200, {
    ...headers,
    'content-length': body.byteLength,
    ...(zipped ? { 'content-encoding': 'gzip' } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}
