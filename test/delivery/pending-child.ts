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

/** What is left when everything under way has come to rest. */
async function kept(): Promise<number> {
  for (let turn = 0; turn < 5; turn++) {
    globalThis.gc!();
    await systemClock.sleep(20);
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
