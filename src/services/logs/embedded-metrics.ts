import type { Clock } from '../../base/index.ts';
import { type EmbeddedMetric, readEmf } from '../../codec/emf/index.ts';
import type { Logger, Metrics } from '../../telemetry/index.ts';
import { LOGS_LIMITS } from './model.ts';

/** Takes metrics that were found in log events. Never blocks, never throws. */
export type TakeMetrics = (metrics: readonly EmbeddedMetric[]) => void;

/**
 * Finds the metrics that functions and clients write into their logs in the embedded metric format. What breaks the format is ignored
 * and counted, as CloudWatch does it: `AWS/Logs`, `EMFParsingErrors` and `EMFValidationErrors` by `LogGroupName`.
 */
export class EmbeddedMetrics {
  readonly #take: TakeMetrics;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #metrics: Metrics;

  constructor(options: {
    readonly take: TakeMetrics;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly metrics: Metrics;
  }) {
    this.#take = options.take;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#metrics = options.metrics;
  }

  /** Looks at one event; called for every line of every function. */
  read(logGroup: string, message: string): void {
    const reading = readEmf(message);
    if (reading.kind === 'none') return;
    if (reading.kind === 'unparsable') return this.#refuse(logGroup, 'EMFParsingErrors', reading.reason);
    if (reading.kind === 'invalid') return this.#refuse(logGroup, 'EMFValidationErrors', reading.reason);
    // The platform's own: a function would tell of itself, and of others, what is not.
    if (reading.metrics.some(({ namespace }) => namespace.startsWith('AWS/')))
      return this.#refuse(logGroup, 'EMFValidationErrors', 'namespaces that begin with AWS/ are reserved');
    const now = this.#clock.now();
    const timely = reading.metrics.every(
      ({ time }) => time >= now - LOGS_LIMITS.pastMsMax && time <= now + LOGS_LIMITS.futureMsMax,
    );
    if (timely) this.#take(reading.metrics);
    else this.#refuse(logGroup, 'EMFValidationErrors', '_aws.Timestamp is two weeks old, or two hours ahead');
  }

  #refuse(logGroup: string, name: 'EMFParsingErrors' | 'EMFValidationErrors', reason: string): void {
    this.#logger.debug('embedded metrics ignored', { logGroup, reason });
    const dimensions = { LogGroupName: logGroup };
    this.#metrics.put({ namespace: 'AWS/Logs', name, dimensions, value: 1, unit: 'Count' });
  }
}
