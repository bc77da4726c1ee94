import { type Clock, messageOf, type Random, type Timer, uuid } from '../../../base/index.ts';
import type { DeliveryService } from '../../../delivery/index.ts';
import {
  beginAt,
  Checkpoints,
  type FunctionInvoker,
  type Poller,
  type PollerState,
  type PutObject,
  type QueueSource,
  type StreamSource,
} from '../../../pollers/index.ts';
import { type Records, Registry } from '../../../store/index.ts';
import type { Logger, Metrics } from '../../../telemetry/index.ts';
import { invalidParameter, LambdaError } from '../errors.ts';
import { Serial } from '../serial.ts';
import { isActive, type Mapping } from './mapping.ts';
import { startPoller } from './start.ts';

export interface MappingDependencies {
  readonly records: Records;
  readonly invoker: FunctionInvoker;
  /**
   * The source behind an ARN; it does nothing before it is read.
   * @param reader  the mapping's UUID: a source that keeps something for each of its readers knows it by that
   * @throws DomainError when it does not exist (now)
   */
  readonly sourceFor: (arn: string, reader: string) => StreamSource | QueueSource;
  /**
   * Asks whether the execution role of a function lets it read a source; absent holds nobody.
   * @returns what is missing: the action and a sentence; `undefined` where nothing is
   */
  readonly refusalToRead?: (functionArn: string, sourceArn: string) => ReadRefused | Promise<ReadRefused>;
  /** Asks whether the role of a function lets it send to a queue, topic or bucket: the action that it lacks; absent holds nobody. */
  readonly refusalToSend?: (functionArn: string, targetArn: string) => Promise<string | undefined>;
  /** The mapping is gone for good: a source that keeps something for it lets go of that. Best effort. */
  readonly forgetReader?: (arn: string, reader: string) => Promise<void>;
  readonly delivery: Pick<DeliveryService, 'send'>;
  /** For on-failure buckets. */
  readonly putObject: PutObject;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Why a role may not read a source. */
export type ReadRefused = { readonly action: string; readonly message: string } | undefined;

export type MappingStatus = 'Creating' | 'Enabling' | 'Enabled' | 'Disabling' | 'Disabled' | 'Updating' | 'Deleting';

/** A mapping as the API and the console show it. */
export interface MappingView {
  readonly mapping: Mapping;
  readonly status: MappingStatus;
  readonly poller: PollerState;
}

/** How long after a source was not there, or a change could not be made, it is tried again. */
const RETRY_MS = 10_000;

const NOT_RUNNING: PollerState = {
  lastResult: 'No records processed',
  paused: [],
  shards: [],
  records: 0,
  retries: 0,
  discarded: 0,
};

/**
 * The event source mappings of a node and their pollers.
 *
 * A change is durable when its call resolves; the poller follows in the background, one change of a mapping after the
 * other. A restart begins again from what is stored.
 */
export class Mappings implements AsyncDisposable {
  readonly #dependencies: MappingDependencies;
  readonly #registry: Registry<Mapping>;
  readonly #checkpoints: Checkpoints;
  readonly #serial = new Serial();
  readonly #pollers = new Map<string, Poller>();
  /** How pollers were doing when they ended. */
  readonly #last = new Map<string, PollerState>();
  readonly #transitions = new Map<string, MappingStatus>();
  readonly #problems = new Map<string, string>();
  readonly #retries = new Map<string, Timer>();
  readonly #work = new Set<Promise<void>>();
  #closed = false;
  #stopped: Promise<void> | undefined;

  private constructor(dependencies: MappingDependencies, registry: Registry<Mapping>, checkpoints: Checkpoints) {
    this.#dependencies = dependencies;
    this.#registry = registry;
    this.#checkpoints = checkpoints;
  }

  /** Loads the mappings and starts those that are enabled. */
  static async open(dependencies: MappingDependencies): Promise<Mappings> {
    const { records, clock, logger } = dependencies;
    const registry = await Registry.open<Mapping>(records, 'lambda/event-source-mappings');
    const mappings = new Mappings(dependencies, registry, new Checkpoints(records, clock, logger));
    for (const mapping of registry.list()) void mappings.#follow(mapping, mapping.deleting ? 'Deleting' : undefined);
    return mappings;
  }

  /** @throws resource-not-found */
  get(region: string, id: string): MappingView {
    const mapping = this.#registry.get(`${region}/${id}`);
    if (!mapping) throw new LambdaError('resource-not-found', 'The resource you requested does not exist.');
    return this.#view(mapping);
  }

  list(region?: string): readonly MappingView[] {
    return this.#registry.list(region === undefined ? '' : `${region}/`).map((mapping) => this.#view(mapping));
  }

  /** @throws resource-conflict: the function has a mapping for this source already */
  create(fields: Omit<Mapping, 'uuid' | 'lastModified'>): Promise<MappingView> {
    const { clock, random } = this.#dependencies;
    // One at a time per source and function, so that two calls cannot both find no other.
    return this.#serial.run(`${fields.functionArn} ${fields.sourceArn}`, async () => {
      this.#refuseDouble(fields);
      const mapping = { ...fields, uuid: uuid(random), lastModified: clock.now() };
      await this.#registry.create(keyOf(mapping), mapping);
      void this.#follow(mapping, 'Creating');
      return this.#view(mapping);
    });
  }

  /** Applies `change` to a mapping. @throws resource-not-found, resource-in-use */
  update(region: string, id: string, change: (mapping: Mapping) => Mapping): Promise<MappingView> {
    return this.#serial.run(id, async () => {
      const { mapping } = this.#changeable(region, id);
      const changed = { ...change(mapping), lastModified: this.#dependencies.clock.now() };
      await this.#registry.put(keyOf(changed), changed);
      void this.#follow(changed, statusOfChange(mapping, changed));
      return this.#view(changed);
    });
  }

  delete(region: string, id: string): Promise<MappingView> {
    return this.#serial.run(id, async () => {
      const { mapping } = this.#changeable(region, id);
      const deleting = { ...mapping, deleting: true, lastModified: this.#dependencies.clock.now() };
      await this.#registry.put(keyOf(deleting), deleting);
      void this.#follow(deleting, 'Deleting');
      return this.#view(deleting);
    });
  }

  /** The mapping of an id, whichever its region. @throws resource-not-found */
  find(id: string): Mapping {
    const mapping = this.#registry.list().find(({ uuid: own }) => own === id);
    if (!mapping) throw new LambdaError('resource-not-found', `There is no event source mapping ${id}.`);
    return mapping;
  }

  /** Which function a mapping calls, by the ARN of the mapping; `undefined` when there is none. */
  functionOf(arn: string): string | undefined {
    const [, , , region, , , id] = arn.split(':');
    return this.#registry.get(`${region}/${id}`)?.functionArn;
  }

  /** Holds a mapping back under a name, across restarts; what runs is finished. Twice is once. @throws resource-not-found */
  async pause(id: string, reason: string): Promise<MappingView> {
    return this.update(this.find(id).region, id, (mapping) => ({
      ...mapping,
      paused: [...new Set([...(mapping.paused ?? []), reason])],
    }));
  }

  /** Takes a name back; the mapping runs again when no other holds it, and it is enabled. @throws resource-not-found */
  async resume(id: string, reason: string): Promise<MappingView> {
    return this.update(this.find(id).region, id, (mapping) => ({
      ...mapping,
      paused: (mapping.paused ?? []).filter((name) => name !== reason),
    }));
  }

  /**
   * Reads a stream again from a time on, all shards of it: what runs is finished first, then all positions are set at once,
   * ended shards and tumbling windows begin anew. Durable when it resolves; a paused mapping goes on from there when it is resumed.
   *
   * @param at  epoch milliseconds; one before retention begins with the oldest record
   * @throws resource-not-found, invalid-parameter: its source is a queue, or `at` is in the future
   */
  replay(id: string, at: number): Promise<MappingView> {
    return this.#serial.run(id, async () => {
      const { mapping } = this.#changeable(this.find(id).region, id);
      const source = this.#dependencies.sourceFor(mapping.sourceArn, id);
      if (source.kind !== 'stream') {
        throw invalidParameter(
          `Event source mapping ${id} reads a queue, which keeps no messages that are done: only streams can be replayed.`,
        );
      }
      if (at > this.#dependencies.clock.now()) throw invalidParameter('The time to replay from is in the future.');
      await this.#follow(mapping, 'Updating', () =>
        beginAt(this.#checkpoints, id, source, { kind: 'AT_TIMESTAMP', at }),
      );
      return this.#view(mapping);
    });
  }

  /** Stops all pollers and waits for batches that run: none is started any more. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#retries.values()) timer.cancel();
    await Promise.all(this.#work);
    await Promise.all([...this.#pollers.values()].map((poller) => poller[Symbol.asyncDispose]()));
    this.#pollers.clear();
  }

  /** Stops, and makes the checkpoints durable. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await Promise.all(this.#work);
    await this.#checkpoints[Symbol.asyncDispose]();
  }

  #view(mapping: Mapping): MappingView {
    const { lastResult, ...state } = this.#pollers.get(mapping.uuid)?.state ?? this.#stateOfIdle(mapping);
    return {
      mapping,
      status: this.#transitions.get(mapping.uuid) ?? restingStatus(mapping),
      poller: {
        ...state,
        lastResult: this.#problems.get(mapping.uuid) ?? lastResult,
        paused: mapping.paused ?? [],
      },
    };
  }

  /** Without a poller: how the last one left it, and what waits in a queue now. */
  #stateOfIdle({ uuid: id, sourceArn }: Mapping): PollerState {
    const { depth: _depth, ageMs: _age, concurrency: _concurrency, ...last } = this.#last.get(id) ?? NOT_RUNNING;
    try {
      const source = this.#dependencies.sourceFor(sourceArn, id);
      if (source.kind !== 'queue') return last;
      const { records: depth, ageMs } = source.backlog();
      return { ...last, depth, ageMs };
    } catch {
      return last;
    }
  }

  #refuseDouble({ region, functionArn, functionName, sourceArn }: Omit<Mapping, 'uuid' | 'lastModified'>): void {
    const double = this.#registry
      .list(`${region}/`)
      .find((other) => other.functionArn === functionArn && other.sourceArn === sourceArn);
    if (!double) return;
    throw new LambdaError(
      'resource-conflict',
      `The event source arn (" ${sourceArn} ") and function (" ${functionName} ") provided mapping already exists. ` +
        `Please update or delete the existing mapping with UUID ${double.uuid}`,
    );
  }

  #changeable(region: string, id: string): MappingView {
    const view = this.get(region, id);
    if (view.mapping.deleting) {
      throw new LambdaError('resource-in-use', 'Cannot update the event source mapping because it is in use.');
    }
    return view;
  }

  /**
   * Brings the poller to what the mapping says, after the changes before it.
   * @param between  runs while there is no poller; what it throws is thrown, and the poller runs again all the same
   */
  #follow(mapping: Mapping, status: MappingStatus | undefined, between?: () => Promise<void>): Promise<void> {
    if (status) this.#transitions.set(mapping.uuid, status);
    const applied = this.#serial.run(`poller ${mapping.uuid}`, () => this.#apply(mapping, between));
    const work = applied
      .catch((error: unknown) => {
        this.#dependencies.logger.error('mapping-not-applied', { mapping: mapping.uuid, error });
        // The call was answered: what is to go must go, as soon as the disk has room again.
        if (mapping.deleting) this.#followAgain(mapping);
      })
      .finally(() => {
        this.#work.delete(work);
        if (this.#registry.get(keyOf(mapping))?.lastModified === mapping.lastModified)
          this.#transitions.delete(mapping.uuid);
      });
    this.#work.add(work);
    return applied;
  }

  async #apply(mapping: Mapping, between?: () => Promise<void>): Promise<void> {
    const { uuid: id } = mapping;
    this.#retries.get(id)?.cancel();
    this.#retries.delete(id);
    this.#problems.delete(id);
    const poller = this.#pollers.get(id);
    this.#pollers.delete(id);
    try {
      await poller?.[Symbol.asyncDispose]();
      if (poller) this.#last.set(id, poller.state);
      await between?.();
    } finally {
      if (mapping.deleting) await this.#forget(mapping);
      else if (isActive(mapping) && !this.#closed) this.#start(mapping);
    }
  }

  async #forget(mapping: Mapping): Promise<void> {
    await this.#checkpoints.forget(mapping.uuid);
    await this.#dependencies.forgetReader?.(mapping.sourceArn, mapping.uuid);
    this.#last.delete(mapping.uuid);
    await this.#registry.delete(keyOf(mapping));
    this.#transitions.delete(mapping.uuid);
  }

  #start(mapping: Mapping): void {
    const { logger } = this.#dependencies;
    try {
      this.#pollers.set(mapping.uuid, startPoller(mapping, this.#dependencies, this.#checkpoints));
    } catch (error) {
      logger.warn('event-source-not-found', { mapping: mapping.uuid, source: mapping.sourceArn, error });
      this.#problems.set(mapping.uuid, `PROBLEM: ${messageOf(error)}`);
      this.#followAgain(mapping);
    }
  }

  #followAgain(mapping: Mapping): void {
    const again = () => {
      const current = this.#registry.get(keyOf(mapping));
      if (current && !this.#closed) void this.#follow(current, undefined);
    };
    this.#retries.get(mapping.uuid)?.cancel();
    this.#retries.set(mapping.uuid, this.#dependencies.clock.timer(RETRY_MS, again));
  }
}

function keyOf({ region, uuid: id }: Pick<Mapping, 'region' | 'uuid'>): string {
  return `${region}/${id}`;
}

function restingStatus(mapping: Mapping): MappingStatus {
  if (mapping.deleting) return 'Deleting';
  return isActive(mapping) ? 'Enabled' : 'Disabled';
}

function statusOfChange(before: Mapping, after: Mapping): MappingStatus {
  if (isActive(before) === isActive(after)) return 'Updating';
  return isActive(after) ? 'Enabling' : 'Disabling';
}
