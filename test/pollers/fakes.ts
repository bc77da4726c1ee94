import { type Clock, DomainError, onAbort, type SimulatedClock } from '../../src/base/index.ts';
import type {
  Backlog,
  FunctionInvoker,
  InvocationOutcome,
  LeasedRecord,
  QueueSource,
  SourceBatch,
  SourceRecord,
  SourceShard,
  StreamSource,
} from '../../src/pollers/index.ts';

/** Real time after which a condition will never hold, on the busiest machine. */
const PATIENCE_MS = 60_000;

/** Lets the event loop turn until `condition` holds. */
export async function eventually(condition: () => boolean): Promise<void> {
  for (const end = performance.now() + PATIENCE_MS; !condition(); ) {
    if (performance.now() > end) throw new Error(`never: ${condition}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Moves simulated time on in steps until `condition` holds, leaving real time for stores in between. */
export async function advanceUntil(clock: SimulatedClock, stepMs: number, condition: () => boolean): Promise<void> {
  for (const end = performance.now() + PATIENCE_MS; !condition(); ) {
    if (performance.now() > end) throw new Error(`never: ${condition}`);
    await clock.advance(stepMs);
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
}

export function fakeRecord(id: string, key: string, arrivedAt: number, payload: unknown = { id }): SourceRecord {
  const body = Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload));
  const toEvent = () => JSON.stringify({ id, key, data: body.toString() });
  return { id, orderingKey: key, arrivedAt, sizeBytes: body.length, body, toEvent };
}

interface Shard {
  readonly parents: readonly string[];
  readonly records: SourceRecord[];
  closed: boolean;
  trimmed: number;
  readonly waiters: Set<() => void>;
}

/** A stream in memory, at the far edge: positions are indices. */
export class FakeStream implements StreamSource {
  readonly kind = 'stream';
  readonly eventSource = 'aws:kinesis';
  readonly batchInfo = 'KinesisBatchInfo';
  readonly streamArn = 'arn:aws:kinesis:us-east-1:000000000000:stream/s';
  id = 'one';
  gone = false;
  readonly reads: number[] = [];
  failNextRead: Error | undefined;
  readonly #shards = new Map<string, Shard>();

  addShard(id: string, parents: readonly string[] = []): void {
    this.#shards.set(id, { parents, records: [], closed: false, trimmed: 0, waiters: new Set() });
  }

  put(shard: string, ...records: readonly SourceRecord[]): void {
    this.#shards.get(shard)!.records.push(...records);
    this.#wake(shard);
  }

  close(shard: string): void {
    this.#shards.get(shard)!.closed = true;
    this.#wake(shard);
  }

  trim(shard: string, before: number): void {
    this.#shards.get(shard)!.trimmed = before;
  }

  /** Another stream under the same name. */
  recreate(id: string): void {
    this.id = id;
    for (const shard of this.#shards.keys()) this.#wake(shard);
    this.#shards.clear();
  }

  identity(): string {
    if (this.gone) throw new DomainError('stream-not-found', 'gone');
    return this.id;
  }

  async shards(): Promise<readonly SourceShard[]> {
    return [...this.#shards].map(([id, { parents }]) => ({ id, parents }));
  }

  async start(shard: string, position: { kind: string; at?: number }): Promise<string> {
    const { records, trimmed } = this.#shards.get(shard)!;
    if (position.kind === 'TRIM_HORIZON') return String(trimmed);
    if (position.kind === 'LATEST') return String(records.length);
    const index = records.findIndex(({ arrivedAt }) => arrivedAt >= position.at!);
    return String(index < 0 ? records.length : index);
  }

  async read(shard: string, position: string, recordsMax: number): Promise<SourceBatch | undefined> {
    const failure = this.failNextRead;
    this.failNextRead = undefined;
    if (failure) throw failure;
    if (this.gone || !this.#shards.has(shard)) throw new DomainError('stream-not-found', 'gone');
    const { records, closed, trimmed } = this.#shards.get(shard)!;
    const from = Number(position);
    if (from < trimmed) throw new DomainError('records-trimmed', 'gone');
    if (closed && from >= records.length) return undefined;
    const found = records.slice(from, from + recordsMax);
    this.reads.push(found.length);
    return { records: found, next: String(from + found.length) };
  }

  wait(shard: string, position: string, signal: AbortSignal): Promise<void> {
    const { records, closed, waiters } = this.#shards.get(shard)!;
    // Never in the same turn: a poller must not take its own next step for the source's answer.
    if (closed || records.length > Number(position)) return new Promise((resolve) => setImmediate(resolve));
    return new Promise((resolve, reject) => {
      const wake = () => {
        waiters.delete(wake);
        forget();
        resolve();
      };
      waiters.add(wake);
      const forget = onAbort(signal, reject);
    });
  }

  async backlog(shard: string, position: string): Promise<Backlog> {
    const records = this.#shards.get(shard)!.records.length - Number(position);
    return { records, ageMs: records > 0 ? 1 : 0 };
  }

  #wake(shard: string): void {
    for (const wake of [...this.#shards.get(shard)!.waiters]) wake();
  }
}

/** A queue in memory: what is received is leased until it is deleted or released, or until the test lets leases end. */
export class FakeQueue implements QueueSource {
  readonly kind = 'queue';
  readonly eventSource = 'aws:sqs';
  readonly deleted: string[] = [];
  readonly released: string[] = [];
  readonly receives: number[] = [];
  gone = false;
  lease = 30_000;
  readonly #clock: Clock;
  readonly #messages: SourceRecord[] = [];
  readonly #waiters = new Set<() => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  send(...records: readonly SourceRecord[]): void {
    this.#messages.push(...records);
    for (const wake of [...this.#waiters]) wake();
  }

  async wait(signal: AbortSignal): Promise<void> {
    this.#check();
    if (this.#messages.length > 0) return;
    await new Promise<void>((resolve, reject) => {
      const wake = () => {
        this.#waiters.delete(wake);
        forget();
        resolve();
      };
      this.#waiters.add(wake);
      const forget = onAbort(signal, reject);
    });
  }

  leaseMs(): number {
    return this.lease;
  }

  async receive(recordsMax: number): Promise<readonly LeasedRecord[]> {
    this.#check();
    this.receives.push(recordsMax);
    const leasedUntil = this.#clock.monotonic() + this.lease;
    return this.#messages.splice(0, recordsMax).map((record) => ({ ...record, leasedUntil }));
  }

  async delete(records: readonly LeasedRecord[]): Promise<void> {
    this.deleted.push(...records.map(({ id }) => id));
  }

  async release(records: readonly LeasedRecord[]): Promise<void> {
    this.released.push(...records.map(({ id }) => id));
  }

  backlog(): Backlog {
    this.#check();
    return { records: this.#messages.length, ageMs: this.#messages.length > 0 ? 1 : 0 };
  }

  #check(): void {
    if (this.gone) throw new DomainError('queue-not-found', 'gone');
  }
}

export interface FakeEvent {
  readonly Records: readonly { readonly id: string; readonly key: string; readonly data: string }[];
  readonly [member: string]: unknown;
}

type Behaviour = (event: FakeEvent) => InvocationOutcome | Promise<InvocationOutcome>;

export const ok = (response: unknown = null): InvocationOutcome => ({
  kind: 'success',
  payload: Buffer.from(JSON.stringify(response)),
  requestId: 'request-1',
});

export const failed: InvocationOutcome = {
  kind: 'function-error',
  payload: Buffer.from('{"errorType":"Error"}'),
  errorType: 'Error',
  requestId: 'request-1',
};

/** A function at the far edge: what it is given is kept, what it answers is the test's. */
export class FakeFunction implements FunctionInvoker {
  readonly events: FakeEvent[] = [];
  behaviour: Behaviour;
  reserved = 0;
  reservedMax = 0;
  /** Environments there are; reservations beyond it wait. */
  limit = Number.POSITIVE_INFINITY;
  timeout = 3000;
  readonly #waiters: (() => void)[] = [];

  constructor(behaviour: Behaviour = () => ok()) {
    this.behaviour = behaviour;
  }

  /** Identifiers of all records of all events, in order. */
  get ids(): string {
    return this.events.map((event) => event.Records.map(({ id }) => id).join('')).join(' ');
  }

  exists(): boolean {
    return true;
  }

  timeoutMs(): number {
    return this.timeout;
  }

  async reserve(_arn: string, signal: AbortSignal) {
    while (this.reserved >= this.limit) {
      await new Promise<void>((resolve, reject) => {
        const forget = onAbort(signal, reject);
        this.#waiters.push(() => {
          forget();
          resolve();
        });
      });
    }
    this.reserved++;
    this.reservedMax = Math.max(this.reserved, this.reservedMax);
    let held = true;
    return {
      invoke: async (payload: Uint8Array) => {
        const event = JSON.parse(Buffer.from(payload).toString()) as FakeEvent;
        this.events.push(event);
        return this.behaviour(event);
      },
      [Symbol.dispose]: () => {
        if (held) this.reserved--;
        held = false;
        this.#waiters.shift()?.();
      },
    };
  }
}

/** A promise that the test resolves. */
export function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
}
