import { type Clock, ClockJumps, messageOf } from '../../base/index.ts';
import type { Series } from '../../store/index.ts';
import type { Logger } from '../../telemetry/index.ts';

const EVERY_MS = 60_000;

/** Applies retention and rollups once a minute, until it is disposed. */
export class Maintenance implements AsyncDisposable {
  readonly #stop = new AbortController();
  readonly #loop: Promise<void>;

  constructor(series: Series, clock: Clock, logger: Logger) {
    this.#loop = this.#run(series, clock, logger);
  }

  async #run(series: Series, clock: Clock, logger: Logger): Promise<void> {
    const { signal } = this.#stop;
    const jumps = new ClockJumps(clock);
    while (!signal.aborted) {
      await clock.sleep(EVERY_MS, signal).catch(() => {});
      if (signal.aborted) return;
      if (!jumps.isSteady()) continue;
      await series.maintain(clock.now()).catch((error) => {
        logger.warn('series-maintenance-failed', { reason: messageOf(error) });
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#loop;
  }
}
