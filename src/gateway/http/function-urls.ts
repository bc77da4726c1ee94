/**
 * Function URLs: HTTP requests that invoke a function.
 *
 *     find the URL -> (a browser's question: answer it) -> read the body -> who calls? -> event -> invoke -> response
 *
 * A URL has a host of its own, `ID.lambda-url.REGION.localhost`, and a path on every host of the node, `/_lambda/urls/ID/`.
 */
import { type Clock, hasCode, type Random, uuid } from '../../base/index.ts';
import type { FunctionUrl, FunctionUrls, StreamedResponse } from '../../services/lambda/index.ts';
import { URL_PATH } from '../../services/lambda/index.ts';
import { type Logger, newTrace } from '../../telemetry/index.ts';
import {
  authorityOf,
  type CallRequest,
  type CallResponse,
  type ExtraRoute,
  foreignTo,
  Gathered,
  hostName,
  Room,
  traceOf,
} from '../../wire/index.ts';
import { allowsOrigin, corsHeaders, isPreflight, type PageRequest } from './cors.ts';
import { eventOf, type UrlIdentity } from './event.ts';
import { HTTP_LIMITS } from './limits.ts';
import { PreludeReader } from './prelude.ts';
import { ResponseMalformed, responseOf, type UrlPrelude, type UrlResponse } from './response.ts';

/** A request to prove who sent it. */
export interface UrlCaller {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Uint8Array;
}

/** Who has signed a request for a function URL. */
export interface UrlSigner extends UrlIdentity {
  /** Whether policies let them call the URL; `requestId` is for those who are told of a refusal. */
  mayCall(url: FunctionUrl, request: CallRequest, requestId: string): boolean | Promise<boolean>;
}

export interface FunctionUrlOptions {
  readonly urls: Pick<FunctionUrls, 'find' | 'invoke' | 'stream'>;
  /** `dev` calls a URL without credentials though the function's policy does not let anyone. */
  readonly mode: 'dev' | 'secured';
  /** Who signed a request for `lambda`; in words why nobody has. */
  readonly prove: (request: UrlCaller) => UrlSigner | string;
  /** Whether the function's policy lets anybody call a URL without credentials; `requestId` as in {@link UrlSigner.mayCall}. */
  readonly isOpen: (url: FunctionUrl, request: CallRequest, requestId: string) => boolean | Promise<boolean>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

const HOST = /^([a-z2-7]{32})\.lambda-url\./;

/** The routes of the port that function URLs take. The one by host must come before all others: its paths are the function's. */
export function functionUrlRoutes(options: FunctionUrlOptions): {
  readonly byHost: ExtraRoute;
  readonly byPath: ExtraRoute;
} {
  const common = { forFunctions: true, crossOrigin: true };
  const held: HeldBodies = { bytes: 0 };
  /** A route that answers requests of both servers. @param idIn  of the URL that a request is for; @param before  its own paths */
  const route = (idIn: (request: CallRequest) => string, before: (id: string) => string) => {
    const answer = (request: CallRequest, response: CallResponse): Promise<void> => {
      const id = idIn(request);
      return new UrlCall(options, held, request, response).answer(id, before(id));
    };
    const handle: ExtraRoute['handle'] = async (request, response) => {
      await answer(request, response);
      // What has not been read of a refused body.
      request.resume();
    };
    return { handle, handlePlain: answer };
  };
  return {
    byHost: {
      ...{ ...common, prefix: '/', host: HOST },
      ...route(
        (request) => HOST.exec(hostName(authorityOf(request)))![1]!,
        () => '',
      ),
    },
    byPath: {
      ...{ ...common, prefix: URL_PATH },
      ...route(
        ({ url }) => /^\/([^/?]*)/.exec(url!.slice(URL_PATH.length))?.[1] ?? '',
        (id) => `${URL_PATH}/${id}`,
      ),
    },
  };
}

/** Why a request is not passed on to a function. */
class Refused extends Error {
  readonly status: number;
  readonly type: string;

  constructor(status: number, type: string, message: string) {
    super(message);
    this.status = status;
    this.type = type;
  }
}

const FORBIDDEN =
  'Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html';

const failed = () => new Refused(502, 'InternalServerErrorException', 'Internal Server Error');

const forbidden = (reason = FORBIDDEN) => new Refused(403, 'AccessDeniedException', reason);

/** How much all requests hold of their bodies, whoever sends them: nothing of a caller is proven before the end of its body. */
interface HeldBodies {
  bytes: number;
}

/** One request to a function URL. */
class UrlCall {
  readonly #options: FunctionUrlOptions;
  readonly #held: HeldBodies;
  readonly #request: CallRequest;
  readonly #response: CallResponse;
  readonly #requestId: string;
  readonly #page: PageRequest;
  #cors: ReadonlyMap<string, string> = new Map();
  #bodyBytes = 0;

  constructor(options: FunctionUrlOptions, held: HeldBodies, request: CallRequest, response: CallResponse) {
    const { headers, method = 'GET' } = request;
    this.#options = options;
    this.#held = held;
    this.#request = request;
    this.#response = response;
    this.#requestId = uuid(options.random);
    this.#page = { method, origin: headers.origin, wantsMethod: headers['access-control-request-method'] };
  }

  /** @param prefix  what stands in front of the URL's own paths */
  async answer(id: string, prefix: string): Promise<void> {
    try {
      const url = this.#options.urls.find(id);
      if (!url) throw new Refused(404, 'ResourceNotFoundException', 'Not Found');
      this.#admitPage(url);
      if (url.cors) this.#cors = corsHeaders(url.cors, this.#page);
      if (url.cors && isPreflight(this.#page)) return this.#send({ status: 200, headers: new Map(), body: NOTHING });
      await this.#invoke(url, prefix);
    } catch (error) {
      this.#refuse(error);
    } finally {
      this.#held.bytes -= this.#bodyBytes;
    }
  }

  /** Without authentication a page of another site is let in by the URL's own rules only. */
  #admitPage({ cors }: FunctionUrl): void {
    const { origin } = this.#page;
    if (this.#options.mode !== 'dev' || origin === undefined || (cors && allowsOrigin(cors, origin))) return;
    const foreign = foreignTo(this.#request);
    if (foreign !== undefined) throw forbidden(foreign);
  }

  async #invoke(url: FunctionUrl, prefix: string): Promise<void> {
    const { urls, random } = this.#options;
    const body = await this.#readBody();
    const payload = this.#event(url, prefix, body, await this.#identity(url, body));
    const trace = traceOf(this.#request) ?? newTrace(random);
    const invocation = { requestId: this.#requestId, payload, trace };
    if (url.invokeMode === 'RESPONSE_STREAM') return this.#stream(await urls.stream(url, invocation));
    const result = await urls.invoke(url, invocation);
    if (result.kind === 'error') throw failed();
    this.#send(responseOf(result.payload));
  }

  /** The body, held until the request is answered. @throws Refused  it is too large, or too many are held */
  async #readBody(): Promise<Buffer> {
    const request = this.#request;
    if (Number(request.headers['content-length'] ?? 0) > HTTP_LIMITS.requestBytesMax) throw tooLarge();
    const gathered = new Gathered();
    for await (const chunk of request) {
      this.#bodyBytes += chunk.length;
      this.#held.bytes += chunk.length;
      if (this.#bodyBytes > HTTP_LIMITS.requestBytesMax) throw tooLarge();
      if (this.#held.bytes > HTTP_LIMITS.bufferedBytesMax) throw busy();
      gathered.add(chunk);
    }
    return gathered.whole();
  }

  /** @throws Refused */
  async #identity(url: FunctionUrl, body: Uint8Array): Promise<UrlIdentity | undefined> {
    const { isOpen, mode, prove } = this.#options;
    if (url.authType === 'NONE') {
      if (mode === 'dev' || (await isOpen(url, this.#request, this.#requestId))) return undefined;
      throw forbidden();
    }
    const { method = 'GET', headers } = this.#request;
    const [path, query] = this.#target();
    const proven = prove({ method, path, query, headers, body });
    if (typeof proven === 'string') throw forbidden(proven);
    if (!(await proven.mayCall(url, this.#request, this.#requestId))) throw forbidden();
    return proven;
  }

  /** @throws Refused  it is larger than an event may be */
  #event(url: FunctionUrl, prefix: string, body: Uint8Array, iam: UrlIdentity | undefined): Buffer {
    const { method = 'GET', rawHeaders = [], httpVersionMajor, socket } = this.#request;
    const [path, query] = this.#target();
    const authority = authorityOf(this.#request);
    const sourceIp = addressOf(socket.remoteAddress);
    const event = eventOf({
      ...{ urlId: url.id, requestId: this.#requestId, method, query, body, sourceIp, at: this.#options.clock.now() },
      path: path.slice(prefix.length) || '/',
      rawHeaders: [
        ...rawHeaders,
        // HTTP/2 has the host elsewhere.
        ...(httpVersionMajor > 1 ? ['host', authority] : []),
        ...['x-forwarded-for', sourceIp, 'x-forwarded-proto', 'http', 'x-forwarded-port', portOf(authority)],
      ],
      host: hostName(authority),
      protocol: httpVersionMajor > 1 ? 'HTTP/2.0' : 'HTTP/1.1',
      ...(iam && { iam }),
    });
    const payload = Buffer.from(JSON.stringify(event));
    if (payload.length > HTTP_LIMITS.requestBytesMax) throw tooLarge();
    return payload;
  }

  #target(): [path: string, query: string] {
    const { url = '/' } = this.#request;
    const mark = url.indexOf('?');
    return mark < 0 ? [url, ''] : [url.slice(0, mark), url.slice(mark + 1)];
  }

  /** A client that goes away ends its response, not the function. */
  async #stream(events: StreamedResponse): Promise<void> {
    const response = this.#response;
    if (response.destroyed) events.close();
    response.once('close', () => events.close());
    const reader = new PreludeReader();
    const room = new Room(response);
    for await (const event of events) {
      if ('InvokeComplete' in event) {
        if (event.InvokeComplete.ErrorCode !== undefined) throw failed();
        break;
      }
      const { Payload: chunk } = event.PayloadChunk;
      const begun = response.headersSent ? { rest: chunk } : this.#begin(reader, events, chunk);
      if (begun && begun.rest.length > 0 && !response.write(begun.rest)) await room.wait();
    }
    if (response.destroyed) return;
    if (!response.headersSent) this.#writeHead({ status: 200, headers: new Map() });
    response.end();
  }

  #begin(
    reader: PreludeReader,
    events: StreamedResponse,
    chunk: Uint8Array,
  ): { readonly rest: Uint8Array } | undefined {
    const begun = reader.take(events.contentType, chunk);
    if (begun) this.#writeHead(begun.prelude);
    return begun;
  }

  #send(answer: UrlResponse): void {
    const { body, headers } = answer;
    this.#writeHead({ ...answer, headers: new Map([...headers, ['content-length', String(body.length)]]) });
    this.#response.end(this.#page.method === 'HEAD' ? undefined : body);
  }

  /** The URL's own rules stand over what the function says about pages. */
  #writeHead({ status, headers }: UrlPrelude): void {
    const all = new Map([...headers, ...this.#cors, ['x-amzn-requestid', this.#requestId]]);
    const varies = [headers.get('vary'), this.#cors.get('vary')].filter((names) => names !== undefined);
    if (varies.length > 0) all.set('vary', varies.join(', '));
    if (status === 204 || status === 304) all.delete('content-length');
    this.#response.writeHead(status, Object.fromEntries(all) as Record<string, string | string[]>);
  }

  #refuse(error: unknown): void {
    // A client that went away in the middle of its body: it hears of nothing, and the log need not either.
    if (hasCode(error, 'ECONNRESET') && this.#response.destroyed) return;
    const refusal = this.#refusalOf(error);
    // What has begun can only be broken off: the client must not take it for whole.
    if (this.#response.headersSent) return void this.#response.destroy();
    if (!this.#request.complete && this.#request.httpVersionMajor === 1)
      this.#response.setHeader('connection', 'close');
    const plain = refusal.status === 502;
    const body = Buffer.from(plain ? refusal.message : JSON.stringify({ Message: refusal.message }));
    const headers = new Map([
      ['content-type', 'application/json'],
      ['x-amzn-errortype', refusal.type],
    ]);
    this.#send({ status: refusal.status, headers, body });
  }

  #refusalOf(error: unknown): Refused {
    if (error instanceof Refused) return error;
    if (hasCode(error, 'throttled')) return new Refused(429, 'TooManyRequestsException', 'Rate Exceeded.');
    if (hasCode(error, 'function-not-found')) return new Refused(404, 'ResourceNotFoundException', 'Not Found');
    const { logger } = this.#options;
    const why = { requestId: this.#requestId, error };
    if (error instanceof ResponseMalformed) logger.warn('function-url-response-malformed', why);
    else logger.error('function-url-failed', why);
    return failed();
  }
}

const NOTHING = new Uint8Array(0);

const tooLarge = () =>
  new Refused(
    413,
    'RequestEntityTooLargeException',
    `Request must be smaller than ${HTTP_LIMITS.requestBytesMax} bytes for the InvokeFunction operation`,
  );

const busy = () => new Refused(503, 'ServiceUnavailableException', 'Too many request bodies are held at the moment.');

function addressOf(remote = ''): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(remote)?.[1] ?? remote;
}

function portOf(authority: string): string {
  return /:(\d+)$/.exec(authority)?.[1] ?? '80';
}
