/** Puts secrets and rotates their key, over and over, and tells of each put that was acknowledged: to be killed. */
import { systemClock, systemRandom } from '../../src/base/index.ts';
import { openEmbeddedRecords, SealedRecords } from '../../src/store/index.ts';

const [directory, keyFile, first] = process.argv.slice(2) as [string, string, string];
const records = await openEmbeddedRecords({ directory });
const ground = { records, spaces: ['secret'], keyFile, clock: systemClock, random: systemRandom };
const sealed = await SealedRecords.open(ground);
process.stdout.write('open\n');
void (async () => {
  for (;;) {
    await sealed.rotate();
    process.stdout.write('rotated\n');
  }
})();
for (let id = Number(first); ; id++) {
  const name = String(id % 300);
  await sealed.commit({
    writes: [{ kind: 'put', space: 'secret', key: Buffer.from(name), value: Buffer.from(`"value ${id}"`) }],
  });
  process.stdout.write(`put ${id}\n`);
}
