import { type LookupAddress, lookup } from 'node:dns';
import {
  type ClientRequest,
  Agent as HttpAgent,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as requestHttp,
} from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { rootCertificates } from 'node:tls';
import { type Clock, DomainError, hasCode, messageOf } from '../base/index.ts';
import type { EgressGuard } from './connection.ts';

/** Numbers of calls to HTTP targets (S5). */
export const HTTP_LIMITS = {
  /** From the beginning of the call to the end of the answer. */
  answerMsMax: 15_000,
  /** Bytes of an answer that are kept, for the error message. */
  answerKeptBytesMax: 1024,
  /** Bytes of an answer that are read so that the connection can be used again; beyond it the connection is closed. */
  answerReadBytesMax: 64 * 1024,
  connectionsPerHostMax: 64,
  idleConnectionsPerHostMax: 8,
  connectionsMax: 1024,
  /** When there are more, none is kept that is not used: one that rests must not take the place of one that is needed. */
  connectionsKeptMax: 512,
  /** A connection that is not used is closed after. */
  idleMsMax: 30_000,
  /** A call waits so long for its turn where a connection limits the rate; what would wait longer is tried again later. */
  rateWaitMsMax: 5_000,
  /** Rates that are remembered; when there are more they all begin anew. */
  bucketsMax: 10_000,
  /** An access token without `expires_in` is used so long. */
  tokenMsDefault: 300_000,
  /** A token is fetched anew so long before it ends, or after nine tenths of its life. */
  tokenEarlyMsMax: 60_000,
} as const;

interface HttpCall {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Its beginning; empty where `status` is 2xx and it is not asked for. */
  readonly text: string;
}

export interface HttpClientOptions {
  readonly clock: Clock;
  readonly egress?: EgressGuard;
  /** PEM. */
  readonly ca?: string;
}

/**
 * Posts to URLs: never follows a redirect, connects to no address that the guard refuses, verifies certificates, and is done
 * with any server in {@link HTTP_LIMITS}.answerMsMax.
 */
export class HttpClient implements Disposable {
  readonly #clock: Clock;
  readonly #egress: EgressGuard | undefined;
  readonly #http: HttpAgent;
  readonly #https: HttpsAgent;

  constructor({ clock, egress, ca }: HttpClientOptions) {
    this.#clock = clock;
    this.#egress = egress;
    const options = {
      keepAlive: true,
      maxSockets: HTTP_LIMITS.connectionsPerHostMax,
      maxFreeSockets: HTTP_LIMITS.idleConnectionsPerHostMax,
      maxTotalSockets: HTTP_LIMITS.connectionsMax,
      timeout: HTTP_LIMITS.idleMsMax,
    };
    this.#http = new HttpAgent(options);
    this.#https = new HttpsAgent(ca === undefined ? options : { ...options, ca: [...rootCertificates, ca] });
    for (const agent of [this.#http, this.#https]) keepFew(agent);
  }

  /**
   * @param bytesMax  bytes of the answer that are kept
   * @throws DomainError `egress-refused`, `http-header-invalid` (never); `http-timeout`, `http-unreachable` (retry, the target
   *   is unavailable)
   */
  async post(
    call: HttpCall,
    signal: AbortSignal,
    bytesMax: number = HTTP_LIMITS.answerKeptBytesMax,
  ): Promise<HttpAnswer> {
    this.#checkLiteral(call.url);
    const limit = new AbortController();
    const timer = this.#clock.timer(HTTP_LIMITS.answerMsMax, () => limit.abort(late()));
    const either = AbortSignal.any([signal, limit.signal]);
    try {
      return await this.#postAgain(call, either, bytesMax);
    } catch (error) {
      if (limit.signal.aborted) throw limit.signal.reason;
      throw signal.aborted ? signal.reason : readable(error);
    } finally {
      timer.cancel();
    }
  }

  [Symbol.dispose](): void {
    this.#http.destroy();
    this.#https.destroy();
  }

  /** An address in the URL is not looked up. */
  #checkLiteral({ hostname, protocol, port }: URL): void {
    const address = hostname.replace(/^\[|\]$/g, '');
    if (isIP(address) !== 0) this.#check(hostname, address, portOf(protocol, port));
  }

  #check(host: string, address: string, port: number): void {
    const reason = this.#egress?.refuse(host, address, port);
    if (reason !== undefined) throw new DomainError('egress-refused', reason);
  }

  /** A connection that was kept may have been closed by the server just now: that says nothing about the call. */
  async #postAgain(call: HttpCall, signal: AbortSignal, bytesMax: number): Promise<HttpAnswer> {
    let request: ClientRequest | undefined;
    const begin = () =>
      this.#postOnce(call, signal, bytesMax, (made) => {
        request = made;
      });
    try {
      return await begin();
    } catch (error) {
      if (!request?.reusedSocket || !hasCode(error, 'ECONNRESET')) throw error;
      return begin();
    }
  }

  #postOnce(
    { url, headers, body }: HttpCall,
    signal: AbortSignal,
    bytesMax: number,
    made: (request: ClientRequest) => void,
  ): Promise<HttpAnswer> {
    const secure = url.protocol === 'https:';
    const options = {
      method: 'POST',
      headers: { ...headers, 'content-length': String(body.length) },
      signal,
      agent: secure ? this.#https : this.#http,
      lookup: this.#lookup(portOf(url.protocol, url.port)),
    };
    return new Promise((resolve, reject) => {
      const request = (secure ? requestHttps : requestHttp)(url, options, (response) => {
        readAnswer(response, bytesMax).then(resolve, reject);
      });
      made(request);
      request.on('error', reject);
      request.end(body);
    });
  }

  /** Asks for all addresses of a name and keeps those that may be called: what is connected to is what was checked. */
  #lookup(port: number): LookupFunction {
    return (host, options, callback) => {
      lookup(host, { ...options, all: true }, (error, addresses) => {
        if (error) return callback(error, '', 0);
        try {
          const allowed = this.#allowed(host, addresses, port);
          if (options.all) return callback(null, allowed);
          return callback(null, allowed[0]!.address, allowed[0]!.family);
        } catch (refused) {
          return callback(refused as NodeJS.ErrnoException, '', 0);
        }
      });
    };
  }

  #allowed(host: string, addresses: readonly LookupAddress[], port: number): LookupAddress[] {
    let refusal: unknown;
    const allowed = addresses.filter(({ address }) => {
      try {
        this.#check(host, address, port);
        return true;
      } catch (error) {
        refusal = error;
        return false;
      }
    });
    if (allowed.length === 0 && refusal) throw refusal;
    return allowed;
  }
}

/** The beginning of an answer. The rest is read as far as that is worth it, so that the connection can be used again. */
async function readAnswer(response: IncomingMessage, bytesMax: number): Promise<HttpAnswer> {
  const kept: Buffer[] = [];
  let read = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      if (read < bytesMax) kept.push(chunk.subarray(0, bytesMax - read));
      read += chunk.length;
      // One that answers without end must not hold a place.
      if (read > HTTP_LIMITS.answerReadBytesMax) break;
    }
  } catch (error) {
    // The status has said what there is to know, unless the answer itself is wanted.
    if (bytesMax > HTTP_LIMITS.answerKeptBytesMax) throw error;
  }
  return { status: response.statusCode ?? 0, headers: response.headers, text: Buffer.concat(kept).toString() };
}

/** An agent that has all its connections lets a call to another host wait until one that rests has timed out. */
function keepFew(agent: HttpAgent): void {
  const keep = agent.keepSocketAlive;
  agent.keepSocketAlive = (socket) => {
    const { totalSocketCount } = agent as unknown as { readonly totalSocketCount: number };
    return totalSocketCount <= HTTP_LIMITS.connectionsKeptMax && (keep.call(agent, socket) as unknown as boolean);
  };
}

function portOf(protocol: string, port: string): number {
  if (port !== '') return Number(port);
  return protocol === 'https:' ? 443 : 80;
}

function late(): DomainError {
  const message = `no answer within ${HTTP_LIMITS.answerMsMax} ms`;
  return new DomainError('http-timeout', message, { remedy: 'retry', fields: { unavailable: true } });
}

/** Errors of the network as errors of ours. */
function readable(error: unknown): unknown {
  if (error instanceof DomainError) return error;
  const code = (error as { code?: unknown }).code;
  if (code === 'ERR_INVALID_CHAR' || code === 'ERR_HTTP_INVALID_HEADER_VALUE' || code === 'ERR_INVALID_HTTP_TOKEN') {
    return new DomainError('http-header-invalid', messageOf(error), { cause: error });
  }
  // Several addresses that were tried in vain have one error each.
  const first = error instanceof AggregateError && error.errors.length > 0 ? error.errors[0] : error;
  return new DomainError('http-unreachable', messageOf(first) || String(code), {
    remedy: 'retry',
    fields: { unavailable: true },
    cause: error,
  });
}
