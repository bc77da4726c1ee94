import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ZipFile } from 'yazl';
import { zipOf } from '../support/clients.ts';
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

test('a zip cut at any byte is refused', async () => {
  const bytes = await zipOf({ 'index.js': 'exports.handler = 1;', 'lib/a.js': 'x'.repeat(100) });
  for (let length = 0; length < bytes.length; length += 7) await refuses(bytes.subarray(0, length));
});
