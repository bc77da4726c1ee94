import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Debugger } from './debugger.ts';
import { Program } from './program.ts';

const TEMPLATE = `
Transform: AWS::Serverless-2016-10-31
Globals: { Function: { Runtime: nodejs24.x, CodeUri: src, Timeout: 1 } }
Resources:
  Looked: { Type: AWS::Serverless::Function, Properties: { FunctionName: looked, Handler: looked.handler } }
  Other: { Type: AWS::Serverless::Function, Properties: { FunctionName: other, Handler: other.handler } }
`;
const LOOKED = (factor: number) => `
interface Event { readonly n: number }

export const handler = async ({ n }: Event, context: { getRemainingTimeInMillis(): number }): Promise<number> => {
  const left = context.getRemainingTimeInMillis();
  const product = n * ${factor};
  return left > 0 ? product : 0;
};
`;

let root: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'millrace-inspect-'));
});
after(() => rm(root, { recursive: true }));

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { readonly port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test('a debugger attaches before the first call, stops in the TypeScript source past the timeout, and follows a swap', {
  timeout: 60_000,
}, async () => {
  const app = join(root, 'app');
  const file = join(app, 'src/looked.ts');
  await mkdir(join(app, 'src'), { recursive: true });
  await writeFile(join(app, 'template.yaml'), TEMPLATE);
  await writeFile(file, LOOKED(2));
  await writeFile(join(app, 'src/other.ts'), 'export const handler = async () => "other";\n');
  const port = await freePort();
  const argv = ['dev', 'app', '--http-port', '0', '--mqtt-port', '0', '--inspect', `Looked:${port}`];
  await using program = new Program(root, argv);
  const [, endpoint] = await program.until('out', /^ready (\S+)\n/);
  await program.until('err', new RegExp(`debugger: attach to 127\\.0\\.0\\.1:${port} for Looked \\(.*engine process`));
  const invoke = async (name: string) => {
    const answer = await fetch(`${endpoint}/2015-03-31/functions/${name}/invocations`, {
      method: 'POST',
      headers: { authorization: 'AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/lambda/aws4_request' },
      body: '{"n":21}',
    });
    return answer.json();
  };

  const check = async (product: number) => {
    await using attached = await attach(port);
    await attached.breakAt({ file, line: 7 });
    const answer = invoke('looked');
    const stop = await attached.paused();
    assert.deepEqual([stop.file, stop.line], [file, 7]);
    assert.deepEqual(await stop.evaluate('[n, product].join()'), `21,${product}`);
    // Its timeout is one second.
    assert.ok(Number(await stop.evaluate('left')) > 60_000);
    // What is not inspected runs meanwhile.
    assert.equal(await invoke('other'), 'other');
    await attached.send('Debugger.resume');
    assert.equal(await answer, product);
    const { result } = await attached.send('Runtime.evaluate', { expression: 'process.pid' });
    return result.value as number;
  };

  // Its process ends, and another one with the same code takes its place; this one has V8's code cache.
  const first = await check(42);
  process.kill(first, 'SIGKILL');
  await gone(first);
  const second = await check(42);
  await writeFile(file, LOOKED(3));
  await program.until('err', /swapped Looked in/);
  await gone(second);
  await check(63);
  program.signal('SIGTERM');
  assert.equal(await program.exit(), 0);
});

/** Until a process is gone its port may still answer. */
async function gone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** The inspector of a new environment listens a moment after the old one is gone. */
async function attach(port: number): Promise<Debugger> {
  for (;;) {
    try {
      return await Debugger.attach(port);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
    }
  }
}

test('what cannot be inspected is refused before anything starts', { timeout: 30_000 }, async () => {
  const app = join(root, 'snake');
  await mkdir(app);
  await writeFile(join(app, 'template.yaml'), TEMPLATE.replace('nodejs24.x', 'python3.12'));
  for (const [name, message] of [
    ['Looked', /Looked runs on python3\.12; only functions of Node runtimes can be inspected/],
    ['Lookde', /no function Lookde; did you mean Looked\?/],
  ] as const) {
    await using program = new Program(root, [
      'dev',
      'snake',
      '--http-port',
      '0',
      '--mqtt-port',
      '0',
      '--inspect',
      name,
    ]);
    assert.equal(await program.exit(), 2);
    assert.match(program.err, message);
    assert.equal(program.out, '');
  }
});
