import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom } from '../../src/base/index.ts';
import { openS3, type S3Dependencies } from '../../src/services/s3/index.ts';
import { openEmbeddedObjects, openEmbeddedRecords } from '../../src/store/index.ts';
import { silentLogger } from '../../src/telemetry/index.ts';
import { startWire, type TestWire } from '../wire/support.ts';

/** S3 on a port of its own, over stores in a folder that goes away with it. */
export async function withS3(
  run: (wire: TestWire, directory: string) => Promise<void>,
  more: Partial<S3Dependencies> = {},
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-s3-'));
  try {
    await using scope = new AsyncDisposableStack();
    const records = scope.use(await openEmbeddedRecords({ directory: join(directory, 'records') }));
    const ground = { clock: systemClock, random: systemRandom, logger: silentLogger, ...more };
    const objects = scope.use(await openEmbeddedObjects({ directory: join(directory, 'objects'), records, ...ground }));
    const delivery = { send: async () => {} };
    const s3 = scope.use(await openS3({ objects, records, delivery, askDestination: async () => 'open', ...ground }));
    s3.resume();
    const wire = scope.use(await startWire([s3.service]));
    await run(wire, directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}
