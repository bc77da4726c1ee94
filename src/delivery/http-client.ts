import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { type Clock, DomainError, hasCode, messageOf } from '../base/index.ts';
import type { EgressGuard } from './connection.ts';
import { Outgoing } from './outgoing.ts';

/** Numbers of calls to HTTP targets (S5). */
export const HTTP_LIMITS = {
  /** From when the call has a connection, or begins to make one, to the end of the answer. */
  answerMsMax: 15_000,
  /** Until then: other calls may have all that there may be. */
  connectionWaitMsMax: 15_000,
  /** Bytes of an answer that are kept, for the error message. */
  answerKeptBytesMax: 1024,
  /** Bytes of an answer that are read so that the connection can be used again; beyond it the connection is closed. */
  answerReadBytesMax: 64 * 1024,
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
 * with any server in {@link HTTP_LIMITS}.answerMsMax. It waits for a connection before that, where other calls have them all.
 */
export class HttpClient implements Disposable {
  readonly #clock: Clock;
  readonly #outgoing: Outgoing;

  constructor({ clock, egress, ca }: HttpClientOptions) {
    this.#clock = clock;
    this.#outgoing = new Outgoing(egress, ca);
  }

  /**
   * @param bytesMax  bytes of the answer that are kept
   * @throws DomainError `egress-refused`, `http-header-invalid` (never); `http-timeout`, `http-unreachable` (retry, the target
   *   is unavailable); `http-no-connection` (likewise, and it does not count: the target has not heard of it)
   */
  async post(
    call: HttpCall,
    signal: AbortSignal,
    bytesMax: number = HTTP_LIMITS.answerKeptBytesMax,
  ): Promise<HttpAnswer> {
    const limit = new AbortController();
    let timer = this.#clock.timer(HTTP_LIMITS.connectionWaitMsMax, () => limit.abort(noneFree(call.url)));
    const either = AbortSignal.any([signal, limit.signal]);
    const onConnection = () => {
      timer.cancel();
      timer = this.#clock.timer(HTTP_LIMITS.answerMsMax, () => limit.abort(late()));
    };
    try {
      return await this.#postAgain(call, either, bytesMax, onConnection);
    } catch (error) {
      if (limit.signal.aborted) throw limit.signal.reason;
      throw signal.aborted ? signal.reason : readable(error);
    } finally {
      timer.cancel();
    }
  }

  [Symbol.dispose](): void {
    this.#outgoing[Symbol.dispose]();
  }

  /** A connection that was kept may have been closed by the server just now: that says nothing about the call. */
  async #postAgain(
    call: HttpCall,
    signal: AbortSignal,
    bytesMax: number,
    onConnection: () => void,
  ): Promise<HttpAnswer> {
    let request: ClientRequest | undefined;
    const begin = () =>
      this.#postOnce(call, signal, bytesMax, (made) => {
        request = made.once('socket', onConnection);
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
    const options = { method: 'POST', headers: { ...headers, 'content-length': String(body.length) }, signal };
    return new Promise((resolve, reject) => {
      const request = this.#outgoing.request(url, options, (response) => {
        readAnswer(response, bytesMax).then(resolve, reject);
      });
      made(request);
      request.on('error', reject);
      request.end(body);
    });
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

function late(): DomainError {
  const message = `no answer within ${HTTP_LIMITS.answerMsMax} ms`;
  return new DomainError('http-timeout', message, { remedy: 'retry', fields: { unavailable: true } });
}

/** Calls of other edges, to URLs of the same server perhaps, have all the connections that there may be. */
function noneFree({ host }: URL): DomainError {
  const message = `no connection to ${host} was free within ${HTTP_LIMITS.connectionWaitMsMax} ms`;
  return new DomainError('http-no-connection', message, {
    remedy: 'retry',
    fields: { unavailable: true, uncounted: true },
  });
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
