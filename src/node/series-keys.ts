import { createHash, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../base/index.ts';
import type { Credentials } from '../services/index.ts';
import { type FunctionCalls, seriesToken } from './function-calls.ts';

/** Who may use the time series of a secured node: InfluxDB's scheme with the keys that the AWS APIs take. */
export class SeriesKeys {
  readonly #credentials: Credentials;
  readonly #calls: Pick<FunctionCalls, 'keyOfToken'>;
  readonly #clock: Clock;

  constructor(options: {
    readonly credentials: Credentials;
    readonly calls: Pick<FunctionCalls, 'keyOfToken'>;
    readonly clock: Clock;
  }) {
    this.#credentials = options.credentials;
    this.#calls = options.calls;
    this.#clock = options.clock;
  }

  /** @param authorization  `Token` or `Bearer`, then `ACCESS_KEY_ID:SECRET` or the session token of a function */
  allow(authorization: string | undefined): boolean {
    const token = seriesToken(authorization);
    if (token === undefined) return false;
    const colon = token.indexOf(':');
    return colon < 0 ? this.#isSession(token) : this.#isKey(token.slice(0, colon), token.slice(colon + 1));
  }

  /** A temporary key is good only together with its token, which this form does not carry. */
  #isKey(accessKeyId: string, secret: string): boolean {
    const key = this.#credentials.secretFor(accessKeyId);
    return key !== undefined && key.sessionToken === undefined && sameText(key.secret, secret);
  }

  #isSession(token: string): boolean {
    const accessKeyId = this.#calls.keyOfToken(token);
    const key = accessKeyId === undefined ? undefined : this.#credentials.secretFor(accessKeyId);
    if (key?.sessionToken === undefined || !sameText(key.sessionToken, token)) return false;
    return key.expiresAt !== undefined && key.expiresAt > this.#clock.now();
  }
}

/** Takes the same time wherever the texts differ. */
function sameText(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
