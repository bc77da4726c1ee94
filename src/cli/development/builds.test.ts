import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readApplication } from '../application/template.ts';
import { Builds, concerns } from './builds.ts';
import type { FileChange } from './folder-watcher.ts';

const content = (path: string): FileChange => ({ path, kind: 'content' });
const entry = (path: string): FileChange => ({ path, kind: 'entry' });

test('a folder that goes as it is is concerned by what is in it', () => {
  const made = { codePath: '/app/src', inputs: undefined };
  assert.equal(concerns(content('/app/src/a/b.py'), made), true);
  assert.equal(concerns(entry('/app/src'), made), true);
  assert.equal(concerns(content('/app/src2/b.py'), made), false);
});

test('a bundle is concerned by its inputs, its settings, and files that come or go', () => {
  const made = { codePath: '/app/src', inputs: new Set(['/app/src/a.ts', '/lib/b.ts']) };
  for (const path of ['/lib/b.ts', '/app/tsconfig.base.json', '/app/package.json']) {
    assert.equal(concerns(content(path), made), true, path);
  }
  assert.equal(concerns(content('/app/src/unused.ts'), made), false);
  assert.equal(concerns(entry('/app/src/unused.ts'), made), true);
});

let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-builds-'));
});
after(() => rm(directory, { recursive: true }));

test('functions of other runtimes and layers are packaged as they are, each when a change concerns it', async () => {
  for (const folder of ['snake', 'shell', 'layer/python']) await mkdir(join(directory, folder), { recursive: true });
  await writeFile(join(directory, 'snake/app.py'), 'def handler(event, context): pass\n');
  await writeFile(join(directory, 'shell/bootstrap'), '#!/bin/sh\n');
  await chmod(join(directory, 'shell/bootstrap'), 0o755);
  await writeFile(join(directory, 'layer/python/lib.py'), '');
  await writeFile(
    join(directory, 'template.yaml'),
    `
Transform: AWS::Serverless-2016-10-31
Resources:
  Snake: { Type: AWS::Serverless::Function, Properties: { Runtime: python3.12, CodeUri: snake, Handler: app.handler } }
  Shell: { Type: AWS::Serverless::Function, Properties: { Runtime: provided.al2023, CodeUri: shell, Handler: none } }
  Lib: { Type: AWS::Serverless::LayerVersion, Properties: { ContentUri: layer } }
`,
  );
  await using builds = new Builds();
  await builds.adopt(await readApplication(directory));
  assert.deepEqual(await builds.make([]), []);
  const before = builds.packages;
  assert.deepEqual([...before.keys()].sort(), ['Lib', 'Shell', 'Snake']);

  const file = join(directory, 'layer/python/lib.py');
  await writeFile(file, 'x = 1\n');
  assert.deepEqual(await builds.make([content(file)]), []);
  const changed = [...builds.packages].filter(([id, { hash }]) => before.get(id)!.hash !== hash).map(([id]) => id);
  assert.deepEqual(changed, ['Lib']);

  await rm(join(directory, 'snake'), { recursive: true });
  const [failure] = await builds.make([entry(join(directory, 'snake'))]);
  assert.match(String(failure?.error), /Snake: its code is not there: .*snake/);
  assert.equal(builds.packages.get('Snake'), before.get('Snake'));
});
