import { type Clock, ClockJumps, DEFAULT_REGION, type Random, type Timer } from '../../base/index.ts';
import type { DeliveryService, Target } from '../../delivery/index.ts';
import type { Log, Records } from '../../store/index.ts';
import type { Logger, Metrics } from '../../telemetry/index.ts';
import type { Service } from '../index.ts';
import { EmbeddedMetrics, type TakeMetrics } from './embedded-metrics.ts';
import { LOGS_ANSWERS } from './errors.ts';
import { Groups } from './groups.ts';
import { MetricFilters } from './metric-filters.ts';
import { LOGS_LIMITS } from './model.ts';
import { eventOperations } from './operations/events.ts';
import { filterOperations } from './operations/filters.ts';
import { groupOperations } from './operations/groups.ts';
import { resourcePolicyOperations } from './operations/resource-policies.ts';
import { streamOperations } from './operations/streams.ts';
import { logsPermissions } from './permissions.ts';
import { LogSink } from './sink.ts';
import type { AskSubscriber } from './subscribers.ts';
import { Subscriptions } from './subscriptions.ts';
import { LogsTarget } from './target.ts';

export interface LogsOptions {
  readonly records: Records;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Takes the metrics that are found in log events. */
  readonly takeMetrics: TakeMetrics;
  /** Takes what subscription filters send. */
  readonly delivery: Pick<DeliveryService, 'send'>;
  readonly askSubscriber: AskSubscriber;
}

/** How often events beyond retention are let go of. */
const RETENTION_EVERY_MS = 3600 * 1000;

/** The CloudWatch Logs service of a node. */
export class Logs implements AsyncDisposable {
  readonly service: Service;
  /** Where functions log to. */
  readonly sink: LogSink;
  /** Takes deliveries to log groups. */
  readonly target: Target;
  readonly #groups: Groups;
  readonly #subscriptions: Subscriptions;
  readonly #options: LogsOptions;
  readonly #jumps: ClockJumps;
  #stateTimer: Timer | undefined;
  #retentionTimer: Timer | undefined;
  #background: Promise<void> = Promise.resolve();
  #closed = false;

  private constructor(options: LogsOptions, groups: Groups, policies: Service['operations']) {
    const { clock, logger, metrics, takeMetrics, askSubscriber } = options;
    const embedded = new EmbeddedMetrics({ take: takeMetrics, clock, logger, metrics });
    this.#options = options;
    this.#jumps = new ClockJumps(clock);
    this.#groups = groups;
    const subscriptions = new Subscriptions({ groups, ...options });
    this.#subscriptions = subscriptions;
    const metricFilters = new MetricFilters(takeMetrics, clock);
    groups.onAppended = (record, parts) => {
      metricFilters.read(record, parts);
      subscriptions.wake(record);
    };
    this.sink = new LogSink({ groups, embedded, clock, logger, metrics, defaultRegion: DEFAULT_REGION });
    this.target = new LogsTarget(groups, embedded, clock);
    this.service = {
      name: 'logs',
      operations: {
        ...groupOperations(groups),
        ...streamOperations(groups),
        ...eventOperations(groups, clock, embedded),
        ...filterOperations(groups, subscriptions, askSubscriber, clock),
        ...policies,
      },
      permissions: logsPermissions(groups),
      errors: LOGS_ANSWERS,
    };
  }

  static async open(options: LogsOptions): Promise<Logs> {
    const { records, clock } = options;
    const logs = new Logs(options, await Groups.open(options), await resourcePolicyOperations(records, clock));
    logs.#saveLater();
    logs.#trimLater();
    return logs;
  }

  /** Sends on what is subscribed to, from where the node has stopped. Call it once destinations can be reached. */
  resume(): void {
    this.#subscriptions.resume();
  }

  /** Writes what functions have logged and stores the states of streams. The stores belong to the caller. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#stateTimer?.cancel();
    this.#retentionTimer?.cancel();
    await this.#background;
    await this.#subscriptions[Symbol.asyncDispose]();
    await this.sink.flush();
    await this.#groups.saveStates();
  }

  #saveLater(): void {
    this.#stateTimer = this.#options.clock.timer(LOGS_LIMITS.stateDelayMs, () => {
      this.#inBackground('states of log streams not stored', () => this.#groups.saveStates());
      if (!this.#closed) this.#saveLater();
    });
  }

  #trimLater(): void {
    this.#retentionTimer = this.#options.clock.timer(RETENTION_EVERY_MS, () => {
      if (this.#jumps.isSteady()) this.#inBackground('log retention not applied', () => this.#groups.applyRetention());
      if (!this.#closed) this.#trimLater();
    });
  }

  #inBackground(failure: string, work: () => Promise<void>): void {
    this.#background = this.#background
      .then(work)
      .catch((error: unknown) => this.#options.logger.warn(failure, { error }));
  }
}

/** Opens the CloudWatch Logs service over a log and a records store. */
export function openLogs(options: LogsOptions): Promise<Logs> {
  return Logs.open(options);
}
