import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { SimulatedClock, seededRandom } from '../../src/base/index.ts';
import {
  type Delivery,
  DeliveryFailure,
  type DeliveryService,
  openDelivery,
  type Target,
} from '../../src/delivery/index.ts';
import { openEmbeddedRecords, type Records } from '../../src/store/index.ts';
import { createMetrics, newTrace, silentLogger } from '../../src/telemetry/index.ts';
import { advanceUntil, eventually } from '../pollers/fakes.ts';

const ARN = 'arn:aws:fake:us-east-1:000000000000:one';
const NEXT = 'arn:aws:fake:us-east-1:000000000000:next';
const POLICY = { attemptsMax: 1, ageMsMax: 1, backoffMsBase: 100, backoffMsMax: 1000 };

let directory: string;
let records: Records;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-aftermath-'));
  records = await openEmbeddedRecords({ directory });
});

after(async () => {
  await records[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

const delivery = (arn: string, payload: string): Delivery => ({
  arn,
  payload: Buffer.from(payload),
  policy: POLICY,
  source: 'arn:aws:sns:us-east-1:000000000000:t',
  trace: newTrace(seededRandom(1)),
});

async function open(target: Target, clock: SimulatedClock): Promise<DeliveryService> {
  const metrics = createMetrics();
  const service = await openDelivery({ records, clock, random: seededRandom(3), logger: silentLogger, metrics });
  service.register('fake', target);
  return service;
}

test('tries that do not count use up no attempt, come when the target says, and are remembered by the next run', async () => {
  const clock = new SimulatedClock();
  const tries: (readonly [attempt: number, uncounted: number, after: number])[] = [];
  const target: Target = {
    judgesAge: true,
    deliver: async (_delivery, attempt, _signal, { sentAt, uncounted } = { sentAt: 0, uncounted: 0 }) => {
      tries.push([attempt, uncounted, clock.now() - sentAt]);
      const counts = tries.length === 3;
      if (tries.length < 5) throw new DeliveryFailure('busy', 'later', { kind: 'again', afterMs: 1_000, counts });
    },
  };
  {
    await using service = await open(target, clock);
    await service.send([delivery(ARN, 'a')]);
    await advanceUntil(clock, 1_000, () => tries.length === 2);
    await eventually(() => service.edges()[0]?.isIdle === false);
  }
  await using service = await open(target, clock);
  await advanceUntil(clock, 1_000, () => tries.length === 5);
  assert.deepEqual(
    tries.map(([attempt, uncounted]) => [attempt, uncounted]),
    [
      [1, 0],
      [1, 1],
      [1, 2],
      [2, 0],
      [2, 1],
    ],
  );
  await eventually(() => service.edges().every(({ pending }) => pending === 0));
});

test('what follows from a delivery is sent with its end, whether it was taken or given up', async () => {
  const clock = new SimulatedClock();
  const taken: string[] = [];
  const target: Target = {
    deliver: async ({ arn, payload }) => {
      const text = Buffer.from(payload).toString();
      if (arn === NEXT) return void taken.push(text);
      if (text === 'good') return [delivery(NEXT, 'good followed')];
      throw new DeliveryFailure('no', 'no', {
        kind: 'given-up',
        instead: [delivery(NEXT, 'bad followed'), delivery(NEXT, 'twice')],
      });
    },
  };
  await using service = await open(target, clock);
  const givenUp: string[] = [];
  service.onGivenUp(({ errorCode }) => givenUp.push(errorCode));
  await service.send([delivery(ARN, 'good'), { ...delivery(ARN, 'bad'), deadLetterArn: ARN }]);
  await eventually(() => taken.length === 3);
  assert.deepEqual(taken.sort(), ['bad followed', 'good followed', 'twice']);
  assert.deepEqual(givenUp, ['no']);
  await eventually(() => service.edges().every(({ pending }) => pending === 0));
});
