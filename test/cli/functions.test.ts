import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { main } from '../../src/cli/main.ts';
import { encodeEvent } from '../../src/codec/aws/index.ts';
import { type Node, startNode } from '../../src/node/index.ts';
import { Program } from './program.ts';

const SOURCE = `
type Event = { readonly fail?: string; readonly n?: number };

async function refuse(message: string): Promise<void> {
  await null;
  try {
    JSON.parse('{');
  } catch (cause) {
    throw new TypeError(message, { cause });
  }
}

export const handler = async (event: Event) => {
  process.stdout.write('printed ' + event.n + '\\n');
  console.log('logged', event.n);
  if (event.fail) await refuse(event.fail);
  return event;
};
`;
const THROWN_AT = SOURCE.split('\n').findIndex((line) => line.includes('new TypeError')) + 1;
const AWAITED_AT = SOURCE.split('\n').findIndex((line) => line.includes('await refuse')) + 1;

const TEMPLATE = `
Transform: AWS::Serverless-2016-10-31
Globals: { Function: { Runtime: nodejs24.x, CodeUri: src } }
Resources:
  Echo: { Type: AWS::Serverless::Function, Properties: { Handler: echo.handler, AutoPublishAlias: live } }
  Other: { Type: AWS::Serverless::Function, Properties: { Handler: echo.handler } }
  Late: { Type: AWS::Serverless::Function, Properties: { Handler: late.handler } }
`;

let node: Node;
let root: string;
let app: string;

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'millrace-functions-'));
  app = join(root, 'app');
  await mkdir(join(app, 'src'), { recursive: true });
  await writeFile(join(app, 'template.yaml'), TEMPLATE);
  await writeFile(join(app, 'src/echo.ts'), SOURCE);
  await writeFile(join(app, 'src/late.ts'), `\nthrow new RangeError('at import');\nexport const handler = () => 1;\n`);
  node = await startNode({
    dataDirectory: join(root, 'data'),
    host: '127.0.0.1',
    httpPort: 0,
    mqttPort: 0,
    mode: 'dev',
    logLevel: 'error',
    blankEnvironments: 1,
  });
  const { code, err } = await run('deploy', app);
  assert.equal(code, 0, err);
});

after(async () => {
  await node[Symbol.asyncDispose]();
  await rm(root, { recursive: true });
});

async function run(...argv: string[]) {
  const out: Buffer[] = [];
  let err = '';
  const terminal = {
    out: (text: string | Uint8Array) => void out.push(Buffer.from(text)),
    err: (text: string) => {
      err += text;
    },
    colours: false,
    errColours: false,
  };
  const inApp = argv[0] === 'deploy' ? [] : ['--stack-name', 'app'];
  const endpoint = argv.includes('--endpoint-url') ? [] : ['--endpoint-url', node.endpoint];
  const code = await main([...argv, ...inApp, ...endpoint], terminal);
  return { code, out: Buffer.concat(out).toString(), err };
}

/** Lines are written behind the answer: looks until there are as many as there must be. */
async function logLines(count: number, ...argv: string[]): Promise<readonly string[]> {
  for (;;) {
    const { code, out, err } = await run('logs', ...argv);
    assert.equal(code, 0, err);
    const lines = out.split('\n').slice(0, -1);
    if (lines.length >= count) return lines;
  }
}

test('the payload comes as an argument, an option, a file or standard input; the result is stdout, how it went stderr', async () => {
  const { code, out, err } = await run('invoke', 'Echo', '{"n":1}');
  assert.deepEqual([code, out], [0, '{"n":1}\n']);
  assert.match(err, /^Echo succeeded: \d+(\.\d+)? ms, billed \d+ ms, \d+ of 128 MB, cold start \(init [\d.]+ ms\)\n$/);
  assert.match((await run('invoke', 'Echo', '--payload', '{}')).err, /, warm\n$/);
  const file = join(root, 'event.json');
  await writeFile(file, '{"n":2}');
  assert.equal((await run('invoke', 'Echo', `@${file}`)).out, '{"n":2}\n');
  const argv = ['invoke', 'Echo', '-', '--stack-name', 'app', '--endpoint-url', node.endpoint];
  await using program = new Program(root, argv, {}, '{"n":3}');
  assert.deepEqual([await program.exit(), program.out], [0, '{"n":3}\n'], program.err);
});

test('wrong command lines are refused before anything is called', async () => {
  for (const [argv, message] of [
    [['Echo', '{"n":'], /the payload is not JSON/],
    [['Echo', '{}', '--payload', '{}'], /given twice/],
    [['Echo', '@/nowhere'], /cannot read the payload/],
    [['Echo', '--async', '--tail'], /--async does not wait/],
  ] as const) {
    const { code, err } = await run('invoke', ...argv);
    assert.equal(code, 2, err);
    assert.match(err, message);
  }
});

test('a failed function exits 1 and is shown with the lines of its TypeScript, asynchronous frames and all', async () => {
  const { code, out, err } = await run('invoke', 'Echo', '{"fail":"no"}', '--tail');
  assert.equal(code, 1);
  assert.equal(JSON.parse(out).errorMessage, 'no');
  assert.match(err, /printed undefined\n/);
  const [, shown] = err.split(/REPORT [^\n]*\n(?:XRAY[^\n]*\n)?/);
  assert.match(shown!, new RegExp(`^TypeError: no\n    at refuse \\(\\S*/echo\\.ts:${THROWN_AT}:\\d+\\)\n`));
  assert.match(shown!, new RegExp(`\n    at async \\S*handler \\(\\S*/echo\\.ts:${AWAITED_AT}:\\d+\\)\n`));
  assert.match(
    shown!,
    /\n {2}caused by SyntaxError: Expected property name[^\n]*\n {4}at JSON\.parse \(<anonymous>\)\n/,
  );
  assert.match(shown!, /\nEcho failed \(Unhandled\): /);
});

test('an error at import is shown with its line', async () => {
  const { code, err } = await run('invoke', 'Late');
  assert.equal(code, 1);
  assert.match(err, /^RangeError: at import\n {4}at \S*[^\n]*\/late\.ts:2:7\)?\n/);
});

test('an alias is called by its qualifier, and the version that ran is named', async () => {
  const { code, err } = await run('invoke', 'Echo', '--qualifier', 'live');
  assert.equal(code, 0, err);
  assert.match(err, /^Echo version 1 succeeded: /);
  const none = await run('invoke', 'Echo', '--qualifier', 'none');
  assert.deepEqual([none.code, none.out], [1, '']);
});

test('an asynchronous call tells its request, by which the logs find all that it has written, in order', async () => {
  const { code, err, out } = await run('invoke', 'Other', '{"n":77}', '--async');
  assert.deepEqual([code, out], [0, '']);
  const requestId = /^queued, request (\S+)\n$/.exec(err)![1]!;
  const lines = await logLines(5, '--request', requestId.slice(0, 8));
  const texts = lines.map((line) => /^\S+Z \S+ +(\S.*)$/.exec(line)![1]!.replace(/^[0-9a-f]{8} /, ''));
  assert.deepEqual(texts.slice(0, 4), ['START Version: $LATEST', 'printed 77', 'INFO  logged 77', 'END']);
  assert.match(texts[4]!, /^REPORT \d.* ms, billed \d+ ms, \d+ of 128 MB/);
  const raw = (await logLines(5, '--request', requestId, '--json')).map((line) => JSON.parse(line));
  assert.ok(raw.every((each) => each.requestId === requestId && /^app-Other-/.test(each.function)));
  assert.equal(raw[1].message, 'printed 77');
});

test('logs are filtered by pattern, and not by pattern and request at once', async () => {
  await run('invoke', 'Other', '{"n":4711}');
  const [line, ...more] = await logLines(1, 'Other', '--filter', '"logged 4711"');
  assert.match(line!, /^\S+Z [0-9a-f]{8} INFO {2}logged 4711$/);
  assert.deepEqual(more, []);
  const { code, err } = await run('logs', 'Other', '--filter', 'a', '--request', 'b');
  assert.deepEqual([code, err.includes('exclude each other')], [2, true]);
});

test('following shows what was and what comes, each line once, several functions by time, and ends with 0 on Ctrl-C', {
  timeout: 30_000,
}, async () => {
  await run('invoke', 'Echo', '{"n":500}');
  const argv = ['logs', 'Echo', 'Other', '-f', '--stack-name', 'app', '--endpoint-url', node.endpoint];
  await using program = new Program(root, argv, { NO_COLOR: '1' });
  await program.until('out', /logged 500\n/);
  for (let n = 501; n < 520; n++) await run('invoke', n % 2 ? 'Other' : 'Echo', JSON.stringify({ n }));
  await program.until('out', /logged 519\n/);
  program.signal('SIGINT');
  assert.equal(await program.exit(), 0, program.err);
  const seen = [...program.out.matchAll(/^\S+Z (\S+) +[0-9a-f]{8} INFO {2}logged (5\d\d)$/gm)].map((m) => Number(m[2]));
  assert.deepEqual(
    seen,
    Array.from({ length: 20 }, (_, index) => 500 + index),
  );
});

test('following a stack shows functions that come to it', { timeout: 30_000 }, async () => {
  const argv = ['logs', '-f', '--stack-name', 'app', '--endpoint-url', node.endpoint];
  await using program = new Program(root, argv);
  await program.until('out', /REPORT/);
  const more = `${TEMPLATE}  New: { Type: AWS::Serverless::Function, Properties: { Handler: echo.handler } }\n`;
  await writeFile(join(app, 'template.yaml'), more);
  assert.equal((await run('deploy', app)).code, 0);
  await run('invoke', 'New', '{"n":901}');
  await program.until('out', /app-New-\S+ +[0-9a-f]{8} INFO {2}logged 901\n/);
  program.signal('SIGINT');
  assert.equal(await program.exit(), 0, program.err);
});

test('a streamed response is written as its bytes come; one that breaks off exits 1', async () => {
  const ends = [
    {},
    { ErrorCode: 'Unhandled', ErrorDetails: '{"errorType":"Error","errorMessage":"half way","trace":[]}' },
  ];
  const server = createServer((request, response) => {
    assert.match(request.url!, /^\/2021-11-15\/functions\/streams\/response-streaming-invocations$/);
    response.setHeader('content-type', 'application/vnd.amazon.eventstream');
    for (const text of ['one ', 'two']) response.write(encodeEvent({ ':event-type': 'PayloadChunk' }, text));
    response.end(encodeEvent({ ':event-type': 'InvokeComplete' }, JSON.stringify(ends.shift())));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const whole = await run('invoke', 'streams', '--stream', '--endpoint-url', endpoint);
  assert.deepEqual([whole.code, whole.out], [0, 'one two'], whole.err);
  const broken = await run('invoke', 'streams', '--stream', '--endpoint-url', endpoint);
  assert.deepEqual([broken.code, broken.out], [1, 'one two']);
  assert.match(broken.err, /^Error: half way\nstreams failed \(Unhandled\): /);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

test('where no stack is named as the folder is, the only stack of the node counts; of several one must be named', async () => {
  const inRoot = (...argv: string[]) => new Program(root, [...argv, '--endpoint-url', node.endpoint], {});
  await using only = inRoot('invoke', 'Echo', '{"n":5}');
  assert.deepEqual([await only.exit(), only.out], [0, '{"n":5}\n'], only.err);
  await using all = inRoot('logs');
  assert.equal(await all.exit(), 0, all.err);
  const other = join(root, 'other');
  await mkdir(other);
  await writeFile(join(other, 'template.yaml'), 'Resources: { Queue: { Type: AWS::SQS::Queue } }\n');
  assert.equal((await run('deploy', other)).code, 0);
  for (const argv of [['invoke', 'Echo'], ['logs']]) {
    await using several = inRoot(...argv);
    assert.equal(await several.exit(), 1);
    assert.match(
      several.err,
      /stack millrace-functions-\w+, which is not there: --stack-name may be (app, other|other, app)\n$/,
    );
  }
});
