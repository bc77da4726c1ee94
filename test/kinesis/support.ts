import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom } from '../../src/base/index.ts';
import { type Kinesis, openKinesis } from '../../src/services/kinesis/index.ts';
import { EmbeddedLog, openEmbeddedRecords } from '../../src/store/index.ts';
import { createMetrics, silentLogger } from '../../src/telemetry/index.ts';
import { startWire, type TestWire } from '../wire/support.ts';

export interface TestKinesis extends AsyncDisposable {
  readonly kinesis: Kinesis;
  readonly wire: TestWire;
}

/** Kinesis over real stores behind a real wire that proves every caller. */
export async function startKinesis(): Promise<TestKinesis> {
  await using scope = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'millrace-kinesis-'));
  scope.defer(() => rm(directory, { recursive: true, force: true }));
  const log = scope.use(await EmbeddedLog.open({ directory: join(directory, 'log') }));
  const records = scope.use(await openEmbeddedRecords({ directory: join(directory, 'records') }));
  const ground = { clock: systemClock, random: systemRandom, logger: silentLogger, metrics: createMetrics() };
  const kinesis = scope.use(await openKinesis({ log, records, ...ground }));
  const wire = scope.use(await startWire([kinesis.service]));
  const owned = scope.move();
  return { kinesis, wire, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
