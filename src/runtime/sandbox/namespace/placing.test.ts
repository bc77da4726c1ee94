import assert from 'node:assert/strict';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Placing } from './placing.ts';

const root = mkdtempSync(join(tmpdir(), 'millrace-placing-'));
after(() => rmSync(root, { recursive: true, force: true }));
let made = 0;

function tree(files: Readonly<Record<string, string>>): string {
  const folder = join(root, String(made++));
  mkdirSync(folder);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

const large = () =>
  tree(Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`lib/${n % 10}/${n}.js`, String(n)])));
const list = (folder: string) => readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();

test('a small package is in place at once, as links to the very files', () => {
  const placing = new Placing(join(root, 'spares-1'));
  const source = tree({ 'index.js': 'code', 'node_modules/a/index.js': 'a' });
  symlinkSync('index.js', join(source, 'main.js'));
  const target = tree({});
  assert.equal(placing.place([source], target), undefined);
  assert.equal(statSync(join(target, 'index.js')).ino, statSync(join(source, 'index.js')).ino);
  assert.equal(readFileSync(join(target, 'main.js'), 'utf8'), 'code');
  assert.deepEqual(list(target), list(source));
});

test('of layers the later one hides what the earlier one has, files and folders alike', async () => {
  const placing = new Placing(join(root, 'spares-2'));
  const below = tree({ 'bin/tool': 'old', 'bin/other': 'other', thing: 'file', 'folder/a': 'a' });
  const above = tree({ 'bin/tool': 'new', 'thing/inside': 'now a folder', folder: 'now a file' });
  const target = tree({});
  await placing.place([below, above], target);
  assert.deepEqual(list(target), ['bin', 'bin/other', 'bin/tool', 'folder', 'thing', 'thing/inside']);
  assert.equal(readFileSync(join(target, 'bin/tool'), 'utf8'), 'new');
  assert.equal(readFileSync(join(target, 'folder'), 'utf8'), 'now a file');
});

test('a large package is linked off the event loop once, and from then on put in place at once', async () => {
  const placing = new Placing(join(root, 'spares-3'));
  const source = large();
  const first = tree({});
  const waiting = placing.place([source], first);
  assert.ok(waiting instanceof Promise);
  await waiting;
  assert.deepEqual(list(first), list(source));
  for (let n = 0; n < 3; n++) {
    const next = tree({});
    let placed = placing.place([source], next);
    for (let turns = 0; placed instanceof Promise && turns < 100_000; turns++) {
      // The spare tree was not ready yet: this one has its own links.
      await placed;
      await turn();
      rmSync(next, { recursive: true });
      mkdirSync(next);
      placed = placing.place([source], next);
    }
    assert.equal(placed, undefined);
    assert.deepEqual(list(next), list(source));
  }
  await placing.close();
});

test('a package that is gone fails the placement', async () => {
  const placing = new Placing(join(root, 'spares-6'));
  assert.throws(() => placing.place([join(root, 'nowhere')], tree({})), { code: 'ENOENT' });
});
