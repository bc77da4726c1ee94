import type { Clock, Timer } from '../../../base/index.ts';
import type { Logger } from '../../../telemetry/index.ts';
import type { Certificate } from '../certificates/certificate.ts';
import type { Certificates } from '../certificates/certificates.ts';
import { PROVISIONING_LIMITS } from './limits.ts';

/** Deletes certificates that were made for a while: claims that have expired, and those that no device has been provisioned with. */
export class Sweeper implements AsyncDisposable {
  readonly #certificates: Certificates;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #timer: Timer | undefined;
  #running: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(certificates: Certificates, clock: Clock, logger: Logger) {
    this.#certificates = certificates;
    this.#clock = clock;
    this.#logger = logger;
  }

  start(): void {
    if (this.#closed) return;
    this.#timer = this.#clock.timer(PROVISIONING_LIMITS.sweepMs, () => {
      this.#running = this.#sweep().finally(() => this.start());
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#running;
  }

  async #sweep(): Promise<void> {
    const now = this.#clock.now();
    for (const certificate of this.#certificates.list()) {
      if (this.#closed || !isOver(certificate, now)) continue;
      try {
        // Deactivated first: an active one is never deleted.
        if (certificate.status === 'ACTIVE') await this.#certificates.setStatus(certificate.id, 'INACTIVE');
        await this.#certificates.delete(certificate.id, true);
      } catch (error) {
        this.#logger.warn('an expired certificate was not deleted', { certificateId: certificate.id, error });
      }
    }
  }
}

function isOver({ origin, status, createdAt, notAfter }: Certificate, now: number): boolean {
  if (origin === 'claim') return now > notAfter;
  return (
    origin === 'claimed' && status === 'PENDING_ACTIVATION' && now > createdAt + PROVISIONING_LIMITS.ownershipMsMax
  );
}
