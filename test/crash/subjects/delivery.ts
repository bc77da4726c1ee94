import assert from 'node:assert/strict';
import { seededRandom, systemRandom } from '../../../src/base/index.ts';
import { type Delivery, type DeliveryService, openDelivery } from '../../../src/delivery/index.ts';
import { openEmbeddedRecords } from '../../../src/store/index.ts';
import { createMetrics, newTrace, silentLogger } from '../../../src/telemetry/index.ts';
import type { CrashSubject } from '../subject.ts';
import { clockOf, Ledger } from './ledger.ts';

interface Step {
  readonly target: number;
  /** Ordering group; empty is none. */
  readonly group: string;
}

interface Store extends AsyncDisposable {
  readonly delivery: DeliveryService;
  readonly ledger: Ledger;
}

const POLICY = { attemptsMax: 100_000, ageMsMax: 86_400_000, backoffMsBase: 1, backoffMsMax: 4 };
const DEAD = 'arn:aws:fake:us-east-1:000000000000:dead';

/** The outbox between senders and targets of which one fails now and then and one gives everything up. */
export const deliverySubject: CrashSubject<Store, Step> = {
  name: 'delivery',
  kills: 30,
  simulated: false,
  concurrency: 8,

  async open({ directory }) {
    await using scope = new AsyncDisposableStack();
    const records = scope.use(await openEmbeddedRecords({ directory }));
    const ground = { clock: clockOf(directory), random: systemRandom, logger: silentLogger, metrics: createMetrics() };
    const delivery = scope.use(await openDelivery({ records, ...ground }));
    const ledger = new Ledger(directory);
    const random = seededRandom(5);
    delivery.register('fake', {
      deliver: async ({ arn, payload, orderingGroup = '' }) => {
        await new Promise((resolve) => setImmediate(resolve));
        if (arn.endsWith('target-1') && random.next() < 0.3) throw new Error('now and then');
        if (arn.endsWith('target-2')) throw Object.assign(new Error('never'), { remedy: 'never' });
        ledger.note(orderingGroup === '' ? 'none' : `${arn}/${orderingGroup}`, Number(Buffer.from(payload).toString()));
      },
    });
    const owned = scope.move();
    return { delivery, ledger, [Symbol.asyncDispose]: () => owned.disposeAsync() };
  },

  plan: (random) => ({ target: Math.floor(random.next() * 3), group: ['', 'g', 'h'][Math.floor(random.next() * 3)]! }),

  run: ({ delivery }, { target, group }, id) =>
    delivery.send([
      {
        arn: `arn:aws:fake:us-east-1:000000000000:target-${target}`,
        payload: Buffer.from(String(id)),
        policy: POLICY,
        deadLetterArn: DEAD,
        source: 'arn:aws:sns:us-east-1:000000000000:t',
        ...(group !== '' && { orderingGroup: group }),
        trace: newTrace(systemRandom),
      } satisfies Delivery,
    ]),

  isRefusal: () => false,

  async verify({ delivery, ledger }, history) {
    await drained(delivery);
    const seen = ledger.read();
    const done = new Set([...seen.values()].flat());
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
    for (const { id, outcome } of history) {
      if (outcome === 'acknowledged') assert.ok(done.has(id), `${id} was acknowledged and is gone`);
    }
    return done;
  },
};

/** Edges count their rows in the background first; what an edge passes on may make another. */
async function drained(delivery: DeliveryService): Promise<void> {
  for (let quiet = 0; quiet < 50; ) {
    await new Promise((resolve) => setImmediate(resolve));
    quiet = delivery.edges().every((edge) => edge.pending === 0 && edge.isIdle) ? quiet + 1 : 0;
  }
}
