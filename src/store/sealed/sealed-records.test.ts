import assert from 'node:assert/strict';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SimulatedClock, seededRandom } from '../../base/index.ts';
import { openEmbeddedRecords, type Records, Registry } from '../records/index.ts';
import { SealedRecords, type SealedRecordsOptions } from './sealed-records.ts';

const SECRET = 'correct-horse-battery';
const PASSPHRASE = 'a passphrase of some length';

interface House {
  readonly directory: string;
  readonly keyFile: string;
  /** Runs with both stores open, as a node has them between its start and its end. */
  run(
    more: Partial<SealedRecordsOptions>,
    body: (sealed: SealedRecords, plain: Records) => Promise<void>,
  ): Promise<void>;
}

async function withHouse(body: (house: House) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-sealed-'));
  const keyFile = join(directory, 'keys', 'sealing.key');
  const random = seededRandom(11);
  try {
    await body({
      directory,
      keyFile,
      run: async (more, work) => {
        await using records = await openEmbeddedRecords({ directory: join(directory, 'records') });
        const ground = { records, keyFile, clock: new SimulatedClock(), random };
        await using sealed = await SealedRecords.open({ ...ground, spaces: ['secret'], ...more });
        await work(sealed, records);
      },
    });
  } finally {
    await rm(directory, { recursive: true });
  }
}

const put = (records: Records, space: string, key: string, value: string) =>
  records.commit({ writes: [{ kind: 'put', space, key: Buffer.from(key), value: Buffer.from(value) }] });

async function read(records: Records, space: string, key: string): Promise<string | undefined> {
  const entry = await records.get(space, Buffer.from(key));
  return entry && Buffer.from(entry.value).toString();
}

async function bytesOnDisk(directory: string): Promise<string> {
  const files = await readdir(directory, { recursive: true, withFileTypes: true });
  const texts = await Promise.all(
    files.filter((file) => file.isFile()).map((file) => readFile(join(file.parentPath, file.name), 'latin1')),
  );
  return texts.join('');
}

test('what is put into a sealed space is nowhere on disk, and comes back by every way of reading', () =>
  withHouse(async ({ directory, run }) => {
    await run({}, async (sealed) => {
      await put(sealed, 'secret', 'a', SECRET);
      await put(sealed, 'open', 'a', 'in the clear');
      await sealed.watchChanges('secret');
      await put(sealed, 'secret', 'b', `${SECRET}!`);
    });
    const disk = await bytesOnDisk(directory);
    assert.ok(!disk.includes(SECRET));
    assert.ok(disk.includes('in the clear'));
    await run({}, async (sealed) => {
      assert.equal(await read(sealed, 'secret', 'a'), SECRET);
      const range = await sealed.range('secret', { limit: 10 });
      assert.deepEqual(
        range.map(({ value }) => Buffer.from(value).toString()),
        [SECRET, `${SECRET}!`],
      );
      const keys = ['secret', 'open', 'none'].map((space) => ({ space, key: Buffer.from('a') }));
      const all = await sealed.getAll(keys);
      assert.deepEqual(
        all.map((entry) => entry && Buffer.from(entry.value).toString()),
        [SECRET, 'in the clear', undefined],
      );
      const [change] = await sealed.changes('secret', 0, 10);
      assert.equal(Buffer.from(change!.value!).toString(), `${SECRET}!`);
    });
  }));

test('the key file is made for its user alone, and one that others may read is refused', () =>
  withHouse(async ({ keyFile, run }) => {
    await run({}, async () => {});
    assert.equal((await stat(keyFile)).mode & 0o777, 0o600);
    await chmod(keyFile, 0o644);
    await assert.rejects(
      run({}, async () => {}),
      { code: 'key-file-exposed' },
    );
    await chmod(keyFile, 0o640);
    await run({}, async () => {});
  }));

test('a missing, foreign or broken key file is told from a first start', () =>
  withHouse(async ({ keyFile, run }) => {
    await run({}, (sealed) => put(sealed, 'secret', 'a', SECRET).then(() => {}));
    const right = await readFile(keyFile);
    await rm(keyFile);
    await assert.rejects(
      run({}, async () => {}),
      { code: 'key-file-missing' },
    );
    await assert.rejects(
      run({ keyFile: `${keyFile}.other` }, async () => {}),
      { code: 'key-file-missing' },
    );
    for (const [text, code] of [
      ['{', 'key-file-damaged'],
      ['{"format":1,"current":"x","keys":[]}', 'key-file-damaged'],
      ['{"format":2}', 'format-too-new'],
      [right.toString().replaceAll(/"[0-9a-f]{16}"/g, '"00000000000000ff"'), 'key-unknown'],
    ] as const) {
      await writeFile(keyFile, text, { mode: 0o600 });
      await assert.rejects(
        run({}, async () => {}),
        { code },
        text,
      );
    }
    await writeFile(keyFile, right, { mode: 0o600 });
    await run({}, async (sealed) => assert.equal(await read(sealed, 'secret', 'a'), SECRET));
  }));

test('a passphrase seals the keys of a file that had none, and is asked for from then on', () =>
  withHouse(async ({ keyFile, run }) => {
    await run({}, (sealed) => put(sealed, 'secret', 'a', SECRET).then(() => {}));
    const clear = JSON.parse(await readFile(keyFile, 'utf8')).keys[0].key;
    await run({ passphrase: PASSPHRASE }, async (sealed) => {
      assert.equal(await read(sealed, 'secret', 'a'), SECRET);
      assert.equal(sealed.view.protection, 'passphrase');
    });
    assert.ok(!(await readFile(keyFile, 'utf8')).includes(clear));
    await assert.rejects(
      run({}, async () => {}),
      { code: 'passphrase-missing' },
    );
    await assert.rejects(
      run({ passphrase: `${PASSPHRASE}?` }, async () => {}),
      { code: 'passphrase-wrong' },
    );
    await run({ passphrase: PASSPHRASE }, async (sealed) => assert.equal(await read(sealed, 'secret', 'a'), SECRET));
  }));

test('values that stood in the clear are sealed when their space is; later ones in the clear are damage', () =>
  withHouse(async ({ run }) => {
    await run({ spaces: [] }, async (sealed) => {
      for (let at = 0; at < 300; at++) await put(sealed, 'secret', `k${at}`, `"${SECRET}"`);
    });
    await run({}, async (sealed, plain) => {
      assert.equal(await read(sealed, 'secret', 'k299'), `"${SECRET}"`);
      for (const { value } of await plain.range('secret', { limit: 1000 }))
        assert.ok(!Buffer.from(value).includes(SECRET));
      await put(plain, 'secret', 'slipped', '"in"');
      await assert.rejects(read(sealed, 'secret', 'slipped'), { code: 'seal-broken' });
    });
  }));

test('an envelope that is moved to another record does not open', () =>
  withHouse(async ({ run }) => {
    await run({}, async (sealed, plain) => {
      await put(sealed, 'secret', 'mine', SECRET);
      const { value } = (await plain.get('secret', Buffer.from('mine')))!;
      await plain.commit({ writes: [{ kind: 'put', space: 'secret', key: Buffer.from('yours'), value }] });
      await assert.rejects(read(sealed, 'secret', 'yours'), { code: 'seal-broken' });
    });
  }));

test('a rotation seals everything again beside running writes, and the old key is of no use any more', () =>
  withHouse(async ({ keyFile, run }) => {
    await run({}, async (sealed) => {
      for (let at = 0; at < 600; at++) await put(sealed, 'secret', `k${at}`, `v${at}`);
    });
    const old = await readFile(keyFile);
    await run({}, async (sealed) => {
      const writing = Array.from({ length: 200 }, (_, at) => put(sealed, 'secret', `k${at}`, `new${at}`));
      const [rotation, again] = await Promise.all([sealed.rotate(), sealed.rotate(), ...writing]);
      assert.equal(rotation, again);
      assert.deepEqual(
        sealed.view.keys.map(({ id }) => id),
        [rotation.keyId],
      );
      assert.equal(await read(sealed, 'secret', 'k7'), 'new7');
      assert.equal(await read(sealed, 'secret', 'k599'), 'v599');
    });
    const renewed = await readFile(keyFile);
    await writeFile(keyFile, old);
    await assert.rejects(
      run({}, async () => {}),
      { code: 'key-unknown' },
    );
    await writeFile(keyFile, renewed);
    await run({}, async (sealed) => {
      const registry = await Registry.open(sealed, 'registry');
      assert.equal(registry.size, 0);
      assert.equal(await read(sealed, 'secret', 'k0'), 'new0');
    });
  }));
