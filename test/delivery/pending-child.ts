/** Fills an outbox whose target hangs, and tells what that costs: `{ kept: bytes, disk: bytes }`. In a process of its own. */
import { systemClock, systemRandom } from '../../src/base/index.ts';
import { openDelivery } from '../../src/delivery/index.ts';
import { openEmbeddedRecords } from '../../src/store/index.ts';
import { createMetrics, silentLogger } from '../../src/telemetry/index.ts';
import { delivery } from './support.ts';

const [directory, count] = [process.argv[2]!, Number(process.argv[3])];

await using records = await openEmbeddedRecords({ directory });
const ground = { clock: systemClock, random: systemRandom, logger: silentLogger, metrics: createMetrics() };
await using outbox = await openDelivery({ records, ...ground });
outbox.register('fake', { deliver: () => new Promise(() => {}) });

const payload = 'x'.repeat(1000);
let early = 0;
for (let sent = 0; sent < count; sent += 4000) {
  if (early === 0 && sent >= count / 5) early = await kept();
  const part = () =>
    outbox.send(
      Array.from({ length: 1000 }, (_, n) => delivery(`arn:aws:fake:us-east-1:000000000000:q${n % 4}`, payload)),
    );
  await Promise.all([part(), part(), part(), part()]);
}
const answer = { kept: (await kept()) - early, disk: await records.sizeBytes() };
process.stdout.write(JSON.stringify(answer));

/** The least of several readings: what the writer has sent away and what was collected is given back some turns later. */
async function kept(): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let reading = 0; reading < 10; reading++) {
    globalThis.gc!();
    const { heapUsed, external } = process.memoryUsage();
    least = Math.min(least, heapUsed + external);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return least;
}
