import { ACCOUNT_ID, type Clock, formatArn, parseArn, type Random, type Timer, uuid } from '../../base/index.ts';
import { type Records, Registry, Sequence } from '../../store/index.ts';
import type { Logger, Metrics } from '../../telemetry/index.ts';
import { changedAttributes, differing, initialAttributes, type QueueAttributes, settingsOf } from './attributes.ts';
import { parameterInvalid, queueNotFound, SqsError } from './errors.ts';
import { QueueInstruments } from './instruments.ts';
import { SQS_LIMITS } from './limits.ts';
import { Queue, spaceOf } from './queue.ts';
import { SteadyClock } from './steady.ts';

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
  readonly #sequence: Sequence;
  readonly #steady: SteadyClock;
  readonly #open = new Map<string, Queue>();
  #sweepTimer: Timer | undefined;
  #sweeping: Promise<void> = Promise.resolve();
  #closed = false;

  private constructor(dependencies: QueuesDependencies, registry: Registry<QueueState>, sequence: Sequence) {
    this.#dependencies = dependencies;
    this.#registry = registry;
    this.#sequence = sequence;
    this.#steady = new SteadyClock(dependencies.clock);
  }

  static async open(dependencies: QueuesDependencies): Promise<Queues> {
    const registry = await Registry.open<QueueState>(dependencies.records, 'sqs/queues');
    const queues = new Queues(dependencies, registry, await Sequence.open(dependencies.records, 'sqs/sequence'));
    for (const state of registry.list()) await queues.#openQueue(state);
    queues.#sweepLater();
    return queues;
  }

  /** @throws queue-not-found */
  get(region: string, name: string): { readonly state: QueueState; readonly queue: Queue } {
    const state = this.#registry.get(`${region}/${name}`);
    const queue = this.#open.get(`${region}/${name}`);
    if (!state || !queue) throw queueNotFound();
    return { state, queue };
  }

  byArn(arn: string): Queue | undefined {
    const { region, resource } = parseArn(arn) ?? {};
    return this.#open.get(`${region}/${resource}`);
  }

  /** The queues of a region whose names begin with `prefix`; without a region all there are. */
  list(region?: string, prefix = ''): readonly QueueState[] {
    return this.#registry.list(region === undefined ? '' : `${region}/${prefix}`);
  }

  /** Makes a queue; the same again is the same queue. @throws queue-exists: with other attributes */
  async create(
    region: string,
    name: string,
    given: QueueAttributes,
    tags: Readonly<Record<string, string>>,
  ): Promise<QueueState> {
    const fifo = name.endsWith('.fifo');
    if (!/^[A-Za-z0-9_-]{1,80}$/.test(fifo ? name.slice(0, -5) : name) || name.length > 80) {
      const allowed = 'Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length';
      throw new SqsError('parameter-invalid', allowed);
    }
    if (!fifo && given.FifoQueue !== undefined) throw new SqsError('attribute-unknown', 'Unknown Attribute FifoQueue.');
    if (fifo && given.FifoQueue !== 'true') {
      throw parameterInvalid(name, 'QueueName', 'Can only include alphanumeric characters, hyphens, or underscores.');
    }
    const attributes = initialAttributes(given, fifo);
    const existing = this.#registry.get(`${region}/${name}`);
    if (existing) return sameOrThrow(existing, given);
    const now = this.#dependencies.clock.now();
    const { random } = this.#dependencies;
    const state: QueueState = {
      ...{ region, name, id: uuid(random), life: uuid(random), createdAt: now, modifiedAt: now },
      ...{ attributes, tags },
    };
    try {
      await this.#registry.create(keyOf(state), state);
    } catch (error) {
      // Another call has been quicker: then it is that queue, or another.
      const other = this.#registry.get(`${region}/${name}`);
      if (other) return sameOrThrow(other, given);
      throw error;
    }
    await this.#openQueue(state);
    return state;
  }

  async setAttributes(region: string, name: string, changes: QueueAttributes): Promise<void> {
    const { state, queue } = this.get(region, name);
    const attributes = changedAttributes(state.attributes, changes, queue.settings.fifo);
    await this.#put({ ...state, attributes, modifiedAt: this.#dependencies.clock.now() });
    queue.configure(settingsOf(attributes));
  }

  async setTags(region: string, name: string, change: (tags: QueueState['tags']) => QueueState['tags']): Promise<void> {
    const { state } = this.get(region, name);
    await this.#put({ ...state, tags: change(state.tags) });
  }

  async delete(region: string, name: string): Promise<void> {
    const { state, queue } = this.get(region, name);
    this.#open.delete(keyOf(state));
    await this.#registry.delete(keyOf(state));
    await queue[Symbol.asyncDispose]();
    await this.#dependencies.records.dropSpace(spaceOf(state.life));
  }

  /** Removes all messages. @throws purge-in-progress: less than a minute after the last */
  async purge(region: string, name: string): Promise<void> {
    const { clock, random, records } = this.#dependencies;
    const { state, queue } = this.get(region, name);
    const now = clock.now();
    if (state.purgedAt !== undefined && now - state.purgedAt < SQS_LIMITS.purgeIntervalMs) {
      throw new SqsError('purge-in-progress', `Only one PurgeQueue operation on ${name} is allowed every 60 seconds.`);
    }
    const life = uuid(random);
    await this.#put({ ...state, life, purgedAt: now });
    queue.purge(life);
    await records.dropSpace(spaceOf(state.life));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#sweepTimer?.cancel();
    await this.#sweeping;
    await Promise.all([...this.#open.values()].map((queue) => queue[Symbol.asyncDispose]()));
  }

  async #openQueue(state: QueueState): Promise<void> {
    const { records, clock, logger } = this.#dependencies;
    const dependencies = {
      ...{ records, clock, logger, sequence: this.#sequence, steady: this.#steady },
      instruments: new QueueInstruments(this.#dependencies.metrics, state.name),
      queueAt: (arn: string) => this.byArn(arn),
    };
    const identity = { arn: queueArn(state), id: state.id, life: state.life };
    this.#open.set(keyOf(state), await Queue.open(dependencies, identity, settingsOf(state.attributes)));
  }

  #put(state: QueueState): Promise<void> {
    return this.#registry.put(keyOf(state), state);
  }

  #sweepLater(): void {
    const { clock, logger } = this.#dependencies;
    this.#sweepTimer = clock.timer(SQS_LIMITS.sweepMs, () => {
      this.#sweeping = this.#sweep()
        .catch((error: unknown) => logger.warn('queues-not-swept', { error }))
        .finally(() => {
          if (!this.#closed) this.#sweepLater();
        });
    });
  }

  async #sweep(): Promise<void> {
    for (const queue of [...this.#open.values()]) await queue.sweep();
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
  const name = /\/\d{12}\/([^/?#]+)\/?$/.exec(url)?.[1] ?? /^([A-Za-z0-9_-]+(?:\.fifo)?)$/.exec(url)?.[1];
  if (name === undefined) throw queueNotFound();
  return name;
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
