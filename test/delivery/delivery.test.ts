import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { DomainError, SimulatedClock, seededRandom, systemClock, systemRandom } from '../../src/base/index.ts';
import {
  DELIVERY_LIMITS,
  type DeadLetterOrigin,
  type Delivery,
  type DeliveryService,
  openDelivery,
  type Target,
} from '../../src/delivery/index.ts';
import { openEmbeddedRecords, type Records } from '../../src/store/index.ts';
import { createMetrics, newTrace, silentLogger } from '../../src/telemetry/index.ts';
import { advanceUntil, eventually, gate } from '../pollers/fakes.ts';

let directory: string;
let records: Records;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-delivery-'));
  records = await openEmbeddedRecords({ directory });
});

after(async () => {
  await records[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

let queues = 0;
const newArn = () => `arn:aws:fake:us-east-1:000000000000:queue-${++queues}`;
/** Simulated time runs far ahead of the store's real time: nothing may grow too old by it. */
const POLICY = { attemptsMax: 3, ageMsMax: Number.MAX_SAFE_INTEGER, backoffMsBase: 100, backoffMsMax: 1000 };

function delivery(arn: string, payload: string, rest: Partial<Delivery> = {}): Delivery {
  const trace = newTrace(seededRandom(1));
  return {
    arn,
    payload: Buffer.from(payload),
    policy: POLICY,
    source: 'arn:aws:sns:us-east-1:000000000000:t',
    trace,
    ...rest,
  };
}

/** A target at the far edge: keeps what it is given, and fails as the test says. */
class FakeTarget implements Target {
  readonly received: Delivery[] = [];
  readonly attempts: number[] = [];
  behaviour: (delivery: Delivery, attempt: number) => void | Promise<void> = () => {};

  async deliver(one: Delivery, attempt: number): Promise<void> {
    this.attempts.push(attempt);
    await this.behaviour(one, attempt);
    this.received.push(one);
  }

  to(arn: string): string {
    return this.received
      .filter((one) => one.arn === arn)
      .map(({ payload }) => Buffer.from(payload).toString())
      .join('');
  }
}

async function open(target: Target, clock = new SimulatedClock(), concurrencyMax?: number): Promise<DeliveryService> {
  const metrics = createMetrics();
  const service = await openDelivery({ records, clock, random: seededRandom(3), logger: silentLogger, metrics });
  service.register('fake', target, concurrencyMax === undefined ? {} : { concurrencyMax });
  return service;
}

const edgeOf = (service: DeliveryService, arn: string) => service.edges().find((edge) => edge.arn === arn);

test('what is sent is handed over, with its attributes, and leaves the outbox', async () => {
  const target = new FakeTarget();
  await using service = await open(target);
  const arn = newArn();
  await service.send([delivery(arn, 'a', { attributes: { subject: 's' } }), delivery(arn, 'b')]);
  await eventually(() => target.received.length === 2 && edgeOf(service, arn)?.pending === 0);
  assert.deepEqual(target.received[0]?.attributes, { subject: 's' });
  assert.equal(edgeOf(service, arn)?.delivered, 2);
});

test('a failed delivery is tried again, and given up to the dead-letter ARN with the reason', async () => {
  const target = new FakeTarget();
  const clock = new SimulatedClock();
  await using service = await open(target, clock);
  const [arn, dead] = [newArn(), newArn()];
  target.behaviour = (one) => {
    if (one.arn === arn) throw new DomainError('busy', 'come back later', { remedy: 'retry' });
  };
  await service.send([delivery(arn, 'a', { deadLetterArn: dead, attributes: { subject: 's' } })]);
  await advanceUntil(clock, 1000, () => target.received.length > 0);
  assert.deepEqual(target.attempts.slice(0, 3), [1, 2, 3]);
  const [letter] = target.received;
  assert.equal(letter?.arn, dead);
  const { deadLetter, ...attributes } = letter!.attributes as { deadLetter: DeadLetterOrigin };
  assert.deepEqual(attributes, { subject: 's' });
  const { sentAt, givenUpAt, ...origin } = deadLetter;
  assert.ok(sentAt < givenUpAt && givenUpAt <= clock.now());
  assert.deepEqual(origin, {
    arn,
    source: 'arn:aws:sns:us-east-1:000000000000:t',
    attempts: 3,
    errorCode: 'busy',
    errorMessage: 'come back later',
    traceId: letter!.trace.traceId,
    attributes: { subject: 's' },
  });
  await eventually(() => edgeOf(service, dead)?.pending === 0);
  assert.equal(edgeOf(service, arn)?.deadLettered, 1);
  assert.equal(edgeOf(service, arn)?.retried, 2);
});

test('an error that says never is not tried again', async () => {
  const target = new FakeTarget();
  await using service = await open(target);
  const arn = newArn();
  target.behaviour = () => {
    throw new DomainError('gone', 'no such thing');
  };
  const givenUp: string[] = [];
  const stop = service.onGivenUp((one) => givenUp.push(`${one.delivery.arn} ${one.errorCode}`));
  await service.send([delivery(arn, 'a')]);
  await eventually(() => edgeOf(service, arn)?.lost === 1);
  assert.deepEqual(target.attempts, [1]);
  // Who asks is told, until it stops asking.
  stop();
  await service.send([delivery(arn, 'b')]);
  await eventually(() => edgeOf(service, arn)?.lost === 2);
  assert.deepEqual(givenUp, [`${arn} gone`]);
});

test('a target that hangs holds up no other', async () => {
  const target = new FakeTarget();
  await using service = await open(target);
  const [slow, quick] = [newArn(), newArn()];
  const held = gate();
  target.behaviour = (one) => (one.arn === slow ? held.opened : undefined);
  await service.send(Array.from({ length: 500 }, (_, i) => delivery(slow, String(i))));
  await service.send([delivery(quick, 'x')]);
  await eventually(() => target.to(quick) === 'x');
  assert.equal(target.to(slow), '');
  held.open();
  await eventually(() => edgeOf(service, slow)?.pending === 0);
});

test('no more than the target allows are under way at once', async () => {
  const target = new FakeTarget();
  await using service = await open(target, new SimulatedClock(), 3);
  const arn = newArn();
  let running = 0;
  let most = 0;
  target.behaviour = async () => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setImmediate(resolve));
    running--;
  };
  await service.send(Array.from({ length: 20 }, (_, i) => delivery(arn, String(i))));
  await eventually(() => target.received.length === 20);
  assert.equal(most, 3);
});

test('more than fits in memory waits on disk and comes in order', async () => {
  const target = new FakeTarget();
  await using service = await open(target, new SimulatedClock(), 16);
  const arn = newArn();
  const held = gate();
  target.behaviour = () => held.opened;
  for (let i = 0; i < 2; i++) {
    await service.send(Array.from({ length: 800 }, (_, j) => delivery(arn, `${i * 800 + j},`)));
  }
  held.open();
  await eventually(() => target.received.length === 1600);
  assert.equal(target.to(arn), Array.from({ length: 1600 }, (_, i) => `${i},`).join(''));
  await eventually(() => edgeOf(service, arn)?.pending === 0);
});

test('a group is delivered in order of send, and a failing head holds back its group only', async () => {
  const target = new FakeTarget();
  const clock = new SimulatedClock();
  await using service = await open(target, clock);
  const arn = newArn();
  let failures = 2;
  target.behaviour = ({ payload }) => {
    if (Buffer.from(payload).toString() === 'b' && failures-- > 0) throw new Error('not yet');
  };
  const inGroup = (group: string, text: string) => [...text].map((one) => delivery(arn, one, { orderingGroup: group }));
  await service.send([...inGroup('g', 'abc'), ...inGroup('h', 'xyz')]);
  await service.send(inGroup('g', 'd'));
  await eventually(() => target.to(arn).includes('z'));
  await service.send(inGroup('g', 'e'));
  await advanceUntil(clock, 1000, () => target.received.length >= 8);
  assert.equal(target.to(arn).replaceAll(/[xyz]/g, ''), 'abcde');
  assert.equal(target.to(arn).replaceAll(/[a-e]/g, ''), 'xyz');
  await eventually(() => edgeOf(service, arn)?.pending === 0);
});

test('many groups with failures keep their order, and nothing is lost or repeated', async () => {
  const target = new FakeTarget();
  const clock = new SimulatedClock();
  const random = seededRandom(11);
  await using service = await open(target, clock, 8);
  const arn = newArn();
  target.behaviour = async () => {
    await new Promise((resolve) => setImmediate(resolve));
    if (random.next() < 0.2) throw new Error('now and then');
  };
  const policy = { ...POLICY, attemptsMax: 1000 };
  for (let i = 0; i < 200; i++) {
    await service.send([0, 1, 2].map((g) => delivery(arn, `${i}`, { orderingGroup: `g${g}`, policy })));
  }
  await advanceUntil(clock, 200, () => target.received.length >= 600);
  for (const [group, ofGroup] of Map.groupBy(target.received, ({ orderingGroup }) => orderingGroup)) {
    assert.deepEqual(
      ofGroup.map(({ payload }) => Number(Buffer.from(payload).toString())),
      Array.from({ length: 200 }, (_, i) => i),
      group,
    );
  }
});

test('a second send with the same idempotency key is dropped for five minutes, and only for the same ARN', async () => {
  const target = new FakeTarget();
  const clock = new SimulatedClock();
  await using service = await open(target, clock);
  const [one, two] = [newArn(), newArn()];
  const keyed = (arn: string, payload: string) => delivery(arn, payload, { idempotencyKey: 'k' });
  await service.send([keyed(one, 'a'), keyed(one, 'b'), keyed(two, 'c')]);
  await Promise.all([service.send([keyed(one, 'd')]), service.send([keyed(two, 'e')])]);
  await eventually(() => target.received.length === 2);
  assert.deepEqual([target.to(one), target.to(two)], ['a', 'c']);
  await clock.advance(300_001);
  await service.send([keyed(one, 'f')]);
  await eventually(() => target.to(one) === 'af');
});

test('what was not delivered is delivered by the next run, retries and groups too', async () => {
  const target = new FakeTarget();
  const clock = new SimulatedClock();
  const arn = newArn();
  target.behaviour = () => {
    throw new Error('down');
  };
  const policy = { ...POLICY, attemptsMax: 1000 };
  {
    await using service = await open(target, clock);
    await service.send([delivery(arn, 'a', { policy })]);
    await service.send([...'xyz'].map((one) => delivery(arn, one, { policy, orderingGroup: 'g' })));
    await eventually(() => target.attempts.length >= 2);
  }
  target.behaviour = () => {};
  await using service = await open(target, clock);
  await advanceUntil(clock, 100, () => target.received.length >= 4);
  assert.equal(target.to(arn).replace('a', ''), 'xyz');
  await eventually(() => edgeOf(service, arn)?.pending === 0);
});

test('an ARN that nobody delivers to is refused, and nothing of the call is taken', async () => {
  const target = new FakeTarget();
  await using service = await open(target);
  const send = service.send([delivery(newArn(), 'a'), delivery('arn:aws:nowhere:us-east-1:000000000000:x', 'b')]);
  await assert.rejects(send, { code: 'target-unknown' });
  assert.equal(target.received.length, 0);
});

test('closing waits for what is under way, but not for a target that hangs', async () => {
  const target = new FakeTarget();
  const clock = new SimulatedClock();
  const service = await open(target, clock);
  target.behaviour = () => new Promise(() => {});
  await service.send([delivery(newArn(), 'a')]);
  await eventually(() => target.attempts.length === 1);
  const closed = service[Symbol.asyncDispose]();
  await clock.advance(DELIVERY_LIMITS.drainMsMax);
  await closed;
  await service[Symbol.asyncDispose]();
});

test('a target that asks for a pause while the outbox closes leaves no timer behind', async () => {
  const target = new FakeTarget();
  const clock = new SimulatedClock();
  const service = await open(target, clock);
  const held = gate();
  target.behaviour = async () => {
    await held.opened;
    throw new DomainError('busy', 'later', { remedy: 'retry', fields: { retryAfterMs: 3_600_000 } });
  };
  await service.send([delivery(newArn(), 'a')]);
  await eventually(() => target.attempts.length === 1);
  const closed = service[Symbol.asyncDispose]();
  held.open();
  await closed;
  assert.equal(clock.pending, 0);
});

async function webhook(answer: (path: string) => number) {
  const requests: { readonly path: string; readonly body: string; readonly headers: IncomingHttpHeaders }[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      requests.push({ path: request.url!, body, headers: request.headers });
      response.writeHead(answer(request.url!), { location: '/elsewhere' }).end('answer');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { requests, url, [Symbol.dispose]: () => server.close() };
}

test('webhooks are posted to; 5xx is tried again, 4xx and redirects are not, and no redirect is followed', async () => {
  const options = { records, clock: systemClock, random: systemRandom, logger: silentLogger, metrics: createMetrics() };
  await using service = await openDelivery(options);
  let failures = 1;
  using hook = await webhook((path) => ({ '/gone': 410, '/moved': 302 })[path] ?? (failures-- > 0 ? 503 : 200));
  const policy = { ...POLICY, backoffMsBase: 1 };
  await service.send([
    delivery(`${hook.url}/hook`, 'body', {
      policy,
      attributes: { headers: { 'x-amz-sns-message-type': 'Notification' } },
    }),
    delivery(`${hook.url}/gone`, 'g', { policy }),
    delivery(`${hook.url}/moved`, 'm', { policy }),
  ]);
  await eventually(() => service.edges().every(({ arn, pending }) => !arn.startsWith('http') || pending === 0));
  const paths = hook.requests.map(({ path }) => path).toSorted();
  assert.deepEqual(paths, ['/gone', '/hook', '/hook', '/moved']);
  const hooked = hook.requests.find(({ path }) => path === '/hook');
  assert.equal(hooked?.body, 'body');
  assert.equal(hooked?.headers['x-amz-sns-message-type'], 'Notification');
  assert.match(String(hooked?.headers.traceparent), /^00-/);
});
