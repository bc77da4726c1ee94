import assert from 'node:assert/strict';
import { seededRandom, systemRandom } from '../../../src/base/index.ts';
import type { OperationContext } from '../../../src/services/index.ts';
import { openSqs, type Sqs } from '../../../src/services/sqs/index.ts';
import { openEmbeddedRecords } from '../../../src/store/index.ts';
import { createMetrics, newTrace, silentLogger } from '../../../src/telemetry/index.ts';
import type { CrashSubject } from '../subject.ts';
import { clockOf, Ledger } from './ledger.ts';

type Step = { readonly kind: 'send'; readonly group: string; readonly copies: number } | { readonly kind: 'consume' };

interface Store extends AsyncDisposable {
  readonly sqs: Sqs;
  readonly ledger: Ledger;
}

const URLS = { standard: 'http://h/000000000000/plain', fifo: 'http://h/000000000000/ordered.fifo' };
const STANDARD = 'standard';
const GROUPS = [STANDARD, 'g1', 'g2'];

/** A standard and a FIFO queue with consumers that fall behind, and messages that are received and not deleted. */
export const sqsSubject: CrashSubject<Store, Step> = {
  name: 'sqs',
  kills: 30,
  simulated: false,
  concurrency: 8,

  async open({ directory }) {
    await using scope = new AsyncDisposableStack();
    const records = scope.use(await openEmbeddedRecords({ directory }));
    const ground = { clock: clockOf(directory), random: systemRandom, logger: silentLogger, metrics: createMetrics() };
    const sqs = scope.use(await openSqs({ records, ...ground }));
    await call(sqs, 'CreateQueue', { QueueName: 'plain' });
    await call(sqs, 'CreateQueue', { QueueName: 'ordered.fifo', Attributes: { FifoQueue: 'true' } });
    const owned = scope.move();
    return { sqs, ledger: new Ledger(directory), [Symbol.asyncDispose]: () => owned.disposeAsync() };
  },

  plan(random) {
    if (random.next() < 0.3) return { kind: 'consume' };
    return {
      kind: 'send',
      group: GROUPS[Math.floor(random.next() * GROUPS.length)]!,
      copies: random.next() < 0.1 ? 2 : 1,
    };
  },

  async run({ sqs, ledger }, step, id) {
    if (step.kind === 'consume') return consume(sqs, ledger, URLS[id % 2 ? 'standard' : 'fifo'], id % 5 > 0);
    if (step.group === STANDARD) return call(sqs, 'SendMessage', { QueueUrl: URLS.standard, MessageBody: `${id}` });
    const input = {
      QueueUrl: URLS.fifo,
      MessageBody: `${id}`,
      MessageGroupId: step.group,
      MessageDeduplicationId: `${id}`,
    };
    // A client that has not heard of the first one sends it again.
    await Promise.all(Array.from({ length: step.copies }, () => call(sqs, 'SendMessage', input)));
  },

  isRefusal: () => false,

  async verify({ sqs, ledger }, history) {
    for (const url of Object.values(URLS)) while ((await consume(sqs, ledger, url, true)) > 0);
    const seen = ledger.read();
    const done = new Set([...seen.values()].flat());
    const byId = new Map(history.map((entry) => [entry.id, entry]));
    for (const id of done) assert.notEqual(byId.get(id)?.outcome ?? 'refused', 'refused', `${id} was never sent`);
    for (const [group, ids] of seen) {
      if (group !== STANDARD)
        assert.deepEqual(
          ids,
          ids.toSorted((a, b) => a - b),
          `order of ${group}`,
        );
    }
    for (const { id, step, outcome } of history) {
      if (step.kind === 'consume') done.add(id);
      else if (outcome === 'acknowledged') assert.ok(done.has(id), `${id} was acknowledged and is gone`);
    }
    return done;
  },
};

/** Receives a batch and deletes it, or leaves it to come again. @returns how many there were */
async function consume(sqs: Sqs, ledger: Ledger, QueueUrl: string, isDone: boolean): Promise<number> {
  const input = { QueueUrl, MaxNumberOfMessages: 10, AttributeNames: ['MessageGroupId'] };
  const { Messages = [] } = await call(sqs, 'ReceiveMessage', input);
  for (const { Body, Attributes } of Messages) ledger.note(Attributes?.MessageGroupId ?? STANDARD, Number(Body));
  if (isDone && Messages.length > 0) {
    const Entries = Messages.map(({ Body, ReceiptHandle }: any) => ({ Id: Body, ReceiptHandle }));
    await call(sqs, 'DeleteMessageBatch', { QueueUrl, Entries });
  }
  return Messages.length;
}

const context: OperationContext = {
  requestId: 'r',
  region: 'us-east-1',
  caller: { accountId: '000000000000', arn: 'arn:aws:iam::000000000000:root' },
  endpoint: 'http://h',
  signal: new AbortController().signal,
  trace: newTrace(seededRandom(1)),
};

function call(sqs: Sqs, operation: string, input: object): Promise<any> {
  // At once and not in the next turn: the order of sends is the order of their steps.
  return Promise.resolve(sqs.service.operations[operation]!(input, context));
}
