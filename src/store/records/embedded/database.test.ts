import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Sync } from './checkpoints.ts';
import { Database } from './database.ts';
import type { WriteRequest } from './protocol.ts';

const PAGE_BYTES = 4096;

/** A row under a random key: the page that it takes is another one each time. */
function putting(valueBytes: number, key: Uint8Array = randomBytes(16)): WriteRequest {
  const write = { kind: 'put', space: 'things', key, value: Buffer.alloc(valueBytes, 1) } as const;
  return { kind: 'commit', transaction: { writes: [write] } };
}

async function withFile(body: (file: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-database-'));
  await body(join(directory, 'records.sqlite')).finally(() => rmSync(directory, { recursive: true }));
}

async function withDatabase(
  body: (database: Database, file: string) => Promise<void>,
  syncs?: HeldSyncs,
): Promise<void> {
  await withFile(async (file) => {
    const database = Database.open(file, {}, syncs?.sync);
    try {
      await body(database, file);
    } finally {
      syncs?.endAll();
      await database.close();
    }
  });
}

const rowsOf = (database: Database) => database.range('things', { limit: 100_000 }).length;
const pagesInLog = (file: string) => statSync(`${file}-wal`).size / PAGE_BYTES;
/** Another one each time the log begins anew. */
function saltOf(file: string): string {
  const descriptor = openSync(`${file}-wal`, 'r');
  const salt = Buffer.alloc(8);
  readSync(descriptor, salt, { position: 16 });
  closeSync(descriptor);
  return salt.toString('hex');
}

/** Syncs that end when they are told to. */
class HeldSyncs {
  readonly #held: PromiseWithResolvers<void>[] = [];

  readonly sync: Sync = () => {
    const held = Promise.withResolvers<void>();
    this.#held.push(held);
    return held.promise;
  };

  get count(): number {
    return this.#held.length;
  }

  end(): void {
    this.#held.shift()!.resolve();
  }

  endAll(): void {
    while (this.#held.length > 0) this.end();
  }

  fail(): void {
    this.#held.shift()!.reject(new Error('EIO: i/o error, fdatasync'));
  }
}

/** Writes until pages are copied. */
function writeUntilCopied(database: Database, syncs: HeldSyncs): { readonly copied: Promise<void> } {
  for (;;) {
    database.writeGroup(Array.from({ length: 10 }, () => putting(900)));
    const copied = database.checkpointIfDue();
    if (syncs.count > 0) return { copied };
  }
}

/** @returns the file after its first sync */
async function syncedOnce(database: Database, file: string, syncs: HeldSyncs): Promise<Buffer> {
  const { copied } = writeUntilCopied(database, syncs);
  syncs.end();
  await copied;
  return readFileSync(file);
}

test('pages move to the file between commits, and not within one', () =>
  withDatabase(async (database, file) => {
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
      await database.checkpointIfDue();
    }
    let moves = 0;
    for (let group = 0; group < 200; group++) {
      assert.equal(commit(group), false, `group ${group}`);
      const before = written();
      await database.checkpointIfDue();
      if (written() > before) moves++;
    }
    assert.ok(moves >= 5, `pages moved ${moves} times`);
  }));

test('the log stays short, however many pages a request turns out to write', () =>
  withDatabase(async (database, file) => {
    const write = async (groups: number, request: () => WriteRequest) => {
      for (let group = 0; group < groups; group++) {
        database.writeGroup(Array.from({ length: 10 }, request));
        await database.checkpointIfDue();
      }
    };
    const hot = Buffer.from('hot');
    await write(200, () => putting(100, hot));
    await write(20, () => putting(100_000));
    await write(200, () => putting(900));
    await write(200, () => putting(100, hot));
    const pages = pagesInLog(file);
    // No longer than what 2,048 rows take, and one group more.
    assert.ok(pages < 3000, `${pages} pages in the log`);
  }));

test('commits go on while the file is synced, and the log does not begin anew before', () => {
  const syncs = new HeldSyncs();
  return withDatabase(async (database, file) => {
    const first = writeUntilCopied(database, syncs);
    const salt = saltOf(file);
    for (let group = 0; group < 100; group++) {
      database.writeGroup(Array.from({ length: 10 }, () => putting(900)));
      await database.checkpointIfDue();
      assert.equal(saltOf(file), salt);
    }
    assert.equal(syncs.count, 1);
    syncs.end();
    await first.copied;
    const second = writeUntilCopied(database, syncs);
    assert.equal(saltOf(file), salt, 'what was written meanwhile was not copied');
    syncs.end();
    await second.copied;
    database.writeGroup([putting(900)]);
    assert.notEqual(saltOf(file), salt);
  }, syncs);
});

test('the log ends somewhere, though each sync lasts longer than the next commits', () => {
  const syncs = new HeldSyncs();
  return withDatabase(async (database, file) => {
    const anew = new Set<string>();
    for (let group = 0; group < 130; group++) {
      database.writeGroup(Array.from({ length: 100 }, () => putting(3900)));
      const copying = database.checkpointIfDue();
      // One more group while it lasts.
      database.writeGroup(Array.from({ length: 100 }, () => putting(3900)));
      if (syncs.count > 0) syncs.end();
      await copying;
      anew.add(saltOf(file));
    }
    assert.ok(anew.size >= 2, `the log began ${anew.size} times`);
    const pages = pagesInLog(file);
    assert.ok(pages < 8192 + 2000, `${pages} pages in the log`);
  }, syncs);
});

test('what a machine loses that stops before the sync has ended stands in the log', () => {
  const syncs = new HeldSyncs();
  return withDatabase(async (database, file) => {
    const synced = await syncedOnce(database, file, syncs);
    const { copied } = writeUntilCopied(database, syncs);
    database.writeGroup([putting(900)]);
    // The disk as it is: the file as it was synced last, the log with all that was acknowledged.
    await withFile(async (disk) => {
      writeFileSync(disk, synced);
      copyFileSync(`${file}-wal`, `${disk}-wal`);
      const after = Database.open(disk, {});
      assert.equal(rowsOf(after), rowsOf(database));
      await after.close();
    });
    syncs.end();
    await copied;
  }, syncs);
});

for (const end of ['closed', 'killed'] as const) {
  test(`a sync that failed is told, and what it lost is copied again by the next start: ${end}`, () =>
    withFile(async (file) => {
      const syncs = new HeldSyncs();
      const database = Database.open(file, {}, syncs.sync);
      const synced = await syncedOnce(database, file, syncs);
      const { copied } = writeUntilCopied(database, syncs);
      syncs.fail();
      await assert.rejects(copied, { code: 'records-failed', message: /EIO/ });
      const rows = rowsOf(database);
      await database.close();
      assert.equal(existsSync(`${file}-wal`), false, 'SQLite takes it for durable');
      writeFileSync(file, synced);
      if (end === 'killed') linkSync(`${file}-wal.kept`, `${file}-wal`);
      for (let start = 0; start < 2; start++) {
        const again = Database.open(file, {});
        assert.equal(rowsOf(again), rows, `start ${start}`);
        await again.close();
        assert.equal(existsSync(`${file}-wal.kept`), false);
      }
    }));
}
