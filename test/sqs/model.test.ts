import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Random, SimulatedClock, seededRandom } from '../../src/base/index.ts';
import { arnOf, newQueue, openSqsNode } from './support.ts';

const SEEDS = 25;
const STEPS = 60;
const VISIBILITY_S = 30;
const RECEIVES_MAX = 3;

/** What a message is by the rules, kept in the plainest way. */
interface Model {
  readonly body: string;
  readonly group: string;
  readonly seenFrom: number;
  visibleAt: number;
  receives: number;
  receipt?: string;
  gone: boolean;
}

type Node = Awaited<ReturnType<typeof openSqsNode>>;

/** A queue with a dead-letter queue, beside what it should be; restarts, purges and time that passes included. */
class Run {
  readonly #random: Random;
  readonly #fifo: boolean;
  readonly #clock = new SimulatedClock();
  readonly #messages: Model[] = [];
  readonly #dead: string[] = [];
  #node!: Node;
  #url!: string;
  #deadUrl!: string;
  #sent = 0;
  #purgedAt = Number.NEGATIVE_INFINITY;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    this.#fifo = seed % 2 === 1;
  }

  async play(): Promise<void> {
    this.#node = await openSqsNode(this.#clock);
    const kind: Record<string, string> = this.#fifo ? { FifoQueue: 'true' } : {};
    this.#deadUrl = await newQueue(this.#node.call, kind);
    const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: arnOf(this.#deadUrl), maxReceiveCount: RECEIVES_MAX });
    this.#url = await newQueue(this.#node.call, { ...kind, RedrivePolicy, VisibilityTimeout: `${VISIBILITY_S}` });
    try {
      for (let step = 0; step < STEPS; step++) await this.#step();
      await this.#checkAll();
    } finally {
      await this.#node[Symbol.asyncDispose]();
    }
  }

  async #step(): Promise<void> {
    const choice = this.#random.next();
    if (choice < 0.35) return this.#send();
    if (choice < 0.65) return this.#receive();
    if (choice < 0.8) return this.#delete();
    if (choice < 0.87) return this.#show();
    if (choice < 0.95) return void (await this.#clock.advance(this.#upTo(40) * 1000));
    if (choice < 0.98) return this.#restart();
    return this.#purge();
  }

  async #send(): Promise<void> {
    const batch = Array.from({ length: 1 + this.#upTo(3) }, () => {
      const body = `${this.#sent++}`;
      const delayS = !this.#fifo && this.#random.next() < 0.2 ? 1 + this.#upTo(60) : 0;
      return { body, group: `g${this.#upTo(3)}`, delayS };
    });
    const Entries = batch.map(({ body, group, delayS }) => ({
      ...{ Id: body, MessageBody: body, MessageGroupId: group },
      ...(this.#fifo ? { MessageDeduplicationId: body } : { DelaySeconds: delayS }),
    }));
    await this.#node.call('SendMessageBatch', { QueueUrl: this.#url, Entries });
    const now = this.#clock.now();
    for (const { body, group, delayS } of batch) {
      const seenFrom = now + delayS * 1000;
      this.#messages.push({ body, group, seenFrom, visibleAt: seenFrom, receives: 0, gone: false });
    }
  }

  async #receive(): Promise<void> {
    const max = 1 + this.#upTo(10);
    const now = this.#clock.now();
    const input = { QueueUrl: this.#url, MaxNumberOfMessages: max, AttributeNames: ['ApproximateReceiveCount'] };
    const { Messages = [] } = await this.#node.call('ReceiveMessage', input);
    const got = Messages as { Body: string; ReceiptHandle: string; Attributes: Record<string, string> }[];
    const offered = this.#offered(now);
    const exhausted = offered.filter(({ receives }) => receives >= RECEIVES_MAX);
    for (const { Body, ReceiptHandle, Attributes } of got) {
      const message = this.#messages.find(({ body }) => body === Body)!;
      assert.ok(offered.includes(message), `${Body} was received, and should be hidden`);
      if (this.#fifo) this.#checkOrder(message, offered);
      message.receives++;
      assert.equal(Attributes.ApproximateReceiveCount, `${message.receives}`, `receives of ${Body}`);
      assert.ok(message.receives <= RECEIVES_MAX, `${Body} was received too often`);
      message.receipt = ReceiptHandle;
      message.visibleAt = now + VISIBILITY_S * 1000;
    }
    if (offered.length > exhausted.length) {
      assert.ok(got.length > 0 || exhausted.length > 0, 'something could be received, and nothing was');
    }
    await this.#noteDead(exhausted);
  }

  /** Of a group only the first is offered, and the next once that is taken along. */
  #checkOrder({ group, body }: Model, offered: readonly Model[]): void {
    const before = offered.filter((other) => other.group === group && Number(other.body) < Number(body));
    for (const other of before) {
      const isTaken = other.visibleAt > this.#clock.now() || other.receives >= RECEIVES_MAX;
      assert.ok(isTaken, `${body} overtook ${other.body}`);
    }
  }

  /** What may be received now: visible, and of no group of which something is in flight. */
  #offered(now: number): Model[] {
    const here = this.#messages.filter(({ gone }) => !gone);
    const held = new Set(here.filter(({ visibleAt }) => visibleAt > now).map(({ group }) => group));
    return here.filter(({ visibleAt, group }) => visibleAt <= now && !(this.#fifo && held.has(group)));
  }

  /** Exhausted messages that were taken are dead letters a moment later. */
  async #noteDead(exhausted: readonly Model[]): Promise<void> {
    if (exhausted.length === 0) return;
    await this.#settle();
    const { messages } = await this.#node.sqs.letters.browse(arnOf(this.#deadUrl), { limit: 50 });
    const dead = new Set(messages.map(({ body }) => body));
    for (const message of exhausted) {
      if (!dead.has(message.body)) continue;
      message.gone = true;
      this.#dead.push(message.body);
    }
  }

  async #settle(): Promise<void> {
    for (let turn = 0; turn < 30; turn++) await new Promise((resolve) => setImmediate(resolve));
    await this.#node.records.commit({ writes: [] });
    await new Promise((resolve) => setImmediate(resolve));
  }

  async #delete(): Promise<void> {
    const message = this.#inFlight();
    if (!message) return;
    await this.#node.call('DeleteMessage', { QueueUrl: this.#url, ReceiptHandle: message.receipt });
    message.gone = true;
  }

  async #show(): Promise<void> {
    const message = this.#inFlight();
    if (!message) return;
    const VisibilityTimeout = this.#upTo(2) * this.#upTo(20);
    const input = { QueueUrl: this.#url, ReceiptHandle: message.receipt, VisibilityTimeout };
    await this.#node.call('ChangeMessageVisibility', input);
    message.visibleAt = this.#clock.now() + VisibilityTimeout * 1000;
  }

  #inFlight(): Model | undefined {
    const now = this.#clock.now();
    const all = this.#messages.filter(({ gone, receipt, visibleAt }) => !gone && receipt && visibleAt > now);
    return all[this.#upTo(all.length)];
  }

  async #restart(): Promise<void> {
    await this.#node[Symbol.asyncDispose]();
    this.#node = await openSqsNode(this.#clock);
  }

  async #purge(): Promise<void> {
    if (this.#clock.now() - this.#purgedAt < 60_000) return;
    await this.#node.call('PurgeQueue', { QueueUrl: this.#url });
    this.#purgedAt = this.#clock.now();
    for (const message of this.#messages) message.gone = true;
  }

  /** Everything that should be there is, and nothing else; the counts say so. */
  async #checkAll(): Promise<void> {
    await this.#restart();
    const { messages } = await this.#node.sqs.letters.browse(arnOf(this.#url), { limit: 50 });
    const here = this.#messages.filter(({ gone }) => !gone).map(({ body }) => body);
    assert.deepEqual(
      messages
        .map(({ body }) => body)
        .toSorted()
        .slice(0, 50),
      here.toSorted().slice(0, 50),
    );
    const view = this.#node.sqs.describe('us-east-1').find(({ arn }) => arn === arnOf(this.#url))!;
    assert.equal(view.visible + view.inFlight + view.delayed, here.length);
    assert.equal(new Set(this.#dead).size, this.#dead.length, 'a dead letter twice');
  }

  #upTo(count: number): number {
    return Math.floor(this.#random.next() * count);
  }
}

test(`any course of events leaves a queue as the rules say, over ${SEEDS} seeds`, async () => {
  for (let seed = 0; seed < SEEDS; seed++) {
    try {
      await new Run(seed).play();
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
});
