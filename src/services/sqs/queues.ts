import {
  ACCOUNT_ID,
  type Clock,
  ClockJumps,
  formatArn,
  parseArn,
  type Random,
  SteadyClock,
  type Timer,
  uuid,
} from '../../base/index.ts';
import { type Records, Registry, Sequence } from '../../store/index.ts';
import type { Logger, Metrics } from '../../telemetry/index.ts';
import {
  changedAttributes,
  differing,
  initialAttributes,
  type QueueAttributes,
  redriveAllowOf,
  redriveOf,
  settingsOf,
} from './attributes.ts';
import { parameterInvalid, queueNotFound, SqsError } from './errors.ts';
import { QueueInstruments } from './instruments.ts';
import { SQS_LIMITS } from './limits.ts';
import { Queue, spaceOf } from './queue.ts';

export interface QueuesDependencies {
  readonly records: Records;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** What is stored of a queue; registry key `region/name`. */
export interface QueueState {
  readonly region: string;
  readonly name: string;
  /** Stays over purges: receipts name it. */
  readonly id: string;
  /** Names the space of its messages: another one after each purge. */
  readonly life: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly modifiedAt: number;
  readonly purgedAt?: number;
  readonly attributes: QueueAttributes;
  readonly tags: Readonly<Record<string, string>>;
}

/** All queues of a node: their states and, of each, the open queue. */
export class Queues implements AsyncDisposable {
  readonly #dependencies: QueuesDependencies;
  readonly #registry: Registry<QueueState>;
  /** Lives whose messages are to be dropped, by name: a crash in between must not leave them on disk for good. */
  readonly #dropped: Registry<{ readonly queue: string }>;
  readonly #sequence: Sequence;
  readonly #steady: SteadyClock;
  readonly #jumps: ClockJumps;
  readonly #open = new Map<string, Queue>();
  readonly #instruments = new Map<string, QueueInstruments>();
  /** Changes of queues are made one after the other: each begins with what the last has left. */
  #lane: Promise<unknown> = Promise.resolve();
  #sweepTimer: Timer | undefined;
  #lookTimer: Timer | undefined;
  #sweeping: Promise<void> = Promise.resolve();
  readonly #stop = new AbortController();

  private constructor(
    dependencies: QueuesDependencies,
    registry: Registry<QueueState>,
    dropped: Registry<{ readonly queue: string }>,
    sequence: Sequence,
  ) {
    this.#dependencies = dependencies;
    this.#registry = registry;
    this.#dropped = dropped;
    this.#sequence = sequence;
    this.#steady = new SteadyClock(dependencies.clock);
    this.#jumps = new ClockJumps(dependencies.clock);
  }

  static async open(dependencies: QueuesDependencies): Promise<Queues> {
    const { records } = dependencies;
    const registry = await Registry.open<QueueState>(records, 'sqs/queues');
    const dropped = await Registry.open<{ readonly queue: string }>(records, 'sqs/dropped');
    const queues = new Queues(dependencies, registry, dropped, await Sequence.open(records, 'sqs/sequence'));
    await queues.#dropLeftOver();
    for (const state of registry.list()) await queues.#openQueue(state);
    queues.#sweepLater();
    queues.#lookLater();
    return queues;
  }

  /** @throws queue-not-found */
  get(region: string, name: string): { readonly state: QueueState; readonly queue: Queue } {
    const state = this.#registry.get(`${region}/${name}`);
    const queue = this.#open.get(`${region}/${name}`);
    if (!state || !queue) throw queueNotFound();
    return { state, queue };
  }

  /** What is stored of the queue; `undefined` when there is none. */
  find(region: string, name: string): QueueState | undefined {
    return this.#registry.get(`${region}/${name}`);
  }

  /** The same by its ARN. */
  stateOf(arn: string): QueueState | undefined {
    const { region, resource } = parseArn(arn) ?? {};
    return this.#registry.get(`${region}/${resource}`);
  }

  byArn(arn: string): Queue | undefined {
    const { region, resource } = parseArn(arn) ?? {};
    return this.#open.get(`${region}/${resource}`);
  }

  /** The queues of a region whose names begin with `prefix`; without a region all there are. */
  list(region?: string, prefix = ''): readonly QueueState[] {
    return this.#registry.list(region === undefined ? '' : `${region}/${prefix}`);
  }

  /** Queues whose dead letters go to this one. */
  sourcesOf(arn: string): readonly QueueState[] {
    const region = parseArn(arn)?.region ?? '';
    return this.list(region).filter(({ attributes }) => redriveOf(attributes)?.arn === arn);
  }

  /** A number that all messages sent from now on are above. */
  takeSequence(): number {
    return this.#sequence.take();
  }

  /** Makes a queue; the same again is the same queue. @throws queue-exists: with other attributes */
  create(
    region: string,
    name: string,
    given: QueueAttributes,
    tags: Readonly<Record<string, string>>,
  ): Promise<QueueState> {
    return this.#inTurn(() => this.#create(region, name, given, tags));
  }

  setAttributes(region: string, name: string, changes: QueueAttributes): Promise<void> {
    return this.#inTurn(() => this.#setAttributes(region, name, changes));
  }

  /** Puts a queue's policy, or takes it away. @param change  from the policy as it is */
  setPolicy(
    region: string,
    name: string,
    change: (policy: string | undefined, arn: string) => string | undefined,
  ): Promise<void> {
    return this.#inTurn(() => {
      const { state } = this.get(region, name);
      return this.#setAttributes(region, name, { Policy: change(state.attributes.Policy, queueArn(state)) ?? '' });
    });
  }

  setTags(region: string, name: string, change: (tags: QueueState['tags']) => QueueState['tags']): Promise<void> {
    return this.#inTurn(() => {
      const { state } = this.get(region, name);
      return this.#put({ ...state, tags: change(state.tags) });
    });
  }

  delete(region: string, name: string): Promise<void> {
    return this.#inTurn(() => this.#delete(region, name));
  }

  /** Removes all messages. @throws purge-in-progress: less than a minute after the last */
  purge(region: string, name: string): Promise<void> {
    return this.#inTurn(() => this.#purge(region, name));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#sweepTimer?.cancel();
    this.#lookTimer?.cancel();
    await this.#lane;
    await this.#sweeping;
    await Promise.all([...this.#open.values()].map((queue) => queue[Symbol.asyncDispose]()));
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#lane.then(change);
    this.#lane = done.catch(() => {});
    return done;
  }

  async #create(
    region: string,
    name: string,
    given: QueueAttributes,
    tags: Readonly<Record<string, string>>,
  ): Promise<QueueState> {
    const fifo = given.FifoQueue === 'true';
    checkName(name, fifo);
    const attributes = initialAttributes(given, fifo);
    const existing = this.#registry.get(`${region}/${name}`);
    if (existing) {
      const same = sameOrThrow(existing, given);
      // It was stored and could not be opened.
      if (!this.#open.has(keyOf(same))) await this.#openQueue(same);
      return same;
    }
    this.#checkRedrive(region, name, attributes, given);
    const now = this.#dependencies.clock.now();
    const { random } = this.#dependencies;
    const state: QueueState = {
      ...{ region, name, id: uuid(random), life: uuid(random), createdAt: now, modifiedAt: now },
      ...{ attributes, tags },
    };
    await this.#registry.create(keyOf(state), state);
    await this.#openQueue(state);
    return state;
  }

  async #setAttributes(region: string, name: string, changes: QueueAttributes): Promise<void> {
    const { state, queue } = this.get(region, name);
    const { fifo } = queue.settings;
    if (fifo && changes.FifoQueue !== undefined && changes.FifoQueue !== 'true') {
      const reason = 'Reason: Modifying queue type is not supported.';
      throw new SqsError('attribute-invalid', `Invalid value for the parameter FifoQueue. ${reason}`);
    }
    const attributes = changedAttributes(state.attributes, changes, fifo);
    this.#checkRedrive(region, name, attributes, changes);
    await this.#put({ ...state, attributes, modifiedAt: this.#dependencies.clock.now() });
    queue.configure(settingsOf(attributes));
  }

  async #delete(region: string, name: string): Promise<void> {
    const { state, queue } = this.get(region, name);
    await this.#dropped.put(state.life, { queue: queueArn(state) });
    await this.#registry.delete(keyOf(state));
    this.#open.delete(keyOf(state));
    this.#instruments.delete(keyOf(state));
    // What it could not write any more goes with all the rest.
    await queue[Symbol.asyncDispose]().catch(() => {});
    await this.#drop(state.life);
  }

  async #drop(life: string): Promise<void> {
    await this.#dependencies.records.dropSpace(spaceOf(life));
    await this.#dropped.delete(life);
  }

  /** Ends what a crash has interrupted: between the decision to drop a life and its end. */
  async #dropLeftOver(): Promise<void> {
    const used = new Set(this.#registry.list().map(({ life }) => life));
    for (const life of this.#dropped.names()) {
      if (used.has(life)) await this.#dropped.delete(life);
      else await this.#drop(life);
    }
  }

  async #purge(region: string, name: string): Promise<void> {
    const { clock, random } = this.#dependencies;
    const { state, queue } = this.get(region, name);
    const now = clock.now();
    // A clock that has gone back must not forbid it for long.
    const sinceMs = Math.abs(now - (state.purgedAt ?? 0));
    if (state.purgedAt !== undefined && sinceMs < SQS_LIMITS.purgeIntervalMs) {
      throw new SqsError('purge-in-progress', `Only one PurgeQueue operation on ${name} is allowed every 60 seconds.`);
    }
    const life = uuid(random);
    await this.#dropped.put(state.life, { queue: queueArn(state) });
    await this.#put({ ...state, life, purgedAt: now });
    queue.purge(life);
    await this.#drop(state.life);
  }

  async #openQueue(state: QueueState): Promise<void> {
    const { records, clock, logger } = this.#dependencies;
    const instruments = new QueueInstruments(this.#dependencies.metrics, state.name);
    const dependencies = {
      ...{ records, clock, logger, sequence: this.#sequence, steady: this.#steady, jumps: this.#jumps, instruments },
      queueAt: (arn: string) => this.byArn(arn),
    };
    const identity = { arn: queueArn(state), id: state.id, life: state.life };
    this.#open.set(keyOf(state), await Queue.open(dependencies, identity, settingsOf(state.attributes)));
    this.#instruments.set(keyOf(state), instruments);
  }

  /** A dead-letter queue is there, of the same kind, and lets this queue name it. @throws parameter-invalid */
  #checkRedrive(region: string, name: string, attributes: QueueAttributes, given: QueueAttributes): void {
    const redrive = given.RedrivePolicy ? redriveOf(attributes) : undefined;
    if (!redrive) return;
    const refuse = (reason: string) => parameterInvalid(given.RedrivePolicy, 'RedrivePolicy', reason);
    const { region: targetRegion, resource } = parseArn(redrive.arn)!;
    const target = this.#registry.get(`${targetRegion}/${resource}`);
    if (targetRegion !== region || !target) throw refuse('Dead letter target does not exist.');
    if ((target.attributes.FifoQueue === 'true') !== (attributes.FifoQueue === 'true')) {
      throw refuse('Dead-letter queue must be same type of queue as the source.');
    }
    const allow = redriveAllowOf(target.attributes);
    const allowed =
      allow.permission === 'allowAll' ||
      (allow.permission === 'byQueue' && allow.sources.includes(queueArn({ region, name })));
    if (!allowed) throw refuse('The redrive allow policy of the dead-letter queue does not allow this queue.');
  }

  #put(state: QueueState): Promise<void> {
    return this.#registry.put(keyOf(state), state);
  }

  #lookLater(): void {
    this.#lookTimer = this.#dependencies.clock.timer(SQS_LIMITS.lookMs, () => {
      const now = this.#dependencies.clock.now();
      for (const [key, instruments] of this.#instruments) instruments.look(this.#open.get(key)!, now);
      this.#lookLater();
    });
  }

  #sweepLater(): void {
    const { clock, logger } = this.#dependencies;
    this.#sweepTimer = clock.timer(SQS_LIMITS.sweepMs, () => {
      this.#sweeping = this.#sweep()
        .catch((error: unknown) => logger.warn('queues-not-swept', { error }))
        .finally(() => {
          if (!this.#stop.signal.aborted) this.#sweepLater();
        });
    });
  }

  async #sweep(): Promise<void> {
    for (const queue of [...this.#open.values()]) {
      if (!this.#stop.signal.aborted) await queue.sweep(this.#stop.signal);
    }
  }
}

export function queueArn({ region, name }: Pick<QueueState, 'region' | 'name'>): string {
  return formatArn('sqs', region, ACCOUNT_ID, name);
}

/** URL of a queue, by how the client reached us. */
export function queueUrl(endpoint: string, { name }: Pick<QueueState, 'name'>): string {
  return `${endpoint}/${ACCOUNT_ID}/${name}`;
}

/** Name in a queue URL: what clients behind other host names or ports send is as good. @throws queue-not-found */
export function nameOfUrl(url: string): string {
  const name = nameInUrl(url);
  if (name === undefined) throw queueNotFound();
  return name;
}

/** The same; `undefined` where there is none. */
export function nameInUrl(url: string): string | undefined {
  return /\/\d{12}\/([^/?#]+)\/?$/.exec(url)?.[1] ?? /^([A-Za-z0-9_-]+(?:\.fifo)?)$/.exec(url)?.[1];
}

/** @throws parameter-invalid, attribute-unknown */
function checkName(name: string, fifo: boolean): void {
  if (fifo) {
    if (/^[A-Za-z0-9_-]{1,75}\.fifo$/.test(name)) return;
    const rule = 'can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix';
    throw new SqsError('parameter-invalid', `The name of a FIFO queue ${rule} and be 1 to 80 in length.`);
  }
  if (/^[A-Za-z0-9_-]{1,80}$/.test(name)) return;
  const allowed = 'Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length';
  throw new SqsError('parameter-invalid', allowed);
}

function keyOf({ region, name }: Pick<QueueState, 'region' | 'name'>): string {
  return `${region}/${name}`;
}

function sameOrThrow(existing: QueueState, given: QueueAttributes): QueueState {
  const [different] = differing(existing.attributes, given);
  if (different === undefined) return existing;
  throw new SqsError(
    'queue-exists',
    `A queue already exists with the same name and a different value for attribute ${different}`,
  );
}
