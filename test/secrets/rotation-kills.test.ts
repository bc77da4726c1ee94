import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { seededRandom, systemClock, systemRandom } from '../../src/base/index.ts';
import { openEmbeddedRecords, SealedRecords } from '../../src/store/index.ts';

const SEED = 20_261;
const KILLS = 10;
const LINES_MAX = 400;
const NAMES = 300;

test(`secrets outlive SIGKILL in the middle of rotations (seed ${SEED})`, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-rotation-'));
  const keyFile = join(directory, 'sealing.key');
  const random = seededRandom(SEED);
  /** By name: the last id that was acknowledged. Later ones may stand there too: they were on their way. */
  const acknowledged = new Map<string, number>();
  let next = 0;
  let halves = 0;
  try {
    for (let kill = 0; kill < KILLS; kill++) {
      const child = spawn(
        process.execPath,
        [join(import.meta.dirname, 'rotate-child.ts'), directory, keyFile, String(next)],
        {
          stdio: ['ignore', 'pipe', 'inherit'],
        },
      );
      const exited = once(child, 'exit');
      const killAt = Math.floor(random.next() * LINES_MAX);
      let lines = 0;
      for await (const line of createInterface({ input: child.stdout })) {
        if (lines++ === killAt) child.kill('SIGKILL');
        const id = /^put (\d+)$/.exec(line)?.[1];
        if (id === undefined) continue;
        next = Number(id);
        acknowledged.set(String(next % NAMES), next);
      }
      assert.equal((await exited)[0], null, 'the child ended by itself');
      next += 2;
      if (JSON.parse(await readFile(keyFile, 'utf8')).keys.length > 1) halves++;

      await using records = await openEmbeddedRecords({ directory });
      const ground = { records, spaces: ['secret'], keyFile, clock: systemClock, random: systemRandom };
      await using sealed = await SealedRecords.open(ground);
      // Every second time what was cut off is ended here; else by the next child.
      if (kill % 2 === 1) await sealed.rotate();
      for (const [name, id] of acknowledged) {
        const entry = await sealed.get('secret', Buffer.from(name));
        const found = Number(/^"value (\d+)"$/.exec(Buffer.from(entry!.value).toString())?.[1]);
        assert.ok(
          found === id || (found > id && found % NAMES === id % NAMES && found < next),
          `${name}: ${found}, not ${id}`,
        );
      }
    }
    assert.ok(halves > 0, 'no kill has met a rotation in its middle');
  } finally {
    await rm(directory, { recursive: true });
  }
});
