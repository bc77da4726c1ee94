import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, DomainError, systemClock, systemRandom } from '../../../src/base/index.ts';
import { type Delivery, type DeliveryService, openDelivery } from '../../../src/delivery/index.ts';
import type { Runtime } from '../../../src/runtime/index.ts';
import { ASYNC_LIMITS, type Lambda, openLambda } from '../../../src/services/lambda/index.ts';
import { openEmbeddedRecords } from '../../../src/store/index.ts';
import { createMetrics, silentLogger } from '../../../src/telemetry/index.ts';
import { context } from '../../lambda/support.ts';
import { zipOf } from '../../support/clients.ts';
import type { CrashSubject } from '../subject.ts';
import { drained } from './drained.ts';
import { Ledger, replaceFile } from './ledger.ts';

/** - `good` succeeds; - `bad` fails; - `held` succeeds, and has no place now and then. */
type Kind = 'good' | 'bad' | 'held';
const KINDS: readonly Kind[] = ['good', 'bad', 'held'];

interface Step {
  readonly kind: Kind;
}

interface Store extends AsyncDisposable {
  readonly lambda: Lambda;
  readonly delivery: DeliveryService;
  readonly ledger: Ledger;
}

const queue = (name: string) => `arn:aws:sqs:us-east-1:000000000000:${name}`;

/** Asynchronous invocations: every accepted event is run, and what is told of it is whole. */
export const eventsSubject: CrashSubject<Store, Step> = {
  name: 'events',
  kills: 4,
  simulated: false,
  concurrency: 8,

  async open({ directory }) {
    await using scope = new AsyncDisposableStack();
    const records = scope.use(await openEmbeddedRecords({ directory: join(directory, 'records') }));
    const clock = fastClock(directory);
    const ground = { clock, random: systemRandom, logger: silentLogger, metrics: createMetrics() };
    const delivery = scope.use(await openDelivery({ records, ...ground }));
    const ledger = new Ledger(directory);
    const readObject = () => Promise.reject(new Error('no objects here'));
    const code = { readObject, readObjectRights: () => [] };
    const codeDirectory = join(directory, 'code');
    const runtime = fakeRuntime(ledger);
    const lambda = scope.use(await openLambda({ records, runtime, delivery, codeDirectory, ...code, ...ground }));
    for (const kind of KINDS) await create(lambda, kind);
    delivery.register('sqs', { deliver: async (one) => take(one, ledger) });
    delivery.register('lambda', lambda.target, { concurrencyMax: ASYNC_LIMITS.concurrencyMax });
    const owned = scope.move();
    return { lambda, delivery, ledger, [Symbol.asyncDispose]: () => owned.disposeAsync() };
  },

  plan: (random) => ({ kind: KINDS[Math.floor(random.next() * KINDS.length)]! }),

  run: ({ lambda }, { kind }, id) =>
    call(lambda, 'Invoke', {
      FunctionName: kind,
      InvocationType: 'Event',
      Payload: Buffer.from(JSON.stringify({ id, kind, filling: 'x'.repeat(id % 500) })),
    }),

  isRefusal: () => false,

  async verify({ delivery, ledger }, history) {
    await drained(delivery);
    const seen = ledger.read();
    const [ran, ...told] = ['ran', 'record-good', 'record-bad', 'record-held', 'letter-bad'].map(
      (group) => new Set(seen.get(group) ?? []),
    ) as [Set<number>, ...Set<number>[]];
    const [good, bad, held, letters] = told as [Set<number>, Set<number>, Set<number>, Set<number>];
    const byId = new Map(history.map((entry) => [entry.id, entry]));
    for (const id of ran) assert.notEqual(byId.get(id)?.outcome ?? 'refused', 'refused', `${id} was never sent`);
    for (const { id, step, outcome } of history) {
      if (outcome !== 'acknowledged' && !ran.has(id)) {
        for (const some of told) assert.ok(!some.has(id), `${id} was told of and never ran`);
        continue;
      }
      assert.ok(ran.has(id), `${id} was accepted and never ran`);
      const expected = { good, bad, held }[step.kind];
      assert.ok(expected.has(id), `${id} ran, and its destination was not told`);
      assert.equal(letters.has(id), step.kind === 'bad', `dead letter of ${id}`);
      assert.equal([good, bad, held].filter((some) => some.has(id)).length, 1, `${id} ended in one way`);
    }
    return ran;
  },
};

async function create(lambda: Lambda, kind: Kind): Promise<void> {
  const FunctionName = kind;
  try {
    await call(lambda, 'CreateFunction', {
      FunctionName,
      Runtime: 'nodejs24.x',
      Role: 'arn:aws:iam::000000000000:role/test',
      Handler: 'index.handler',
      Code: { ZipFile: await zipOf({ 'index.js': '' }) },
      ...(kind === 'bad' && { DeadLetterConfig: { TargetArn: queue('letter') } }),
    });
  } catch (error) {
    if ((error as DomainError).code !== 'resource-conflict') throw error;
  }
  await call(lambda, 'PutFunctionEventInvokeConfig', {
    FunctionName,
    MaximumRetryAttempts: 0,
    DestinationConfig: { OnSuccess: { Destination: queue('record') }, OnFailure: { Destination: queue('record') } },
  });
}

const call = async (lambda: Lambda, operation: string, input: object): Promise<unknown> =>
  await lambda.service.operations[operation]!(input, context());

/** Functions are one callback: it notes what ran. */
function fakeRuntime(ledger: Ledger): Runtime {
  return {
    reserve: async ({ name }) => {
      await new Promise((resolve) => setImmediate(resolve));
      if (name === 'held' && systemRandom.next() < 0.3) {
        throw new DomainError('concurrency-limit', 'Rate Exceeded.', { remedy: 'retry' });
      }
      return {
        invoke: async ({ payload }) => {
          const { id, kind } = JSON.parse(Buffer.from(payload).toString()) as { id: number; kind: Kind };
          ledger.note('ran', id);
          const metering = { durationMs: 1, billedMs: 1, memoryUsedMb: 1, start: 'warm' } as const;
          if (kind !== 'bad') return { kind: 'success', payload: Buffer.from(`"${id}"`), logTail: '', metering };
          const error = Buffer.from(JSON.stringify({ errorType: 'Error', errorMessage: `bad ${id}`, trace: [] }));
          return { kind: 'error', payload: error, errorType: 'Error', handled: true, logTail: '', metering };
        },
        [Symbol.dispose]: () => {},
      };
    },
    snapshot: async () => ({ kind: 'on' }),
    provision: () => {},
    provisioned: () => undefined,
    retire: () => {},
    reserveConcurrency: () => {},
    pools: () => [],
    [Symbol.asyncDispose]: async () => {},
  };
}

/** Checks that a record or a letter is whole, and notes it. */
function take({ arn, payload, attributes }: Delivery, ledger: Ledger): void {
  const told = JSON.parse(Buffer.from(payload).toString());
  if (arn === queue('letter')) {
    const { ErrorCode, ErrorMessage } = attributes!.messageAttributes as Record<string, { StringValue: string }>;
    assert.deepEqual([ErrorCode!.StringValue, ErrorMessage!.StringValue], ['200', `bad ${told.id}`]);
    return ledger.note(`letter-${told.kind}`, told.id);
  }
  const { requestPayload, requestContext, responseContext, responsePayload } = told;
  const { id, kind, filling } = requestPayload as { id: number; kind: Kind; filling: string };
  const isBad = kind === 'bad';
  assert.equal(filling.length, id % 500);
  assert.deepEqual(
    [requestContext.condition, requestContext.approximateInvokeCount, responseContext.statusCode],
    [isBad ? 'RetriesExhausted' : 'Success', 1, 200],
  );
  assert.equal(isBad ? responsePayload.errorMessage : responsePayload, isBad ? `bad ${id}` : String(id));
  ledger.note(`record-${kind}`, id);
}

/** Times as fast as the system's. Events may grow six hours old: no machine is so slow that it takes this store 36 minutes. */
const FAST = 10;

/** From the first opening of the directory on: a backoff of seconds is soon over. */
function fastClock(directory: string): Clock {
  const file = join(directory, 'began');
  if (!existsSync(file)) replaceFile(file, String(systemClock.now()));
  const began = Number(readFileSync(file, 'utf8'));
  return {
    now: () => began + (systemClock.now() - began) * FAST,
    monotonic: () => systemClock.monotonic() * FAST,
    sleep: (ms, signal) => systemClock.sleep(ms / FAST, signal),
    timer: (ms, callback) => systemClock.timer(ms / FAST, callback),
  };
}
