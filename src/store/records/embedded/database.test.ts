import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Database } from './database.ts';
import type { WriteRequest } from './protocol.ts';

const PAGE_BYTES = 4096;

/** A row under a random key: the page that it takes is another one each time. */
function putting(valueBytes: number, key: Uint8Array = randomBytes(16)): WriteRequest {
  const write = { kind: 'put', space: 'things', key, value: Buffer.alloc(valueBytes, 1) } as const;
  return { kind: 'commit', transaction: { writes: [write] } };
}

function withDatabase(body: (database: Database, file: string) => void): void {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-database-'));
  const file = join(directory, 'records.sqlite');
  const database = Database.open(file, {});
  try {
    body(database, file);
  } finally {
    database.close();
    rmSync(directory, { recursive: true });
  }
}

test('pages move to the file between commits, and not within one', () =>
  withDatabase((database, file) => {
    const written = () => statSync(file, { bigint: true }).mtimeNs;
    const keys = Array.from({ length: 1000 }, () => randomBytes(16));
    const commit = (group: number) => {
      const next = Array.from({ length: 10 }, (_, at) => keys[(group * 10 + at) % keys.length]);
      const before = written();
      database.writeGroup(next.map((key) => putting(900, key)));
      return written() > before;
    };
    // A tree that grows writes more and more pages a row.
    for (let group = 0; group < 200; group++) {
      commit(group);
      database.checkpointIfDue();
    }
    let moves = 0;
    for (let group = 0; group < 200; group++) {
      assert.equal(commit(group), false, `group ${group}`);
      const before = written();
      database.checkpointIfDue();
      if (written() > before) moves++;
    }
    assert.ok(moves >= 5, `pages moved ${moves} times`);
  }));

test('the log stays short, however many pages a request turns out to write', () =>
  withDatabase((database, file) => {
    const write = (groups: number, request: () => WriteRequest) => {
      for (let group = 0; group < groups; group++) {
        database.writeGroup(Array.from({ length: 10 }, request));
        database.checkpointIfDue();
      }
    };
    const hot = Buffer.from('hot');
    write(200, () => putting(100, hot));
    write(20, () => putting(100_000));
    write(200, () => putting(900));
    write(200, () => putting(100, hot));
    const pages = statSync(`${file}-wal`).size / PAGE_BYTES;
    // No longer than what 2,048 rows take, and one group more.
    assert.ok(pages < 3000, `${pages} pages in the log`);
  }));
