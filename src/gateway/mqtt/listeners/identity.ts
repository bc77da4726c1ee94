import { type Clock, DomainError, messageOf, type Timer } from '../../../base/index.ts';
import type { Logger } from '../../../telemetry/index.ts';

/** Key and certificate of a TLS server, in PEM; the certificate with those between it and its root behind it. */
export interface ServerIdentity {
  readonly key: string;
  readonly cert: string;
}

/** Where the identity comes from; asked again and again, so that a renewed one is served without a restart. */
export type IdentitySource = () => Promise<ServerIdentity>;

export interface IdentityOptions {
  readonly source: IdentitySource;
  /** Makes new connections use it. @throws  it cannot be used; the one before stays */
  readonly apply: (identity: ServerIdentity) => void;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How often the source is asked. */
  readonly reloadMs: number;
}

/** Applies an identity now, and again whenever it has changed, until it is disposed of. */
export class KeptIdentity implements Disposable {
  readonly #options: IdentityOptions;
  #identity: ServerIdentity | undefined;
  #timer: Timer | undefined;
  #isClosed = false;

  private constructor(options: IdentityOptions) {
    this.#options = options;
  }

  /** @throws DomainError `tls-identity-invalid`  key and certificate cannot be read, or do not belong together */
  static async open(options: IdentityOptions): Promise<KeptIdentity> {
    const kept = new KeptIdentity(options);
    try {
      await kept.#look();
    } catch (cause) {
      const message = `the TLS key and certificate of the server cannot be used: ${messageOf(cause)}`;
      throw new DomainError('tls-identity-invalid', message, { cause });
    }
    kept.#wait();
    return kept;
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #wait(): void {
    if (this.#isClosed) return;
    this.#timer = this.#options.clock.timer(this.#options.reloadMs, () => void this.#lookAgain());
  }

  /** True when there was another one. */
  async #look(): Promise<boolean> {
    const identity = await this.#options.source();
    const { key, cert } = identity;
    if (this.#isClosed || (key === this.#identity?.key && cert === this.#identity.cert)) return false;
    this.#options.apply(identity);
    this.#identity = identity;
    return true;
  }

  /** What cannot be used now (half written, perhaps) is reported and looked at again. */
  async #lookAgain(): Promise<void> {
    const { logger } = this.#options;
    try {
      if (await this.#look()) logger.info('tls certificate of the server renewed');
    } catch (error) {
      logger.error('the new tls certificate of the server cannot be used; the one before stays', { error });
    }
    this.#wait();
  }
}
