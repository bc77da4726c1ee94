import { Agent as HttpAgent, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { type Clock, DomainError } from '../base/index.ts';
import { formatTraceparent } from '../telemetry/index.ts';
import { DELIVERY_LIMITS, type Delivery, type Target } from './delivery.ts';

/** How much of an answer is read, for the error message; the rest is thrown away. */
const ANSWER_BYTES_MAX = 1024;

/**
 * Posts deliveries to URLs: webhooks.
 *
 * 2xx is success. Other 4xx than 408, 425 and 429 are permanent, as is a redirect: it is never followed, since it could lead to
 * where the subscriber has no business. Everything else is tried again.
 */
export class HttpTarget implements Target, Disposable {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #http = new HttpAgent({ keepAlive: true, maxSockets: 64, maxFreeSockets: 8 });
  readonly #https = new HttpsAgent({ keepAlive: true, maxSockets: 64, maxFreeSockets: 8 });

  constructor(clock: Clock, timeoutMs: number = DELIVERY_LIMITS.httpTimeoutMs) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  async deliver(delivery: Delivery, _attempt: number, signal: AbortSignal): Promise<void> {
    const { status, text } = await this.#withTimeout((limit) => this.#post(delivery, AbortSignal.any([signal, limit])));
    if (status >= 200 && status < 300) return;
    const permanent = status >= 300 && status < 500 && ![408, 425, 429].includes(status);
    throw new DomainError('http-status', `HTTP status ${status}${text && `: ${text}`}`, {
      remedy: permanent ? 'never' : 'retry',
    });
  }

  [Symbol.dispose](): void {
    this.#http.destroy();
    this.#https.destroy();
  }

  async #withTimeout<T>(run: (limit: AbortSignal) => Promise<T>): Promise<T> {
    const limit = new AbortController();
    const late = new DomainError('http-timeout', `no answer within ${this.#timeoutMs} ms`, { remedy: 'retry' });
    const timer = this.#clock.timer(this.#timeoutMs, () => limit.abort(late));
    try {
      return await run(limit.signal);
    } catch (error) {
      throw limit.signal.aborted ? late : error;
    } finally {
      timer.cancel();
    }
  }

  #post(delivery: Delivery, signal: AbortSignal): Promise<{ status: number; text: string }> {
    const url = new URL(delivery.arn);
    const secure = url.protocol === 'https:';
    const headers = {
      'content-type': 'text/plain; charset=UTF-8',
      ...(delivery.attributes?.headers as Record<string, string> | undefined),
      'content-length': String(delivery.payload.length),
      traceparent: formatTraceparent(delivery.trace),
    };
    const options = { method: 'POST', headers, signal, agent: secure ? this.#https : this.#http };
    return new Promise((resolve, reject) => {
      const request = (secure ? requestHttps : requestHttp)(url, options, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          if (text.length < ANSWER_BYTES_MAX) text += chunk.slice(0, ANSWER_BYTES_MAX - text.length);
          // One that answers without end must not hold a place.
          else response.destroy();
        });
        response.on('error', reject);
        response.on('close', () => resolve({ status: response.statusCode ?? 0, text }));
      });
      request.on('error', reject);
      request.end(delivery.payload);
    });
  }
}
