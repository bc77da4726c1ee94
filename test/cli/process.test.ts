import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { Program } from './program.ts';

let root: string;

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'millrace-process-'));
});
after(() => rm(root, { recursive: true }));

const READY = /^ready (http:\/\/127\.0\.0\.1:\d+)\n/;

test('dev prints the ready line only, deploys the application, gives changed functions new code, drains on SIGTERM', {
  timeout: 30_000,
}, async () => {
  const app = join(root, 'app');
  const template = (timeout: number) => `
Transform: AWS::Serverless-2016-10-31
Resources:
  Answer:
    Type: AWS::Serverless::Function
    Properties: { Runtime: nodejs24.x, CodeUri: ., Handler: answer.handler, Timeout: ${timeout} }
`;
  await mkdir(app);
  await writeFile(join(app, 'template.yaml'), template(3));
  await writeFile(join(app, 'answer.ts'), 'export const handler = async (): Promise<number> => 1;\n');
  await using program = new Program(root, ['dev', 'app', '--http-port', '0', '--mqtt-port', '0']);
  const [, endpoint] = await program.until('out', READY);
  assert.equal((await fetch(`${endpoint}/_millrace/health`)).status, 200);
  await program.until('err', /deployed app \(\d+ ms\)\n/);

  await writeFile(join(app, 'answer.ts'), 'export const handler = async (): Promise<number> => 42;\n');
  await program.until('err', /swapped Answer in \d+ ms\n/);
  await using call = new Program(root, ['invoke', 'Answer', '--stack-name', 'app', '--endpoint-url', endpoint!]);
  assert.deepEqual([await call.exit(), call.out], [0, '42\n'], call.err);

  await writeFile(join(app, 'template.yaml'), template(4));
  await program.until('err', /UPDATE_COMPLETE +Answer[\s\S]*deployed app/);
  await writeFile(join(app, 'template.yaml'), 'Resources: [');
  await program.until('err', /not deployed: .*YAML not well-formed/);
  program.signal('SIGTERM');
  assert.equal(await program.exit(), 0);
  assert.match(program.out, /^ready \S+\n$/);
});

test('start needs root keys, and says how to give them', { timeout: 30_000 }, async () => {
  await writeFile(join(root, 'millrace.yaml'), 'listen: { httpPort: 0, mqttPort: 0 }\n');
  await using program = new Program(root, ['start'], { MILLRACE_ROOT_ACCESS_KEY_ID: '' });
  assert.equal(await program.exit(), 2);
  assert.match(program.err, /root\.accessKeyId is missing: set it in the file or as MILLRACE_ROOT_ACCESS_KEY_ID/);
});

test('a node started for production refuses whom it does not know, and drains on SIGINT', {
  timeout: 30_000,
}, async () => {
  await writeFile(join(root, 'millrace.yaml'), 'listen: { httpPort: 0, mqttPort: 0 }\n');
  await using program = new Program(root, ['start'], {
    MILLRACE_ROOT_ACCESS_KEY_ID: 'AKIA000000000000',
    MILLRACE_ROOT_SECRET_ACCESS_KEY: 's'.repeat(40),
  });
  const [, endpoint] = await program.until('out', READY);
  const stranger = new Program(root, ['remove', '--endpoint-url', endpoint!, '--stack-name', 'x'], {
    AWS_ACCESS_KEY_ID: 'AKIAnobody',
    AWS_SECRET_ACCESS_KEY: 'nothing',
  });
  assert.equal(await stranger.exit(), 1, stranger.err);
  const owner = new Program(root, ['remove', '--endpoint-url', endpoint!, '--stack-name', 'x'], {
    AWS_ACCESS_KEY_ID: 'AKIA000000000000',
    AWS_SECRET_ACCESS_KEY: 's'.repeat(40),
  });
  assert.equal(await owner.exit(), 0, owner.err);
  program.signal('SIGINT');
  assert.equal(await program.exit(), 0);
});

test('a reader that has read enough ends a command without a word', async () => {
  const bin = join(import.meta.dirname, '../../bin/millrace.js');
  const line = `${process.execPath} ${bin} help | true; echo "\${PIPESTATUS[0]}"`;
  const { stdout, stderr } = await promisify(execFile)('bash', ['-c', line], { timeout: 20_000 });
  assert.deepEqual([stdout, stderr], ['0\n', '']);
});
