import { type Clock, messageOf, type Random, type Timer, Turns } from '../../../base/index.ts';
import type { DeliveryService } from '../../../delivery/index.ts';
import { type Records, Registry } from '../../../store/index.ts';
import type { Logger } from '../../../telemetry/index.ts';
import { CloudWatchError } from '../errors.ts';
import { CLOUDWATCH_LIMITS, MINUTE_MS } from '../limits.ts';
import { periodsOf } from '../operations/periods.ts';
import { statisticOf } from '../statistic.ts';
import type { MetricStore } from '../store.ts';
import { type Alarm, type AlarmSettings, type AlarmState, decide, EXTRA_PERIODS, reasonOf } from './alarm.ts';
import { deliveryOf } from './messages.ts';

export interface AlarmDependencies {
  readonly records: Records;
  readonly store: MetricStore;
  readonly delivery: Pick<DeliveryService, 'send'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** How long after the end of a minute alarms look at it: data take a moment to come in. */
const LAG_MS = 5_000;

/** The alarms of a node: each minute they are decided on, and what a new state calls for is sent. */
export class Alarms implements AsyncDisposable {
  readonly #dependencies: AlarmDependencies;
  readonly #registry: Registry<Alarm>;
  readonly #turns = new Turns();
  #timer: Timer | undefined;
  #working: Promise<void> = Promise.resolve();
  #closed = false;

  private constructor(dependencies: AlarmDependencies, registry: Registry<Alarm>) {
    this.#dependencies = dependencies;
    this.#registry = registry;
  }

  static async open(dependencies: AlarmDependencies): Promise<Alarms> {
    const alarms = new Alarms(dependencies, await Registry.open<Alarm>(dependencies.records, 'cloudwatch.alarms'));
    alarms.#schedule();
    return alarms;
  }

  list(region: string, prefix = ''): readonly Alarm[] {
    return this.#registry.list(`${region}/${prefix}`);
  }

  find(region: string, name: string): Alarm | undefined {
    return this.#registry.get(`${region}/${name}`);
  }

  /** @throws not-found */
  get(region: string, name: string): Alarm {
    const alarm = this.find(region, name);
    if (!alarm) throw new CloudWatchError('not-found', `There is no alarm ${name}`);
    return alarm;
  }

  /** Makes an alarm, or gives one other settings; its state stays. @throws metrics-full */
  async put(region: string, name: string, settings: AlarmSettings, tags: Alarm['tags']): Promise<void> {
    await this.#inTurn(region, name, async (known) => {
      if (!known && this.#registry.size >= CLOUDWATCH_LIMITS.alarmsMax) {
        throw new CloudWatchError('metrics-full', `There are ${CLOUDWATCH_LIMITS.alarmsMax} alarms already.`);
      }
      const now = this.#dependencies.clock.now();
      const fresh = {
        state: 'INSUFFICIENT_DATA',
        reason: 'Unchecked: Initial alarm creation',
        stateAt: now,
        tags,
      } as const;
      await this.#save({ ...(known ?? fresh), region, name, settings, configuredAt: now });
    });
    if (!this.#timer) this.#schedule();
  }

  async delete(region: string, name: string): Promise<void> {
    await this.#inTurn(region, name, () => this.#registry.delete(`${region}/${name}`));
  }

  /** Changes an alarm as it is by then. @throws not-found */
  async change(region: string, name: string, change: (alarm: Alarm) => Partial<Alarm>): Promise<void> {
    await this.#inTurn(region, name, async () => {
      const alarm = this.get(region, name);
      await this.#save({ ...alarm, ...change(alarm) });
    });
  }

  /** Gives an alarm a state, and sends what that calls for where it is another one. @throws not-found */
  async setState(
    region: string,
    name: string,
    state: AlarmState,
    why: Pick<Alarm, 'reason' | 'reasonData'>,
  ): Promise<void> {
    await this.#inTurn(region, name, () => this.#setState(this.get(region, name), state, why));
  }

  /** Called in the alarm's turn. */
  async #setState(alarm: Alarm, state: AlarmState, why: Pick<Alarm, 'reason' | 'reasonData'>): Promise<void> {
    const { reasonData: _, ...before } = alarm;
    const next = { ...before, state, ...why, stateAt: this.#dependencies.clock.now() };
    const { actions, actionsEnabled } = alarm.settings;
    if (state !== alarm.state && actionsEnabled && actions[state].length > 0) {
      const { random } = this.#dependencies;
      // Before the state is stored: a stop between the two sends it again.
      await this.#dependencies.delivery.send(actions[state].map((arn) => deliveryOf(arn, next, alarm, random)));
    }
    await this.#save(next);
  }

  /** Changes of one alarm follow each other: what is written down while something is sent must neither be undone nor bring a deleted one back. */
  #inTurn<T>(region: string, name: string, act: (known: Alarm | undefined) => Promise<T>): Promise<T> {
    return this.#turns.run(`${region}/${name}`, () => act(this.find(region, name)));
  }

  /** Decides on every alarm; its own timer calls it. */
  async evaluate(): Promise<void> {
    for (const alarm of this.#registry.list()) {
      if (this.#closed) return;
      await this.#evaluate(alarm).catch((error: unknown) =>
        this.#dependencies.logger.warn('alarm-not-evaluated', { alarm: alarm.name, reason: messageOf(error), error }),
      );
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#working;
  }

  /** A node without alarms does not wake up for them. */
  #schedule(): void {
    this.#timer = undefined;
    if (this.#closed || this.#registry.size === 0) return;
    const { clock } = this.#dependencies;
    const now = clock.now();
    const next = (Math.floor((now - LAG_MS) / MINUTE_MS) + 1) * MINUTE_MS + LAG_MS;
    this.#timer = clock.timer(next - now, () => {
      this.#working = this.evaluate().then(() => this.#schedule());
    });
  }

  async #evaluate(alarm: Alarm): Promise<void> {
    const values = await this.#values(alarm.settings);
    await this.#inTurn(alarm.region, alarm.name, async (current) => {
      // As it is now: it may have been changed while its values were read.
      if (!current || current.configuredAt !== alarm.configuredAt) return;
      const state = decide(current.settings, values);
      if (state === undefined || state === current.state) return;
      await this.#setState(current, state, { reason: reasonOf(current.settings, state, values) });
    });
  }

  /** Values of the last whole periods, the newest last. */
  async #values(settings: AlarmSettings): Promise<readonly (number | undefined)[]> {
    const { namespace, metricName: name, dimensions, evaluationPeriods, unit } = settings;
    const periodSeconds = Math.max(60, settings.periodSeconds);
    const periodMs = periodSeconds * 1_000;
    const to = Math.floor(this.#dependencies.clock.now() / periodMs) * periodMs;
    const count = evaluationPeriods + EXTRA_PERIODS;
    const from = Math.max(0, to - count * periodMs);
    const query = { metric: { namespace, name, dimensions }, periodSeconds, from, to };
    const periods = await periodsOf(this.#dependencies.store, { ...query, ...(unit !== undefined && { unit }) });
    const statistic = statisticOf(settings.statistic);
    const byStart = new Map(periods.map(({ start, aggregate }) => [start, statistic(aggregate)]));
    return Array.from({ length: count }, (_, index) => byStart.get(to - (count - index) * periodMs));
  }

  async #save(alarm: Alarm): Promise<void> {
    await this.#registry.put(`${alarm.region}/${alarm.name}`, alarm);
  }
}
