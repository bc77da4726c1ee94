import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, test } from 'node:test';
import { ZipFile } from 'yazl';
import { zipOf } from '../support/clients.ts';
import { aMoment } from '../support/eventually.ts';
import { LambdaHouse } from './support.ts';

const directory = mkdtempSync(join(tmpdir(), 'millrace-packages-'));
const house = await LambdaHouse.open({ directory, runtime: { blanks: 0 } });
after(async () => {
  await house[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});
let made = 0;

/** Tries to make a function of a zip; whatever the answer, nothing half unpacked may stay. */
async function create(ZipFile: Buffer): Promise<any> {
  try {
    return await house.create(`p${made++}`, '', { Code: { ZipFile } });
  } finally {
    assert.deepEqual(
      readdirSync(join(directory, 'code')).filter((name) => name.startsWith('.')),
      [],
    );
  }
}

async function archive(fill: (file: ZipFile) => void): Promise<Buffer> {
  const file = new ZipFile();
  fill(file);
  file.end();
  const chunks: Buffer[] = [];
  for await (const chunk of file.outputStream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Replaces bytes wherever they stand, in the local headers and in the directory. */
function patched(bytes: Buffer, from: string | Buffer, to: string | Buffer): Buffer {
  assert.equal(from.length, to.length);
  const copy = Buffer.from(bytes);
  for (let at = copy.indexOf(from); at >= 0; at = copy.indexOf(from, at + 1)) copy.set(Buffer.from(to), at);
  return copy;
}

const refuses = (bytes: Buffer, message?: RegExp) =>
  assert.rejects(create(bytes), (error: any) => {
    assert.equal(error.code, 'zip-invalid');
    if (message) assert.match(error.message, message);
    return true;
  });

test('a package is unpacked read-only, with its executables, once for all that use it', async () => {
  const bytes = await archive((file) => {
    file.addBuffer(Buffer.from('exports.handler = async () => 1;'), 'index.js');
    file.addBuffer(Buffer.from('#!/bin/sh'), 'bin/tool', { mode: 0o100755 });
    file.addEmptyDirectory('empty');
  });
  const { CodeSha256, CodeSize } = await create(bytes);
  await create(bytes);
  assert.equal(CodeSize, bytes.length);
  const folder = join(directory, 'code', Buffer.from(CodeSha256, 'base64').toString('hex'));
  assert.equal(statSync(join(folder, 'index.js')).mode & 0o777, 0o444);
  assert.equal(statSync(join(folder, 'bin/tool')).mode & 0o777, 0o555);
  assert.ok(statSync(join(folder, 'empty')).isDirectory());
  assert.match(readFileSync(join(folder, 'index.js'), 'utf8'), /handler/);
});

test('what is no zip is refused in the words of AWS', async () => {
  const words = /^Could not unzip uploaded file\. Please check your file, then try to upload again\.$/;
  await refuses(Buffer.from('no zip'), words);
  await refuses(Buffer.alloc(1000), words);
  await refuses(await archive(() => {}), /non-empty/);
});

test('names that lead out of the folder are refused', async () => {
  const good = await zipOf({ 'aa/evil.js': 'x' });
  for (const name of ['../evil.js', '/a/evil.js', 'C:/evil.js', '..\\evil.js'])
    await refuses(patched(good, 'aa/evil.js', name));
  assert.equal(existsSync(join(directory, 'evil.js')), false);
  assert.equal(existsSync(join(directory, 'code', 'evil.js')), false);
});

test('links and special files are refused', async () => {
  for (const mode of [0o120777, 0o060644, 0o010644]) {
    await refuses(
      await archive((file) => file.addBuffer(Buffer.from('/etc/passwd'), 'link', { mode })),
      /link or a special file/,
    );
  }
});

test('a name that comes twice, and a file that is also a folder, are refused', async () => {
  const twice = await zipOf({ 'a.js': '1', 'b.js': '2' });
  await refuses(patched(twice, 'b.js', 'a.js'));
  await refuses(await zipOf({ a: '1', 'a/b': '2' }));
});

test('sizes: what is announced is limited, and what is not as announced is refused', async () => {
  const bytes = await zipOf({ 'index.js': Buffer.alloc(70_000) });
  const size = Buffer.alloc(4);
  size.writeUInt32LE(70_000);
  const huge = Buffer.alloc(4);
  huge.writeUInt32LE(300_000_000);
  await refuses(patched(bytes, size, huge), /Unzipped size must be smaller than 262144000 bytes/);
  const small = Buffer.alloc(4);
  small.writeUInt32LE(10);
  await refuses(patched(bytes, size, small));
});

test('a hundred thousand files are refused before the first is written', async () => {
  const good = await zipOf({ 'index.js': 'x' });
  const end = good.length - 22;
  const many = Buffer.from(good);
  many.writeUInt16LE(50_000, end + 8);
  many.writeUInt16LE(50_000, end + 10);
  await refuses(many, /50000 files/);
});

test('a short zip that names very many or very deep folders is refused', async () => {
  const deep = (levels: number) => `${'d/'.repeat(levels)}f`;
  await create(await zipOf({ [deep(64)]: 'x' }));
  await refuses(await zipOf({ [deep(65)]: 'x' }), /more than 64 folders deep/);
  await refuses(await zipOf({ [`${'n'.repeat(200)}/`.repeat(6).concat('f')]: 'x' }), /longer than 1024 bytes/);
  // 400 names of 60 folders each: 24,000 folders.
  const many = Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`${i}/${deep(59)}`, 'x']));
  await refuses(await zipOf(many), /files and folders; the limit is 20000/);
});

test('names with NUL, backslashes, empty and dot segments end in the folder or are refused', async () => {
  const good = await zipOf({ 'aa/b.js': 'x' });
  await refuses(patched(good, 'aa/b.js', 'aa\0b.js'));
  await refuses(patched(good, 'aa/b.js', '..\\b.js'));
  for (const [name, lands] of [
    ['aa\\b.js', 'aa/b.js'],
    ['a//b.js', 'a/b.js'],
    ['./ab.js', 'ab.js'],
  ] as const) {
    const { CodeSha256 } = await create(patched(good, 'aa/b.js', name.padEnd(7, 's')));
    const folder = join(directory, 'code', Buffer.from(CodeSha256, 'base64').toString('hex'));
    assert.ok(existsSync(join(folder, lands.padEnd(lands.length + 7 - name.length, 's'))), name);
  }
});

test('the same file under two spellings is refused', async () => {
  const twice = await zipOf({ 'a/bb': '1', 'c/ddd': '2' });
  await refuses(patched(twice, 'c/ddd', 'a//bb'));
});

test('encrypted files, unknown ways of compression and damaged bytes are refused', async () => {
  const good = await zipOf({ 'index.js': 'exports.handler = 1;'.repeat(50) });
  const directoryAt = good.indexOf('PK\x01\x02', 0, 'latin1');
  const changed = (change: (bytes: Buffer) => void) => {
    const copy = Buffer.from(good);
    change(copy);
    return copy;
  };
  await refuses(
    changed((bytes) => {
      bytes[6]! |= 1;
      bytes[directoryAt + 8]! |= 1;
    }),
    /is encrypted/,
  );
  await refuses(
    changed((bytes) => {
      bytes.writeUInt16LE(14, 8);
      bytes.writeUInt16LE(14, directoryAt + 10);
    }),
  );
  // A checksum that is not the file's: sizes alone would not tell.
  await refuses(changed((bytes) => bytes.writeUInt32LE(1, directoryAt + 16)));
});

test('zip64 and sizes that stand behind the data are read', async () => {
  const bytes = await archive((file) => {
    file.addReadStream(Readable.from(['exports.handler = async () => 1;']), 'index.js', { forceZip64Format: true });
    file.addReadStream(Readable.from(['more']), 'more.txt');
  });
  const { CodeSha256 } = await create(bytes);
  const folder = join(directory, 'code', Buffer.from(CodeSha256, 'base64').toString('hex'));
  assert.equal(readFileSync(join(folder, 'more.txt'), 'utf8'), 'more');
});

test('a bomb is refused by what it announces, before anything is written', async () => {
  // 300 MB of zeros in 300 KB, behind a claim of 1 MB each.
  const file = Buffer.alloc(1024 * 1024);
  const bytes = await archive((zip) => {
    for (let i = 0; i < 300; i++) zip.addBuffer(file, `${i}.bin`);
  });
  assert.ok(bytes.length < 1024 * 1024);
  await refuses(bytes, /Unzipped size must be smaller than 262144000 bytes/);
});

/**
 * Longest that `work` has kept the event loop from others, milliseconds of this thread's processor time: the time on the wall is also
 * that of all else that the machine does.
 */
async function longestTurnMs(work: Promise<unknown>): Promise<number> {
  let isOver = false;
  const ended = work.finally(() => {
    isOver = true;
  });
  let longestMs = 0;
  while (!isOver) {
    const before = process.threadCpuUsage();
    await aMoment();
    const { user, system } = process.threadCpuUsage(before);
    longestMs = Math.max(longestMs, (user + system) / 1000);
  }
  await ended;
  return longestMs;
}

test('a large package leaves the event loop free and is not held in memory', async () => {
  const bytes = await archive((zip) => zip.addBuffer(Buffer.alloc(48 * 1024 * 1024), 'zeros.bin'));
  const before = process.memoryUsage().rss;
  const heldMs = await longestTurnMs(create(bytes));
  assert.ok(heldMs < 100, `held for ${heldMs} ms`);
  assert.ok(process.memoryUsage().rss - before < 40 * 1024 * 1024);
});

test('whatever the umask, others can read what is unpacked, and nobody is to write it', async () => {
  const umask = process.umask(0o077);
  try {
    const { CodeSha256 } = await create(await zipOf({ 'lib/index.js': 'umask' }));
    const folder = join(directory, 'code', Buffer.from(CodeSha256, 'base64').toString('hex'));
    for (const [path, mode] of [
      ['', 0o755],
      ['lib', 0o755],
      ['lib/index.js', 0o444],
    ] as const) {
      assert.equal(statSync(join(folder, path)).mode & 0o777, mode, path);
    }
  } finally {
    process.umask(umask);
  }
});

test('a zip cut at any byte is refused', async () => {
  const bytes = await zipOf({ 'index.js': 'exports.handler = 1;', 'lib/a.js': 'x'.repeat(100) });
  for (let length = 0; length < bytes.length; length += 7) await refuses(bytes.subarray(0, length));
});
