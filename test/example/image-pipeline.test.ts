/** The example as a user runs it: by its one command, which stays until it is told to go. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { Lambda } from '@aws-sdk/client-lambda';
import { S3 } from '@aws-sdk/client-s3';
import { call } from '../http-apis/support.ts';

const EXAMPLE = new URL('../../examples/image-pipeline', import.meta.url).pathname;

let demo: ChildProcess;
let exited: Promise<unknown>;
/** What it has printed. */
const lines: string[] = [];
let api: string;
let endpoint: string;

before(async () => {
  demo = spawn(process.execPath, [`${EXAMPLE}/demo.ts`, '--keep'], { stdio: ['ignore', 'pipe', 'inherit'] });
  exited = once(demo, 'exit');
  for await (const line of createInterface({ input: demo.stdout! })) {
    lines.push(line);
    if (line.includes('stays until Ctrl-C')) break;
  }
  api = found(/^all of them: +open (\S+)\/$/);
  endpoint = found(/^the console: +open (\S+)\/_millrace\/console$/);
});

after(async () => {
  demo?.kill('SIGINT');
  await exited;
});

function found(pattern: RegExp): string {
  const [, text] = lines.map((line) => pattern.exec(line)).find((match) => match !== null) ?? [];
  assert.ok(text, `no ${pattern} in what it printed:\n${lines.join('\n')}`);
  return text;
}

const options = () => ({ endpoint, region: 'us-east-1', credentials: { accessKeyId: 'a', secretAccessKey: 's' } });

test('one command shows every picture with its size and its thumbnail', () => {
  const rows = lines.filter((line) => /^week \d{4}-\d\d-\d\d /.test(line));
  assert.equal(rows.length, 12);
  for (const row of rows) assert.match(row, / \d+ x 1000 +\d+\.\d kB +image\/jpeg +\d+\.\d kB$/);
  assert.match(rows[0]!, / 800 x 1000 /, 'one that was held upright');
  found(/^torn +(not-a-picture)$/);
});

test('the API answers what is known of a picture, its thumbnail as bytes, and 404 for others', async () => {
  const { status, headers, json } = await call(api, '/images/week%202013-12-09');
  assert.equal(status, 200);
  assert.equal(headers['content-type'], 'application/json');
  const { thumbnailPath, camera, width, height, colour } = json();
  assert.deepEqual([width, height, camera.Model], [1600, 1000, 'Probe 7']);
  assert.match(colour, /^#[0-9a-f]{6}$/);
  const thumbnail = await call(api, `/${thumbnailPath}`);
  assert.equal(thumbnail.headers['content-type'], 'image/jpeg');
  const opened = 'import sys, io; from PIL import Image; print(Image.open(io.BytesIO(sys.stdin.buffer.read())).size)';
  const size = execFileSync('/usr/bin/python3', ['-c', opened], { input: thumbnail.bytes, encoding: 'utf8' });
  assert.equal(size, '(320, 200)\n');
  const again = await call(api, `/${thumbnailPath}`, { headers: { 'if-none-match': thumbnail.headers.etag! } });
  assert.deepEqual([again.status, again.body], [304, '']);
  const missing = await call(api, '/images/other');
  assert.deepEqual([missing.status, missing.json()], [404, { message: 'no picture other' }]);
  assert.match((await call(api, '/')).body, /<figure><img src="images\/week%202013-12-02\/thumbnail"/);
});

test('functions have the concurrency that serverless.yml says, and no rights beyond their roles', async () => {
  const lambda = new Lambda(options());
  const { ReservedConcurrentExecutions } = await lambda.getFunctionConcurrency({
    FunctionName: 'image-pipeline-dev-thumbnail',
  });
  assert.equal(ReservedConcurrentExecutions, 4);
  const { Versions = [] } = await lambda.listVersionsByFunction({ FunctionName: 'image-pipeline-dev-api' });
  const { Status } = await lambda.getProvisionedConcurrencyConfig({
    FunctionName: 'image-pipeline-dev-api',
    Qualifier: 'provisioned',
  });
  assert.equal(Status, 'READY');
  assert.ok(Versions.length > 1);
  // A notification of another bucket's object: the function is asked to read what its role does not let it.
  await new S3(options()).putObject({ Bucket: 'image-pipeline-dev-thumbnails', Key: 'secret.jpg', Body: 'x' });
  const object = { key: 'secret.jpg', size: 1, eTag: 'e', sequencer: '00' };
  const record = {
    eventTime: '2026-01-01T00:00:00Z',
    s3: { bucket: { name: 'image-pipeline-dev-thumbnails' }, object },
  };
  const { FunctionError, Payload } = await lambda.invoke({
    FunctionName: 'image-pipeline-dev-thumbnail',
    Payload: Buffer.from(JSON.stringify({ Records: [record] })),
  });
  assert.equal(FunctionError, 'Unhandled');
  assert.match(Buffer.from(Payload!).toString(), /AccessDenied/);
});
