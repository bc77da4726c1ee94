import { aborted } from '../body-errors.ts';
import { Gathered } from '../gathered.ts';

/** A body of a request of the fast lane that is short: it is held until all of it has come. */
export class HeldBody implements AsyncIterable<Uint8Array> {
  /** Bytes of the whole body. */
  readonly sizeBytes: number;
  #gathered: Gathered | undefined;
  #missing: number;
  #body: Buffer | undefined;
  #waiting: PromiseWithResolvers<Buffer> | undefined;
  /** Told of what comes while the body is waited for. */
  #arrived: ((bytes: number) => void) | undefined;
  /** Nobody waits for the body any more. */
  #isGivenUp = false;

  /** @param first  what has come of it, at most all of it */
  constructor(sizeBytes: number, first: Buffer) {
    this.sizeBytes = sizeBytes;
    this.#missing = sizeBytes - first.length;
    if (this.#missing === 0) this.#body = copyOf(first);
    else {
      this.#gathered = new Gathered();
      this.#gathered.add(copyOf(first));
    }
  }

  get complete(): boolean {
    return this.#missing === 0;
  }

  /** Bytes that have come. */
  get arrivedBytes(): number {
    return this.sizeBytes - this.#missing;
  }

  /**
   * All of it, as soon as it is there. Rejects with `body-aborted` when the client goes away before.
   *
   * @param arrived  is told how many bytes have come, each time some do; what it throws ends the waiting
   */
  whole(arrived?: (bytes: number) => void): Buffer | Promise<Buffer> {
    if (this.#body) return this.#body;
    if (this.#isGivenUp) return Promise.reject(aborted());
    this.#arrived = arrived;
    this.#waiting ??= Promise.withResolvers();
    return this.#waiting.promise;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    yield await this.whole();
  }

  /** Takes of the bytes what belongs to it. @returns how many that are */
  push(bytes: Buffer): number {
    const taken = Math.min(bytes.length, this.#missing);
    this.#missing -= taken;
    if (this.#isGivenUp) return taken;
    this.#gathered!.add(copyOf(bytes.subarray(0, taken)));
    try {
      this.#arrived?.(taken);
    } catch (error) {
      this.giveUp(error);
      return taken;
    }
    if (this.#missing > 0) return taken;
    this.#body = this.#gathered!.whole();
    this.#gathered = undefined;
    this.#waiting?.resolve(this.#body);
    return taken;
  }

  /** Nobody will read it; who waits for it hears why. */
  giveUp(error: unknown): void {
    this.#isGivenUp = true;
    this.#gathered = undefined;
    this.#waiting?.reject(error);
  }
}

const NOTHING = Buffer.alloc(0);

function copyOf(bytes: Buffer): Buffer {
  return bytes.length === 0 ? NOTHING : Buffer.from(bytes);
}
