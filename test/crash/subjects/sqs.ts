import assert from 'node:assert/strict';
import { systemRandom } from '../../../src/base/index.ts';
import { openSqs, type Sqs } from '../../../src/services/sqs/index.ts';
import { openEmbeddedRecords } from '../../../src/store/index.ts';
import { createMetrics, silentLogger } from '../../../src/telemetry/index.ts';
import { CONTEXT } from '../../support/operations.ts';
import type { CrashSubject } from '../subject.ts';
import { clockOf, Ledger } from './ledger.ts';

type Step =
  | { readonly kind: 'send'; readonly group: string; readonly copies: number }
  /** Receives a batch and deletes it, or leaves it to come again at once or later. */
  | { readonly kind: 'consume'; readonly queue: Name; readonly ending: 'delete' | 'keep' | 'show' }
  /** Receives until the redrive policy takes messages away. */
  | { readonly kind: 'poison'; readonly queue: Name }
  | { readonly kind: 'move'; readonly queue: Name };

interface Store extends AsyncDisposable {
  readonly sqs: Sqs;
  readonly ledger: Ledger;
}

type Name = 'plain' | 'ordered.fifo' | 'poison' | 'dead' | 'poison.fifo' | 'dead.fifo';

const NAMES: readonly Name[] = ['plain', 'ordered.fifo', 'poison', 'dead', 'poison.fifo', 'dead.fifo'];
const PLACES = [['plain'], ['ordered.fifo'], ['poison', 'dead'], ['poison.fifo', 'dead.fifo']] as const;
/** Groups of messages, and where they are sent. */
const GROUPS: Readonly<Record<string, Name>> = {
  standard: 'plain',
  g1: 'ordered.fifo',
  g2: 'ordered.fifo',
  p: 'poison',
  pf: 'poison.fifo',
};
/** Only here no redriving mixes the order. */
const ORDERED = ['g1', 'g2'];
const DELETED = 'deleted';

const urlOf = (name: Name) => `http://h/000000000000/${name}`;
const arnOf = (name: Name) => `arn:aws:sqs:us-east-1:000000000000:${name}`;

/**
 * Standard and FIFO queues with consumers that fall behind, messages that are received and not deleted, poison that goes to
 * dead-letter queues, and tasks that move it back.
 */
export const sqsSubject: CrashSubject<Store, Step> = {
  name: 'sqs',
  kills: 6,
  simulated: false,
  concurrency: 8,

  async open({ directory }) {
    await using scope = new AsyncDisposableStack();
    const records = scope.use(await openEmbeddedRecords({ directory }));
    const ground = {
      ...{ clock: clockOf(directory), random: systemRandom, logger: silentLogger },
      metrics: createMetrics(),
    };
    const sqs = scope.use(await openSqs({ records, ...ground }));
    for (const name of ['plain', 'dead', 'dead.fifo', 'ordered.fifo'] as const) await create(sqs, name);
    for (const name of ['poison', 'poison.fifo'] as const) {
      const deadLetterTargetArn = arnOf(name === 'poison' ? 'dead' : 'dead.fifo');
      await create(sqs, name, { RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount: 1 }) });
    }
    const owned = scope.move();
    return { sqs, ledger: new Ledger(directory), [Symbol.asyncDispose]: () => owned.disposeAsync() };
  },

  plan(random) {
    const pick = <T>(from: readonly T[]) => from[Math.floor(random.next() * from.length)]!;
    const kind = random.next();
    if (kind < 0.25) {
      return { kind: 'consume', queue: pick(NAMES), ending: pick(['delete', 'delete', 'delete', 'keep', 'show']) };
    }
    if (kind < 0.35) return { kind: 'poison', queue: pick(['poison', 'poison.fifo']) };
    if (kind < 0.4) return { kind: 'move', queue: pick(['dead', 'dead.fifo']) };
    return { kind: 'send', group: pick(Object.keys(GROUPS)), copies: random.next() < 0.1 ? 2 : 1 };
  },

  async run({ sqs, ledger }, step, id) {
    switch (step.kind) {
      case 'consume':
        return consume(sqs, ledger, step.queue, step.ending);
      case 'poison':
        for (let round = 0; round < 2; round++) {
          await call(sqs, 'ReceiveMessage', {
            QueueUrl: urlOf(step.queue),
            MaxNumberOfMessages: 3,
            VisibilityTimeout: 0,
          });
        }
        return;
      case 'move':
        // One that runs already is no harm.
        return call(sqs, 'StartMessageMoveTask', { SourceArn: arnOf(step.queue) }).catch(() => {});
      case 'send':
        return send(sqs, step.group, step.copies, id);
    }
  },

  isRefusal: () => false,

  async verify({ sqs, ledger }, history) {
    const standing = await bodiesByPlaces(sqs);
    for (const id of ledger.read().get(DELETED) ?? []) assert.ok(!standing.has(id), `${id} was deleted and is back`);
    for (const name of NAMES) while ((await consume(sqs, ledger, name, 'delete')) > 0);
    const seen = ledger.read();
    seen.delete(DELETED);
    // What tasks move while it is looked at is seen by one side or the other.
    const done = new Set([...[...seen.values()].flat(), ...standing, ...(await bodiesByPlaces(sqs))]);
    const byId = new Map(history.map((entry) => [entry.id, entry]));
    for (const id of done) assert.notEqual(byId.get(id)?.outcome ?? 'refused', 'refused', `${id} was never sent`);
    for (const group of ORDERED) {
      const ids = seen.get(group) ?? [];
      assert.deepEqual(
        ids,
        ids.toSorted((a, b) => a - b),
        `order of ${group}`,
      );
    }
    for (const { id, step, outcome } of history) {
      if (step.kind !== 'send') done.add(id);
      else if (outcome === 'acknowledged') assert.ok(done.has(id), `${id} was acknowledged and is gone`);
    }
    return done;
  },
};

async function create(sqs: Sqs, name: Name, attributes: Readonly<Record<string, string>> = {}): Promise<void> {
  const fifo: Record<string, string> = name.endsWith('.fifo') ? { FifoQueue: 'true' } : {};
  await call(sqs, 'CreateQueue', { QueueName: name, Attributes: { ...fifo, ...attributes } });
}

async function send(sqs: Sqs, group: string, copies: number, id: number): Promise<void> {
  const queue = GROUPS[group]!;
  const input = { QueueUrl: urlOf(queue), MessageBody: `${id}`, MessageGroupId: group };
  if (!queue.endsWith('.fifo')) return call(sqs, 'SendMessage', input);
  // A client that has not heard of the first one sends it again.
  const again = { ...input, MessageDeduplicationId: `${id}` };
  await Promise.all(Array.from({ length: copies }, () => call(sqs, 'SendMessage', again)));
}

/** @returns how many messages there were */
async function consume(sqs: Sqs, ledger: Ledger, name: Name, ending: 'delete' | 'keep' | 'show'): Promise<number> {
  const QueueUrl = urlOf(name);
  const input = { QueueUrl, MaxNumberOfMessages: 10, AttributeNames: ['MessageGroupId'] };
  const { Messages = [] } = await call(sqs, 'ReceiveMessage', input);
  for (const { Body, Attributes } of Messages) ledger.note(Attributes.MessageGroupId, Number(Body));
  if (Messages.length === 0 || ending === 'keep') return Messages.length;
  const Entries = Messages.map(({ Body, ReceiptHandle }: any) => ({ Id: Body, ReceiptHandle }));
  if (ending === 'show') {
    const shown = Entries.map((entry: object) => ({ ...entry, VisibilityTimeout: 0 }));
    await call(sqs, 'ChangeMessageVisibilityBatch', { QueueUrl, Entries: shown });
    return Messages.length;
  }
  const { Successful } = await call(sqs, 'DeleteMessageBatch', { QueueUrl, Entries });
  for (const { Id } of Successful) ledger.note(DELETED, Number(Id));
  return Messages.length;
}

/** Ids of the messages that stand somewhere: each in one place, whatever moved it. */
async function bodiesByPlaces(sqs: Sqs): Promise<Set<number>> {
  const found = new Set<number>();
  for (const place of PLACES) {
    const here: number[] = [];
    for (const name of place) here.push(...(await bodiesOf(sqs, name)));
    assert.equal(new Set(here).size, here.length, `${place.join(' and ')} hold a message twice`);
    for (const id of here) found.add(id);
  }
  return found;
}

async function bodiesOf(sqs: Sqs, name: Name): Promise<number[]> {
  const ids: number[] = [];
  for (let after: string | undefined; ; ) {
    const page = await sqs.letters.browse(arnOf(name), { limit: 50, ...(after !== undefined && { after }) });
    ids.push(...page.messages.map(({ body }) => Number(body)));
    after = page.next;
    if (after === undefined) return ids;
  }
}

function call(sqs: Sqs, operation: string, input: object): Promise<any> {
  // At once and not in the next turn: the order of sends is the order of their steps.
  return Promise.resolve(sqs.service.operations[operation]!(input, CONTEXT));
}
