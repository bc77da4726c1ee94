import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { type Entry, fromBuffer, type Options, type ZipFile } from 'yauzl';
import { packageFunction } from './package.ts';
import { defaultStackName, type LocalFunction, packagedTemplate, readApplication } from './template.ts';

const unzip = promisify<Buffer, Options, ZipFile>(fromBuffer);

/** Names in a package, sorted. */
async function namesIn(bytes: Buffer): Promise<readonly string[]> {
  const file = await unzip(bytes, { lazyEntries: false });
  const names: string[] = [];
  file.on('entry', (entry: Entry) => names.push(entry.fileName));
  await new Promise((resolve) => file.on('end', resolve));
  return names.sort();
}

class Folder implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async make(files: Readonly<Record<string, string>>): Promise<Folder> {
    const folder = new Folder(await mkdtemp(join(tmpdir(), 'millrace-package-')));
    for (const [name, content] of Object.entries(files)) await folder.write(name, content);
    return folder;
  }

  async write(name: string, content: string): Promise<void> {
    await mkdir(dirname(join(this.path, name)), { recursive: true });
    await writeFile(join(this.path, name), content);
  }

  function(more: Partial<LocalFunction> = {}): LocalFunction {
    return {
      logicalId: 'Fn',
      codePath: this.path,
      handler: 'app.handler',
      runtime: 'nodejs24.x',
      metadata: {},
      published: false,
      ...more,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true });
  }
}

test('TypeScript is bundled to CommonJS with its source map, under the name that the handler has', async () => {
  await using folder = await Folder.make({
    'src/app.ts': "import { two } from './two.ts';\nexport const handler = async (): Promise<number> => two;\n",
    'src/two.ts': 'export const two: number = 2;\n',
  });
  const { bytes } = await packageFunction(folder.function({ handler: 'src/app.handler' }));
  assert.deepEqual(await namesIn(bytes), ['src/app.js', 'src/app.js.map']);
});

test('a module package gives a module, and can still require', async () => {
  await using folder = await Folder.make({
    'package.json': '{"type":"module"}',
    'app.ts':
      "import { createHash } from 'node:crypto';\nexport const handler = async () => createHash('md5').digest('hex');\n",
  });
  const { bytes } = await packageFunction(folder.function());
  assert.deepEqual(await namesIn(bytes), ['app.mjs', 'app.mjs.map']);
});

test('build properties of the template are obeyed', async () => {
  await using folder = await Folder.make({ 'main.ts': 'export const handler = async () => 1;\n' });
  const metadata = {
    BuildMethod: 'esbuild',
    BuildProperties: {
      EntryPoints: ['main.ts'],
      Format: 'esm',
      OutExtension: ['.js=.mjs'],
      Sourcemap: false,
      Minify: true,
    },
  };
  const { bytes } = await packageFunction(folder.function({ handler: 'main.handler', metadata }));
  assert.deepEqual(await namesIn(bytes), ['main.mjs']);
});

test('plain JavaScript without a manifest goes as it is, with what stands beside it', async () => {
  await using folder = await Folder.make({
    'app.js': 'exports.handler = async () => 1;',
    'data/x.json': '{}',
    '.git/HEAD': '',
  });
  assert.deepEqual(await namesIn((await packageFunction(folder.function())).bytes), ['app.js', 'data/x.json']);
});

test('other runtimes go as they are', async () => {
  await using folder = await Folder.make({ 'app.py': 'def handler(event, context): pass', 'lib/a.py': '' });
  const { bytes } = await packageFunction(folder.function({ runtime: 'python3.12' }));
  assert.deepEqual(await namesIn(bytes), ['app.py', 'lib/a.py']);
});

test('the same files give the same bytes, whatever their times', async () => {
  await using folder = await Folder.make({ 'app.js': 'exports.handler = 1;', 'b.js': '' });
  const first = await packageFunction(folder.function());
  await utimes(join(folder.path, 'app.js'), 1, 1);
  const second = await packageFunction(folder.function());
  assert.equal(first.hash, second.hash);
  await folder.write('b.js', '1');
  assert.notEqual((await packageFunction(folder.function())).hash, first.hash);
});

test('a fault in the source is shown with its place', async () => {
  await using folder = await Folder.make({ 'app.ts': "import { x } from './none.ts';\nexport const handler = x;\n" });
  await assert.rejects(
    packageFunction(folder.function()),
    /Fn cannot be bundled:[\s\S]*Could not resolve "\.\/none\.ts"[\s\S]*app\.ts:1:18/,
  );
});

test('a handler without a file, and code that is not there, say where was looked', async () => {
  await using folder = await Folder.make({ 'app.js': '' });
  await assert.rejects(
    packageFunction(folder.function({ handler: 'other.handler' })),
    /handler "other\.handler" names no file in /,
  );
  await assert.rejects(
    packageFunction(folder.function({ codePath: join(folder.path, 'none') })),
    /its code is not there: .*none/,
  );
});

test('a template gives its local functions, and takes the places of their packages', async () => {
  await using folder = await Folder.make({
    'template.yaml': [
      'Transform: AWS::Serverless-2016-10-31',
      'Globals: {Function: {Runtime: nodejs24.x, CodeUri: src}}',
      'Resources:',
      '  A: {Type: AWS::Serverless::Function, Properties: {Handler: a.handler}}',
      '  B: {Type: AWS::Serverless::Function, Properties: {Handler: b.handler, InlineCode: x}}',
      '  C: {Type: AWS::Lambda::Function, Properties: {Handler: c.handler, Runtime: nodejs22.x, Code: lib}}',
      '  D: {Type: AWS::Serverless::Function, Properties: {Handler: d.handler, CodeUri: s3://bucket/key}}',
      '  Q: {Type: AWS::SQS::Queue}',
    ].join('\n'),
  });
  const application = await readApplication(folder.path);
  assert.deepEqual(
    application.functions.map(({ logicalId, codePath, runtime }) => [logicalId, codePath, runtime]),
    [
      ['A', join(folder.path, 'src'), 'nodejs24.x'],
      ['C', join(folder.path, 'lib'), 'nodejs22.x'],
    ],
  );
  const packaged = packagedTemplate(
    application,
    new Map([
      ['A', { bucket: 'b', key: 'k' }],
      ['C', { bucket: 'b', key: 'l' }],
    ]),
  );
  assert.deepEqual(packaged.Resources.A.Properties, { Handler: 'a.handler', CodeUri: { Bucket: 'b', Key: 'k' } });
  assert.deepEqual(packaged.Resources.C.Properties.Code, { S3Bucket: 'b', S3Key: 'l' });
});

test('a folder without a template, and one that is broken, are refused by name', async () => {
  await using empty = await Folder.make({});
  await assert.rejects(readApplication(empty.path), /no template in .*: make one of template\.yaml/);
  await using broken = await Folder.make({ 'template.yaml': 'a: [' });
  await assert.rejects(
    readApplication(broken.path),
    /template\.yaml: Template format error: YAML not well-formed\. \(line 1/,
  );
});

test('stack names are made of folder names', () => {
  assert.deepEqual(['/x/machine-health', '/x/My App_2', '/x/9lives', '/x/---'].map(defaultStackName), [
    'machine-health',
    'My-App-2',
    'lives',
    'application',
  ]);
});
