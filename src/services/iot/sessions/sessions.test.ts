import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SimulatedClock } from '../../../base/index.ts';
import type { DeliveryService } from '../../../delivery/index.ts';
import { openEmbeddedRecords } from '../../../store/index.ts';
import { createMetrics, silentLogger } from '../../../telemetry/index.ts';
import { GroupCommit } from '../broker/commit-group.ts';
import type { RetainedMessages } from '../broker/retained.ts';
import { Subscriptions } from '../broker/subscriptions.ts';
import type { KinesisPort } from '../ports.ts';
import { Sessions } from './sessions.ts';

test('a session whose client has come back as another principal is that one’s, also if the node dies at once', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-sessions-'));
  {
    await using records = await openEmbeddedRecords({ directory });
    const ground = { records, clock: new SimulatedClock(), logger: silentLogger };
    const unused = { kinesis: {} as KinesisPort, delivery: {} as DeliveryService, retained: {} as RetainedMessages };
    const commit = new GroupCommit({ ...ground, ...unused });
    const open = () =>
      Sessions.open({ ...ground, commit, subscriptions: new Subscriptions(), metrics: createMetrics() });
    const sessions = await open();
    for (const principal of ['old', 'new']) {
      const request = {
        clientId: 'pump',
        clean: false,
        expirySeconds: 60,
        will: undefined,
        permissions: { principal },
      };
      const opening = sessions.connect(request);
      assert(opening.kind === 'durable');
      await opening.group.settled();
    }
    // What a start finds that follows no stop.
    assert.equal((await open()).get('pump')?.principal, 'new');
  }
  await rm(directory, { recursive: true });
});
