import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { systemClock } from '../../src/base/index.ts';
import { type Client, openClient } from '../../src/cli/client.ts';
import { Development } from '../../src/cli/development/development.ts';
import { main } from '../../src/cli/main.ts';
import { type Node, startNode } from '../../src/node/index.ts';

let root: string;
let node: Node;
let client: Client;

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'millrace-development-'));
  node = await startNode({
    dataDirectory: join(root, 'data'),
    host: '127.0.0.1',
    httpPort: 0,
    mqttPort: 0,
    mode: 'dev',
    logLevel: 'error',
    blankEnvironments: 1,
  });
  client = await openClient({ 'endpoint-url': node.endpoint, region: undefined }, {});
});

after(async () => {
  await node[Symbol.asyncDispose]();
  await rm(root, { recursive: true });
});

const apps: App[] = [];

afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app[Symbol.asyncDispose]()));
});

/** A folder under development, and what the terminal shows of it. */
class App implements AsyncDisposable {
  readonly directory: string;
  readonly #name: string;
  readonly #watch = new Set<() => void>();
  #development: Development | undefined;
  shown = '';

  private constructor(name: string) {
    this.#name = name;
    this.directory = join(root, name);
  }

  static async make(name: string, files: Readonly<Record<string, string>>): Promise<App> {
    const app = new App(name);
    apps.push(app);
    for (const [file, content] of Object.entries(files)) await app.write(file, content);
    return app;
  }

  async write(file: string, content: string): Promise<void> {
    await mkdir(dirname(join(this.directory, file)), { recursive: true });
    await writeFile(join(this.directory, file), content);
  }

  /** As editors save: a new file, renamed over the old one. */
  async replace(file: string, content: string): Promise<void> {
    await this.write(`${file}.tmp~`, content);
    await rename(join(this.directory, `${file}.tmp~`), join(this.directory, file));
  }

  /** Starts to develop, and waits for the first deployment. */
  async develop(): Promise<void> {
    this.#development = new Development({
      directory: this.directory,
      stackName: this.#name,
      client,
      clock: systemClock,
      ignored: [],
      terminal: { out: () => assert.fail(), err: (text) => this.#show(text), colours: false, errColours: false },
    });
    this.#development.start();
    await this.until(/deployed \S+ \(\d+ ms\)\n/);
  }

  /** Waits until the terminal has shown `pattern` since the last wait. */
  async until(pattern: RegExp): Promise<string> {
    for (;;) {
      const match = pattern.exec(this.shown);
      if (match) {
        const seen = this.shown.slice(0, match.index + match[0].length);
        this.shown = this.shown.slice(seen.length);
        return seen;
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#watch.add(resolve);
      await promise;
    }
  }

  #show(text: string): void {
    this.shown += text;
    for (const wake of this.#watch) wake();
    this.#watch.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#development?.[Symbol.asyncDispose]();
    this.#development = undefined;
  }
}

const template = (functions: Readonly<Record<string, string>>, more = '') =>
  `Transform: AWS::Serverless-2016-10-31\nGlobals: { Function: { Runtime: nodejs24.x, CodeUri: src } }\nResources:\n${Object.entries(
    functions,
  )
    .map(([id, properties]) => `  ${id}: { Type: AWS::Serverless::Function, Properties: { ${properties} } }\n`)
    .join('')}${more}`;

/** A handler that tells which code it is, and whether its environment has served before. */
const answers = (mark: string) =>
  `let calls = 0;\nexport const handler = async (): Promise<string> => '${mark} ' + calls++;\n`;

async function invoke(name: string): Promise<unknown> {
  const path = `/2015-03-31/functions/${name}/invocations`;
  return JSON.parse((await client.send('lambda', 'POST', path, { body: Buffer.from('{}') })).body.toString());
}

test('a saved function answers with its new code, in under a second, and no other environment notices', {
  timeout: 30_000,
}, async () => {
  const app = await App.make('swaps', {
    'template.yaml': template({
      One: 'FunctionName: one, Handler: one.handler',
      Two: 'FunctionName: two, Handler: two.handler',
    }),
    'src/one.ts': answers('a'),
    'src/two.ts': answers('z'),
  });
  await app.develop();
  assert.deepEqual([await invoke('one'), await invoke('two')], ['a 0', 'z 0']);

  const begun = performance.now();
  await app.write('src/one.ts', answers('b'));
  const shown = await app.until(/swapped One in \d+ ms\n/);
  assert.equal(await invoke('one'), 'b 0');
  assert.ok(performance.now() - begun < 1000, shown);
  assert.equal(await invoke('two'), 'z 1');
  assert.doesNotMatch(shown, /Two/);

  await app.replace('src/one.ts', answers('c'));
  await app.until(/swapped One in/);
  assert.equal(await invoke('one'), 'c 0');

  // A file that comes, and is then the only one that changes.
  await app.write('src/lib/mark.ts', `export const mark = 'd';\n`);
  await app.write('src/one.ts', `import { mark } from './lib/mark.ts';\nexport const handler = async () => mark;\n`);
  await app.until(/swapped One in/);
  assert.equal(await invoke('one'), 'd');
  await app.replace('src/lib/mark.ts', `export const mark = 'e';\n`);
  await app.until(/swapped One in/);
  assert.deepEqual([await invoke('one'), await invoke('two')], ['e', 'z 2']);
});

test('saves in quick succession end in the last one, with fewer swaps than saves', { timeout: 30_000 }, async () => {
  const app = await App.make('rapid', {
    'template.yaml': template({ Rapid: 'FunctionName: rapid, Handler: rapid.handler' }),
    'src/rapid.ts': answers('0'),
  });
  await app.develop();
  for (let save = 1; save <= 30; save++) await app.write('src/rapid.ts', answers(String(save)));
  let shown = '';
  do shown += await app.until(/swapped Rapid in \d+ ms\n/);
  while ((await invoke('rapid')) !== '30 0');
  assert.ok(shown.match(/swapped/g)!.length < 30, shown);
});

test('a syntax error is shown with its place, the old code goes on, and mending it is told', {
  timeout: 30_000,
}, async () => {
  const app = await App.make('broken', {
    'template.yaml': template({
      Frail: 'FunctionName: frail, Handler: frail.handler',
      Sound: 'FunctionName: sound, Handler: sound.handler',
    }),
    'src/frail.ts': answers('whole'),
    'src/sound.ts': answers('a'),
  });
  await app.develop();
  await app.write('src/frail.ts', 'export const handler = async () => {\n  return 1 +;\n};\n');
  const shown = await app.until(/src\/frail\.ts:2:\d+|frail\.ts:2:\d+/);
  assert.match(shown, /millrace: Frail keeps the code that it has: Frail cannot be bundled:[\s\S]*Unexpected ";"/);
  assert.equal(await invoke('frail'), 'whole 0');

  // The fault of one is not in the way of another.
  await app.write('src/sound.ts', answers('b'));
  await app.until(/swapped Sound in/);
  assert.equal(await invoke('sound'), 'b 0');

  await app.until(/frail\.ts:2/);
  await app.write('src/frail.ts', answers('whole'));
  await app.until(/all functions are as deployed\n/);
  assert.equal(await invoke('frail'), 'whole 1');
});

test('a stack trace names the file on this machine, whatever stands in its folder', { timeout: 30_000 }, async () => {
  const app = await App.make('traces', {
    'template.yaml': template({ Throws: 'FunctionName: throws, Handler: deep/throws.handler' }),
    'src/deep/throws.ts': `import { fail } from '../../lib/fail.ts';\nexport const handler = async () => fail();\n`,
    'lib/fail.ts': `\nexport function fail(): never {\n  throw new Error('here');\n}\n`,
  });
  await app.develop();
  const { trace } = (await invoke('throws')) as { readonly trace: readonly string[] };
  assert.match(trace[1]!, new RegExp(`\\(${join(app.directory, 'lib/fail.ts')}:3:9\\)$`));
  assert.match(trace[2]!, new RegExp(`\\(${join(app.directory, 'src/deep/throws.ts')}:2:36\\)$`));
});

test('a template that changes goes through the stack, one that cannot be read changes nothing', {
  timeout: 30_000,
}, async () => {
  const one = 'FunctionName: first, Handler: first.handler';
  const app = await App.make('stacked', {
    'template.yaml': template({ First: one }),
    'src/first.ts': answers('a'),
    'src/second.ts': answers('n'),
  });
  await app.develop();
  await app.replace('template.yaml', 'Resources: [');
  await app.until(/YAML not well-formed/);
  assert.equal(await invoke('first'), 'a 0');
  await app.replace('template.yaml', template({ First: one, Second: 'FunctionName: second, Handler: second.handler' }));
  const shown = await app.until(/deployed stacked \(\d+ ms\)\n/);
  assert.match(shown, /CREATE_COMPLETE +Second/);
  assert.deepEqual([await invoke('first'), await invoke('second')], ['a 1', 'n 0']);
});

test('a folder that is packaged as it is follows every file in it, and concerns no other', {
  timeout: 30_000,
}, async () => {
  const app = await App.make('plain', {
    'template.yaml': template({
      Plain: 'FunctionName: plain, CodeUri: plain, Handler: plain.handler',
      Other: 'FunctionName: other, CodeUri: other, Handler: other.handler',
    }),
    'plain/plain.js': `exports.handler = async () => require('./data.json').mark;\n`,
    'plain/data.json': '{"mark":"a"}',
    'other/other.js': 'exports.handler = async () => 1;\n',
  });
  await app.develop();
  assert.equal(await invoke('plain'), 'a');
  await app.write('plain/data.json', '{"mark":"b"}');
  await app.until(/swapped Plain in/);
  assert.equal(await invoke('plain'), 'b');
  await app.write('other/deep/er/more.js', '');
  assert.doesNotMatch(await app.until(/swapped Other in/), /Plain/);
});

test('a Python function is swapped as its folder changes', {
  timeout: 30_000,
  skip: spawnSync('python3', ['--version']).status === 0 ? false : 'needs python3',
}, async () => {
  const app = await App.make('snakes', {
    'template.yaml': template({
      Snake: 'FunctionName: snake, Runtime: python3.12, CodeUri: snake, Handler: app.handler',
    }),
    'snake/app.py': 'from lib.mark import MARK\n\ndef handler(event, context):\n    return MARK\n',
    'snake/lib/mark.py': 'MARK = "a"\n',
  });
  await app.develop();
  assert.equal(await invoke('snake'), 'a');
  await app.replace('snake/lib/mark.py', 'MARK = "b"\n');
  await app.until(/swapped Snake in/);
  assert.equal(await invoke('snake'), 'b');
});

test('code that is elsewhere is watched too', { timeout: 30_000 }, async () => {
  await App.make('shared', { 'code/far.ts': answers('a'), 'lib/mark.ts': `export const mark = 'a';\n` });
  const app = await App.make('elsewhere', {
    'template.yaml': template({
      Far: 'FunctionName: far, CodeUri: ../shared/code, Handler: far.handler',
      Near: 'FunctionName: near, Handler: near.handler',
    }),
    'src/near.ts': `import { mark } from '../../shared/lib/mark.ts';\nexport const handler = async () => mark;\n`,
  });
  await app.develop();
  await writeFile(join(root, 'shared/code/far.ts'), answers('b'));
  await app.until(/swapped Far in/);
  await writeFile(join(root, 'shared/lib/mark.ts'), `export const mark = 'b';\n`);
  await app.until(/swapped Near in/);
  assert.deepEqual([await invoke('far'), await invoke('near')], ['b 0', 'b']);
});

/** The whole of a runtime: asks, answers. */
const bootstrap = (mark: string) => `#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
while curl -sS -D /tmp/headers -o /dev/null "$api/next"; do
  id=$(grep -i '^lambda-runtime-aws-request-id:' /tmp/headers | tr -d '\\r' | cut -d' ' -f2)
  curl -sS -o /dev/null -X POST -d '"${mark}"' "$api/$id/response"
done
`;

test('a program that is its own runtime is swapped, and stays a program', {
  timeout: 30_000,
  skip: spawnSync('curl', ['--version']).status === 0 ? false : 'needs curl',
}, async () => {
  const app = await App.make('programs', {
    'template.yaml': template({
      Shell: 'FunctionName: shell, Runtime: provided.al2023, CodeUri: shell, Handler: none',
    }),
    'shell/bootstrap': bootstrap('a'),
  });
  await chmod(join(app.directory, 'shell/bootstrap'), 0o755);
  await app.develop();
  assert.equal(await invoke('shell'), 'a');
  await app.write('shell/bootstrap', bootstrap('b'));
  await app.until(/swapped Shell in/);
  assert.equal(await invoke('shell'), 'b');
});

test('a layer that changes is deployed through the stack, and its functions get the new version', {
  timeout: 30_000,
}, async () => {
  const app = await App.make('layered', {
    'template.yaml': template(
      { Uses: 'FunctionName: uses, CodeUri: uses, Handler: uses.handler, Layers: [!Ref Lib]' },
      '  Lib: { Type: AWS::Serverless::LayerVersion, Properties: { ContentUri: layer } }\n',
    ),
    'uses/uses.js': `exports.handler = async () => require('mark');\n`,
    'layer/nodejs/node_modules/mark/index.js': `module.exports = 'a';\n`,
  });
  await app.develop();
  assert.equal(await invoke('uses'), 'a');
  await app.write('layer/nodejs/node_modules/mark/index.js', `module.exports = 'b';\n`);
  // node_modules is not watched: what stands beside it tells.
  await app.write('layer/VERSION', '2');
  assert.doesNotMatch(await app.until(/deployed layered \(\d+ ms\)\n/), /swapped/);
  assert.equal(await invoke('uses'), 'b');
});

test('a function whose versions are published is deployed through its stack, so that its alias follows', {
  timeout: 30_000,
}, async () => {
  const app = await App.make('aliased', {
    'template.yaml': template({ Live: 'FunctionName: live, Handler: live.handler, AutoPublishAlias: prod' }),
    'src/live.ts': answers('a'),
  });
  await app.develop();
  assert.equal(await invoke('live:prod'), 'a 0');
  await app.write('src/live.ts', answers('b'));
  assert.doesNotMatch(await app.until(/deployed aliased \(\d+ ms\)\n/), /swapped/);
  assert.equal(await invoke('live:prod'), 'b 0');
});

test('a deployment of what the stack has gives functions that were swapped meanwhile their code again', {
  timeout: 30_000,
}, async () => {
  const app = await App.make('healed', {
    'template.yaml': template({ Heals: 'FunctionName: heals, Handler: heals.handler' }),
    'src/heals.ts': answers('deployed'),
  });
  let shown = '';
  const terminal = {
    out: () => {},
    err: (text: string) => {
      shown += text;
    },
    colours: false,
    errColours: false,
  };
  const deploy = () => main(['deploy', app.directory, '--endpoint-url', node.endpoint], terminal);
  assert.equal(await deploy(), 0, shown);
  await app.develop();
  await app.write('src/heals.ts', answers('swapped'));
  await app.until(/swapped Heals in/);
  await app[Symbol.asyncDispose]();
  await app.write('src/heals.ts', answers('deployed'));
  assert.equal(await invoke('heals'), 'swapped 0');
  shown = '';
  assert.equal(await deploy(), 0, shown);
  assert.equal(await invoke('heals'), 'deployed 0', shown);
  shown = '';
  assert.equal(await deploy(), 0, shown);
  assert.match(shown, /nothing to change in healed\n$/);
});
