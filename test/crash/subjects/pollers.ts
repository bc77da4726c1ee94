import assert from 'node:assert/strict';
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Random, seededRandom, systemRandom } from '../../../src/base/index.ts';
import type { FunctionInvoker, InvocationOutcome, Reservation } from '../../../src/pollers/index.ts';
import type { Service } from '../../../src/services/index.ts';
import { type Kinesis, openKinesis } from '../../../src/services/kinesis/index.ts';
import { type EventSourceMappings, openEventSourceMappings } from '../../../src/services/lambda/index.ts';
import { openSqs, type Sqs } from '../../../src/services/sqs/index.ts';
import { EmbeddedLog, openEmbeddedRecords } from '../../../src/store/index.ts';
import { createMetrics, silentLogger } from '../../../src/telemetry/index.ts';
import { CONTEXT } from '../../support/operations.ts';
import type { CrashSubject } from '../subject.ts';
import { clockOf, Ledger } from './ledger.ts';

type Step =
  | { readonly kind: 'put'; readonly key: string }
  | { readonly kind: 'send'; readonly group: string }
  | { readonly kind: 'reshard'; readonly shards: number }
  | { readonly kind: 'pause' | 'resume' | 'replay' };

interface Store extends AsyncDisposable {
  readonly kinesis: Kinesis;
  readonly sqs: Sqs;
  readonly mappings: EventSourceMappings;
  readonly functions: Functions;
}

const STREAM = 'events';
const KEYS = ['k0', 'k1', 'k2', 'k3', 'k4'];
const PLAIN = 'http://h/000000000000/plain';
const FIFO = 'http://h/000000000000/ordered.fifo';
const GROUPS = ['', 'g1', 'g2'];
/** Real time, and looks, without any progress, after which there will be none: a busy machine gives few of the looks. */
const PATIENCE_MS = 30_000;
const PATIENCE_LOOKS = 1000;

/**
 * Pollers over a real stream and real queues, between senders that are acknowledged and functions that fail now and then. What the
 * functions have seen outlives them: everything acknowledged at least once, keys and groups in order, and each record of a tumbling
 * window once in its final state.
 */
export const pollersSubject: CrashSubject<Store, Step> = {
  name: 'pollers',
  kills: 5,
  simulated: false,
  concurrency: 8,

  async open({ directory }) {
    await using scope = new AsyncDisposableStack();
    const clock = clockOf(directory);
    const ground = { clock, random: systemRandom, logger: silentLogger, metrics: createMetrics() };
    const records = scope.use(await openEmbeddedRecords({ directory: join(directory, 'records') }));
    const log = scope.use(await EmbeddedLog.open({ directory: join(directory, 'log') }));
    const kinesis = scope.use(await openKinesis({ log, records, ...ground }));
    const sqs = scope.use(await openSqs({ records, ...ground }));
    await createSources(kinesis, sqs);
    const functions = new Functions(directory);
    const mappings = scope.use(
      await openEventSourceMappings({
        records,
        invoker: functions,
        sourceFor: (arn) => (arn.includes(':sqs:') ? sqs.source(arn) : kinesis.source(arn)),
        delivery: { send: async () => {} },
        putObject: async () => {},
        ...ground,
      }),
    );
    await createMappings(mappings);
    const owned = scope.move();
    return { kinesis, sqs, mappings, functions, [Symbol.asyncDispose]: () => owned.disposeAsync() };
  },

  plan(random) {
    const drawn = random.next();
    if (drawn < 0.03) return { kind: (['pause', 'resume', 'replay'] as const)[Math.floor(random.next() * 3)]! };
    if (drawn < 0.04) return { kind: 'reshard', shards: 2 + Math.floor(random.next() * 3) };
    if (drawn < 0.6) return { kind: 'put', key: KEYS[Math.floor(random.next() * KEYS.length)]! };
    return { kind: 'send', group: GROUPS[Math.floor(random.next() * GROUPS.length)]! };
  },

  async run({ kinesis, sqs, mappings }, step, id) {
    if (step.kind === 'put') {
      kinesis.stream(STREAM)!.enqueue(step.key, Buffer.from(String(id)));
      return kinesis.committed();
    }
    if (step.kind === 'send') {
      const fifo = { MessageGroupId: step.group, MessageDeduplicationId: String(id) };
      const to = step.group === '' ? { QueueUrl: PLAIN } : { QueueUrl: FIFO, ...fifo };
      return call(sqs.service, 'SendMessage', { ...to, MessageBody: String(id) });
    }
    if (step.kind === 'reshard') {
      const input = { StreamName: STREAM, TargetShardCount: step.shards, ScalingType: 'UNIFORM_SCALING' };
      return call(kinesis.service, 'UpdateShardCount', input);
    }
    const uuid = uuidOf(mappings, 'stream');
    // Acknowledged only when it is durable; the pollers are stopped and started meanwhile.
    if (step.kind === 'replay') return mappings.replay(uuid, 0);
    return mappings[step.kind](uuid, 'operator');
  },

  isRefusal: () => false,

  async verify(store, history) {
    const { mappings, functions } = store;
    functions.failing = 0;
    // The last verification has resumed it.
    const since = functions.verified;
    functions.verified = Math.max(-1, ...history.map(({ id }) => id));
    const changes = history.filter(({ id }) => id > since);
    const paused = changes.filter(({ step }) => step.kind === 'pause' || step.kind === 'resume');
    const settled = paused.every(({ outcome }) => outcome === 'acknowledged');
    const isPaused = viewOf(mappings, 'stream').poller.paused.length > 0;
    // Of steps side by side the last to begin need not be the last to end: only one alone tells.
    if (settled && paused.length === 1) assert.equal(isPaused, paused[0]!.step.kind === 'pause');
    await mappings.resume(uuidOf(mappings, 'stream'), 'operator');
    await drained(store);
    const seen = functions.ledger.read();
    const done = new Set<number>();
    for (const [name, ids] of seen) {
      for (const id of ids) done.add(id);
      const ordered = !name.startsWith('plain');
      if (ordered)
        assert.deepEqual(
          ids,
          ids.toSorted((a, b) => a - b),
          `order of ${name}`,
        );
    }
    const inWindows = checkWindows(functions.windows());
    for (const { id, step, outcome } of history) {
      if (step.kind !== 'put' && step.kind !== 'send') done.add(id);
      else if (outcome === 'acknowledged') assert.ok(done.has(id), `${id} was acknowledged and was never seen`);
      else if (outcome === 'refused') assert.ok(!done.has(id), `${id} was refused and is there`);
      if (step.kind === 'put') assert.equal(inWindows.has(id), done.has(id), `${id} in windows`);
    }
    return done;
  },
};

/** Final states of windows: each record once, keys in order; two finals of a window may repeat each other and never overlap in part. */
function checkWindows(finals: readonly Final[]): ReadonlySet<number> {
  const all = new Set<number>();
  for (const { ids } of finals) {
    assert.equal(new Set(ids).size, ids.length, 'a record is twice in a window');
    for (const id of ids) all.add(id);
  }
  for (const [name, same] of Map.groupBy(finals, ({ window }) => window)) {
    for (const [index, one] of same.entries()) {
      for (const other of same.slice(index + 1)) {
        const common = other.ids.filter((id) => one.ids.includes(id)).length;
        const whole = common === 0 || common === Math.min(one.ids.length, other.ids.length);
        assert.ok(whole, `finals of ${name} overlap in part`);
      }
    }
  }
  return all;
}

interface Final {
  readonly window: string;
  readonly ids: readonly number[];
}

interface Event {
  readonly Records: readonly {
    readonly body?: string;
    readonly attributes?: { readonly MessageGroupId?: string };
    readonly kinesis?: { readonly data: string; readonly partitionKey: string };
  }[];
  readonly state?: { readonly ids?: readonly number[] };
  readonly isFinalInvokeForWindow?: boolean;
  readonly shardId?: string;
  readonly window?: { readonly start: string };
}

/** The functions: they note what they see on disk, at once, and fail now and then in the middle of it. */
class Functions implements FunctionInvoker {
  readonly ledger: Ledger;
  failing = 0.1;
  readonly #windows: string;
  readonly #verified: string;
  readonly #random: Random = seededRandom(11);

  constructor(directory: string) {
    this.ledger = new Ledger(directory);
    this.#windows = join(directory, 'windows');
    this.#verified = join(directory, 'verified');
  }

  exists(): boolean {
    return true;
  }

  timeoutMs(): number {
    return 1000;
  }

  async reserve(arn: string): Promise<Reservation> {
    return {
      invoke: async (payload) => {
        await new Promise((resolve) => setImmediate(resolve));
        const event = JSON.parse(Buffer.from(payload).toString()) as Event;
        const fails = this.#random.next() < this.failing;
        return arn.endsWith(':window') ? this.#window(event, fails) : this.#note(event, fails);
      },
      [Symbol.dispose]: () => {},
    };
  }

  /** The last step that was verified; on disk, since each generation has functions of its own. */
  get verified(): number {
    return existsSync(this.#verified) ? Number(readFileSync(this.#verified, 'utf8')) : -1;
  }

  set verified(id: number) {
    writeFileSync(this.#verified, String(id));
  }

  windows(): readonly Final[] {
    if (!existsSync(this.#windows)) return [];
    return readFileSync(this.#windows, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Final);
  }

  #note({ Records }: Event, fails: boolean): InvocationOutcome {
    const seen = fails ? Records.slice(0, Records.length / 2) : Records;
    for (const { body, attributes, kinesis } of seen) {
      if (kinesis) this.ledger.note(`stream/${kinesis.partitionKey}`, idOf(kinesis.data));
      else this.ledger.note(attributes?.MessageGroupId ? `fifo/${attributes.MessageGroupId}` : 'plain', Number(body));
    }
    return fails ? FAILED : success({});
  }

  #window({ Records, state, isFinalInvokeForWindow, shardId, window }: Event, fails: boolean): InvocationOutcome {
    if (fails) return FAILED;
    const ids = [...(state?.ids ?? []), ...Records.map(({ kinesis }) => idOf(kinesis!.data))];
    const final: Final = { window: `${shardId} ${window?.start}`, ids };
    if (isFinalInvokeForWindow) appendFileSync(this.#windows, `${JSON.stringify(final)}\n`);
    return success({ state: { ids } });
  }
}

const FAILED: InvocationOutcome = { kind: 'function-error', payload: Buffer.from('{}'), errorType: 'Error' };

const success = (response: object): InvocationOutcome => ({
  kind: 'success',
  payload: Buffer.from(JSON.stringify(response)),
});

const idOf = (data: string) => Number(Buffer.from(data, 'base64').toString());

async function createSources(kinesis: Kinesis, sqs: Sqs): Promise<void> {
  if (!kinesis.stream(STREAM)) {
    await call(kinesis.service, 'CreateStream', { StreamName: STREAM, ShardCount: 2 });
    while (!kinesis.stream(STREAM)) await new Promise((resolve) => setImmediate(resolve));
  }
  const VisibilityTimeout = '1';
  await call(sqs.service, 'CreateQueue', { QueueName: 'plain', Attributes: { VisibilityTimeout } });
  const Attributes = { VisibilityTimeout, FifoQueue: 'true' };
  await call(sqs.service, 'CreateQueue', { QueueName: 'ordered.fifo', Attributes });
}

async function createMappings(mappings: EventSourceMappings): Promise<void> {
  const stream = { EventSourceArn: `arn:aws:kinesis:us-east-1:000000000000:stream/${STREAM}` };
  const begin = { ...stream, StartingPosition: 'TRIM_HORIZON', BatchSize: 7 };
  const queue = (name: string) => `arn:aws:sqs:us-east-1:000000000000:${name}`;
  const wanted = [
    { FunctionName: 'stream', ...begin, ParallelizationFactor: 3 },
    { FunctionName: 'window', ...begin, TumblingWindowInSeconds: 1 },
    { FunctionName: 'queue', EventSourceArn: queue('plain') },
    { FunctionName: 'fifo', EventSourceArn: queue('ordered.fifo'), BatchSize: 3 },
  ];
  for (const input of wanted) {
    if (mappings.mappings().some(({ mapping }) => mapping.functionName === input.FunctionName)) continue;
    await mappings.operations.CreateEventSourceMapping!(input, CONTEXT);
  }
}

/** Until everything there is was handed over and is done. */
async function drained(store: Store): Promise<void> {
  let last = '';
  for (let [since, looks] = [0, 0]; ; looks++, await new Promise((resolve) => setTimeout(resolve, 10))) {
    const { isOver, progress } = look(store);
    if (isOver) return;
    if (progress !== last) [last, since, looks] = [progress, performance.now(), 0];
    if (looks < PATIENCE_LOOKS || performance.now() - since < PATIENCE_MS) continue;
    assert.fail(`pollers do not get through: ${progress} ${JSON.stringify(await details(store))}`);
  }
}

function look({ kinesis, sqs, mappings, functions }: Store): { readonly isOver: boolean; readonly progress: string } {
  const atTip = ['stream', 'window'].map((name) => isAtTip(kinesis, mappings, name));
  const queues = sqs.describe('us-east-1').map(({ name, visible, inFlight, delayed }) => {
    return { name, visible, inFlight, delayed };
  });
  const areEmpty = queues.every(({ visible, inFlight, delayed }) => visible + inFlight + delayed === 0);
  // Finals may repeat each other.
  const windows = new Set(functions.windows().flatMap(({ ids }) => ids)).size;
  const isOver = atTip.every(Boolean) && areEmpty && windows >= recordsOf(kinesis);
  const done = mappings.mappings().map(({ mapping, poller }) => [mapping.functionName, poller.records]);
  return { isOver, progress: JSON.stringify({ atTip, queues, windows, of: recordsOf(kinesis), done }) };
}

/** What tells why: messages that wait, with their groups and whether they are in flight, and the pollers. */
async function details({ sqs, mappings }: Store): Promise<object> {
  const queues = sqs.describe('us-east-1').map(async ({ arn, oldestAgeMs }) => {
    const { messages } = await sqs.letters.browse(arn, { limit: 20 });
    const waiting = messages.map(({ body, group, state, sentAt }) => ({ body, group, state, sentAt }));
    return { oldestAgeMs, waiting };
  });
  return { queues: await Promise.all(queues), pollers: mappings.mappings().map(({ poller }) => poller) };
}

function isAtTip(kinesis: Kinesis, mappings: EventSourceMappings, name: string): boolean {
  const { shards } = viewOf(mappings, name).poller;
  const positions = new Map(shards.map(({ id, position }) => [id, position]));
  return [...kinesis.stream(STREAM)!.shards.values()].every(({ id, next }) => positions.get(id) === String(next));
}

const recordsOf = (kinesis: Kinesis) =>
  [...kinesis.stream(STREAM)!.shards.values()].reduce((sum, { next }) => sum + Number(next), 0);

const viewOf = (mappings: EventSourceMappings, name: string) =>
  mappings.mappings().find(({ mapping }) => mapping.functionName === name)!;

const uuidOf = (mappings: EventSourceMappings, name: string) => viewOf(mappings, name).mapping.uuid;

function call(service: Service, operation: string, input: object): Promise<any> {
  // At once and not in the next turn: the order of sends is the order of their steps.
  return Promise.resolve(service.operations[operation]!(input, CONTEXT));
}
