import assert from 'node:assert/strict';
import { seededRandom, systemRandom } from '../../../src/base/index.ts';
import { DELIVERY_LIMITS, type Delivery, type Outbox, openDelivery, type Target } from '../../../src/delivery/index.ts';
import { openEmbeddedRecords } from '../../../src/store/index.ts';
import { createMetrics, newTrace, silentLogger } from '../../../src/telemetry/index.ts';
import type { CrashSubject } from '../subject.ts';
import { drained } from './drained.ts';
import { clockOf, Ledger } from './ledger.ts';

interface Step {
  /**
   * 0 takes everything; 1 fails now and then; 2 gives everything up to a dead-letter ARN, 3 to nobody; 4 is durable and fails
   * now and then; 5 is sent everything twice under one key.
   */
  readonly target: number;
  /** Ordering group; empty is none. */
  readonly group: string;
}

interface Store extends AsyncDisposable {
  readonly delivery: Outbox;
  readonly ledger: Ledger;
}

const POLICY = { attemptsMax: 100_000, ageMsMax: 86_400_000, backoffMsBase: 1, backoffMsMax: 4 };
const DEAD = 'arn:aws:fake:us-east-1:000000000000:dead';

/** The outbox between senders and targets that fail in every way. */
export const deliverySubject: CrashSubject<Store, Step> = {
  name: 'delivery',
  kills: 6,
  simulated: false,
  concurrency: 8,

  async open({ directory }) {
    await using scope = new AsyncDisposableStack();
    const records = scope.use(await openEmbeddedRecords({ directory }));
    const ground = { clock: clockOf(directory), random: systemRandom, logger: silentLogger, metrics: createMetrics() };
    const delivery = scope.use(await openDelivery({ records, ...ground }));
    const ledger = new Ledger(directory);
    const random = seededRandom(5);
    const deliver: Target['deliver'] = async ({ arn, payload, orderingGroup = '' }) => {
      await new Promise((resolve) => setImmediate(resolve));
      if (/target-[14]$/.test(arn) && random.next() < 0.3) throw new Error('now and then');
      if (/target-[23]$/.test(arn)) throw Object.assign(new Error('never'), { remedy: 'never' });
      ledger.note(orderingGroup === '' ? 'none' : `${arn}/${orderingGroup}`, idOf(payload));
    };
    delivery.register('fake', { deliver });
    delivery.register('durable', { durable: true, deliver });
    const owned = scope.move();
    return { delivery, ledger, [Symbol.asyncDispose]: () => owned.disposeAsync() };
  },

  plan: (random, id) => {
    const group = ['', 'g', 'h'][Math.floor(random.next() * 3)]!;
    const target = Math.floor(random.next() * 5);
    // Steps in pairs under one key: they must have the same target.
    return isKeyed(id) ? { target: 5, group: '' } : { target, group };
  },

  run: ({ delivery }, { target, group }, id) =>
    delivery.send([
      {
        arn: `arn:aws:${target === 4 ? 'durable' : 'fake'}:us-east-1:000000000000:target-${target}`,
        payload: Buffer.from(String(id)),
        policy: POLICY,
        ...(target !== 3 && { deadLetterArn: DEAD }),
        source: 'arn:aws:sns:us-east-1:000000000000:t',
        ...(group !== '' && { orderingGroup: group }),
        ...(target === 5 && { idempotencyKey: `pair ${id >> 1}` }),
        trace: newTrace(systemRandom),
      } satisfies Delivery,
    ]),

  isRefusal: () => false,

  async verify({ delivery, ledger }, history) {
    await drained(delivery);
    const seen = ledger.read();
    const lost = await lostIds(delivery);
    const done = new Set([...[...seen.values()].flat(), ...lost]);
    assert.equal(new Set(lost).size, lost.length, 'a delivery was lost twice');
    const byId = new Map(history.map((entry) => [entry.id, entry]));
    for (const id of done) assert.notEqual(byId.get(id)?.outcome ?? 'refused', 'refused', `${id} was never sent`);
    for (const [group, ids] of seen) {
      if (group !== 'none')
        assert.deepEqual(
          ids,
          ids.toSorted((a, b) => a - b),
          `order of ${group}`,
        );
    }
    for (const { id, outcome, step } of history) {
      if (outcome !== 'acknowledged') continue;
      // Of a pair the second may have been dropped for the first.
      assert.ok(done.has(id) || (isKeyed(id) && done.has(id ^ 1)), `${id} was acknowledged and is gone`);
      if (step.target === 3) assert.ok(lost.includes(id), `${id} is no lost letter`);
    }
    return done;
  },
};

const isKeyed = (id: number) => (id >> 1) % 6 === 0;

const idOf = (payload: Uint8Array) => Number(Buffer.from(payload).toString());

async function lostIds(delivery: Outbox): Promise<readonly number[]> {
  const ids: number[] = [];
  for (let after: string | undefined; ; ) {
    const limit = DELIVERY_LIMITS.letterPageMax;
    const { letters, next } = await delivery.letters({ limit, ...(after !== undefined && { after }) });
    const whole = await Promise.all(letters.map(({ id }) => delivery.letter(id)));
    ids.push(...whole.map((letter) => idOf(letter!.payload)));
    if (next === undefined) return ids;
    after = next;
  }
}
