import type { PlainHead, PlainMethod } from '../../codec/http/index.ts';
import { aborted } from '../body-errors.ts';
import type { CallRequest } from '../call.ts';

/** A request of the fast lane: its head is there, of its body what has come with it or since. */
export class LaneRequest implements CallRequest {
  readonly method: PlainMethod;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly rawHeaders: readonly string[];
  readonly httpVersionMajor = 1;
  readonly socket: CallRequest['socket'];
  /** Bytes of the whole body. */
  readonly bodyBytes: number;
  #chunks: Buffer[] | undefined;
  #missing: number;
  #body: Buffer | undefined;
  #waiting: PromiseWithResolvers<Buffer> | undefined;
  /** Told of what comes while the body is waited for. */
  #arrived: ((bytes: number) => void) | undefined;
  /** Nobody waits for the body any more. */
  #isGivenUp = false;

  /** @param first  what has come of the body, at most all of it */
  constructor(
    { method, url, headers, rawHeaders, bodyBytes }: PlainHead,
    first: Buffer,
    socket: CallRequest['socket'],
  ) {
    this.socket = socket;
    this.method = method;
    this.url = url;
    this.headers = headers;
    this.rawHeaders = rawHeaders;
    this.bodyBytes = bodyBytes;
    this.#missing = bodyBytes - first.length;
    if (this.#missing === 0) this.#body = first;
    else this.#chunks = [first];
  }

  get complete(): boolean {
    return this.#missing === 0;
  }

  /** Bytes of the body that have come. */
  get arrivedBytes(): number {
    return this.bodyBytes - this.#missing;
  }

  /**
   * The whole body, as soon as it is there. Rejects with `body-aborted` when the client goes away before.
   *
   * @param arrived  is told how many bytes have come, each time some do; what it throws ends the waiting
   */
  body(arrived?: (bytes: number) => void): Buffer | Promise<Buffer> {
    if (this.#body) return this.#body;
    if (this.#isGivenUp) return Promise.reject(aborted());
    this.#arrived = arrived;
    this.#waiting ??= Promise.withResolvers();
    return this.#waiting.promise;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    yield await this.body();
  }

  /** Takes of the bytes what belongs to the body. @returns how many that are */
  push(bytes: Buffer): number {
    const taken = Math.min(bytes.length, this.#missing);
    this.#missing -= taken;
    if (this.#isGivenUp) return taken;
    this.#chunks!.push(taken === bytes.length ? bytes : bytes.subarray(0, taken));
    try {
      this.#arrived?.(taken);
    } catch (error) {
      this.#giveUp(error);
      return taken;
    }
    if (this.#missing > 0) return taken;
    this.#body = Buffer.concat(this.#chunks!, this.bodyBytes);
    this.#chunks = undefined;
    this.#waiting?.resolve(this.#body);
    return taken;
  }

  /** Its client is gone. */
  abort(): void {
    this.#giveUp(aborted());
  }

  #giveUp(error: unknown): void {
    this.#isGivenUp = true;
    this.#chunks = undefined;
    this.#waiting?.reject(error);
  }
}
