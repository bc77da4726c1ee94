import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { run } from '../wire/support.ts';
import { type Answer, type House, openHouse, ROOT } from './browsers.ts';

const owned = new AsyncDisposableStack();
const Bucket = 'forms';
let house: House;

before(async () => {
  house = owned.use(await openHouse('secured'));
  await house.client.createBucket({ Bucket });
});

after(() => owned.disposeAsync());

interface Presigned {
  readonly url: string;
  readonly fields: Record<string, string>;
}

/** What boto3's generate_presigned_post gives for these arguments (Python's). */
async function presigned(words: string, version = 's3v4', seconds = 300): Promise<Presigned> {
  const script = `
import boto3, json
from botocore.config import Config
s3 = boto3.client('s3', endpoint_url='${house.node.endpoint}', region_name='eu-central-1',
  aws_access_key_id='${ROOT.accessKeyId}', aws_secret_access_key='${ROOT.secretAccessKey}',
  config=Config(signature_version='${version}', s3={'addressing_style': 'path'}))
print(json.dumps(s3.generate_presigned_post('${Bucket}', ${words}, ExpiresIn=${seconds})))`;
  const { code, stdout, stderr } = await run('/usr/bin/python3', ['-c', script], { PATH: process.env.PATH });
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as Presigned;
}

/** Sends a form as browsers do. */
function send(fields: Record<string, string>, file: string | Uint8Array, more: { name?: string; tail?: string } = {}) {
  const boundary = `----form${randomBytes(8).toString('hex')}`;
  const parts = Object.entries(fields).map(
    ([name, value]) => `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  const head = `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${more.name ?? 'a.txt'}"\r\nContent-Type: text/plain\r\n\r\n`;
  const body = Buffer.concat([
    Buffer.from(parts.join('') + head),
    Buffer.from(file as string),
    Buffer.from(more.tail ?? `\r\n--${boundary}--\r\n`),
  ]);
  const headers = { 'content-type': `multipart/form-data; boundary=${boundary}` };
  return house.ask(`/${Bucket}`, { method: 'POST', headers, body });
}

const read = async (Key: string) => {
  const { Body, ...rest } = await house.client.getObject({ Bucket, Key });
  return { ...rest, text: await Body!.transformToString() };
};

const told = ({ status, body }: Answer) => [
  status,
  /<Code>(.*?)<\/Code>/.exec(body)?.[1],
  /<Message>(.*?)<\/Message>/.exec(body)?.[1],
];

test('forms that boto3 has signed put their file, by Version 4 and 2', async () => {
  for (const version of ['s3v4', 's3']) {
    const { fields } = await presigned(
      `'up/\${filename}', Fields={'acl': 'private', 'x-amz-meta-by': version, 'Content-Type': 'text/x-note', 'success_action_status': '201'}, Conditions=[{'acl': 'private'}, {'x-amz-meta-by': version}, ['starts-with', '$Content-Type', 'text/'], ['eq', '$success_action_status', '201'], ['content-length-range', 1, 100]]`.replaceAll(
        'version',
        `'${version}'`,
      ),
      version,
    );
    const answer = await send(fields, 'hello\r\n--not the boundary', { name: `C:\\folder\\größe ${version}.txt` });
    assert.equal(answer.status, 201, answer.body);
    const key = `up/größe ${version}.txt`;
    assert.ok(answer.body.includes(`<Key>${key}</Key>`), answer.body);
    const object = await read(key);
    assert.equal(object.text, 'hello\r\n--not the boundary');
    assert.deepEqual([object.ContentType, object.Metadata], ['text/x-note', { by: version }]);
  }
});

test('names of files are taken as they are', async () => {
  const { fields } = await presigned(`'named/\${filename}'`);
  const name = "a$&b$'c$$.txt";
  assert.equal((await send(fields, 'x', { name })).status, 204);
  assert.equal((await read(`named/${name}`)).text, 'x');
});

test('the type of a file is that which the signed policy lets through, not what the file says', async () => {
  const { fields } = await presigned(`'typed'`);
  assert.equal((await send(fields, '<script>')).status, 204);
  assert.equal((await read('typed')).ContentType, 'binary/octet-stream');
});

test('metadata that no header can have the name of is refused', async () => {
  const { fields } = await presigned(`'odd', Fields={'x-amz-meta-a b': 'c'}, Conditions=[{'x-amz-meta-a b': 'c'}]`);
  assert.deepEqual(told(await send(fields, 'x')).slice(0, 2), [400, 'InvalidArgument']);
  await assert.rejects(read('odd'), { name: 'NoSuchKey' });
});

test('a page is led on with what was put', async () => {
  const { fields } = await presigned(
    `'a b', Fields={'success_action_redirect': 'https://app.example/done?x=1'}, Conditions=[['starts-with', '$success_action_redirect', '']]`,
  );
  const { status, headers } = await send(fields, 'hello');
  assert.equal(status, 303);
  assert.equal(
    headers.location,
    'https://app.example/done?x=1&bucket=forms&key=a+b&etag=%225d41402abc4b2a76b9719d911017c592%22',
  );
  const script = await presigned(
    `'b', Fields={'success_action_redirect': 'javascript:alert(1)'}, Conditions=[['starts-with', '$success_action_redirect', '']]`,
  );
  assert.equal((await send(script.fields, 'x')).status, 204);
});

test('what the policy does not let through is refused, and nothing is put', async () => {
  const { fields } = await presigned(`'fixed', Conditions=[['content-length-range', 5, 10]]`);
  const { fields: late } = await presigned(`'fixed'`, 's3v4', -10);
  const denied = 'AccessDenied';
  const extra = (more: Record<string, string>) => ({ ...fields, ...more });
  const cases: [Record<string, string>, string, (number | string | undefined)[]][] = [
    [fields, 'abcdefghijk', [400, 'EntityTooLarge', 'Your proposed upload exceeds the maximum allowed size']],
    [fields, 'abcd', [400, 'EntityTooSmall', 'Your proposed upload is smaller than the minimum allowed size']],
    [late, 'abcdef', [403, denied, 'Invalid according to Policy: Policy expired.']],
    [
      extra({ key: 'other' }),
      'abcdef',
      [
        403,
        denied,
        'Invalid according to Policy: Policy Condition failed: [&quot;eq&quot;,&quot;$key&quot;,&quot;fixed&quot;]',
      ],
    ],
    [extra({ acl: 'public-read' }), 'abcdef', [403, denied, 'Invalid according to Policy: Extra input fields: acl']],
    [
      extra({ policy: Buffer.from('{"expiration":"2100-01-01T00:00:00Z","conditions":[]}').toString('base64') }),
      'abcdef',
      [
        403,
        'SignatureDoesNotMatch',
        'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
      ],
    ],
    [
      extra({ 'x-amz-credential': fields['x-amz-credential']!.replace(/^[^/]+/, 'AKIANOBODY') }),
      'abcdef',
      [403, 'InvalidAccessKeyId', 'The AWS Access Key Id you provided does not exist in our records.'],
    ],
  ];
  for (const [form, file, expected] of cases) assert.deepEqual(told(await send(form, file)), expected);
  const [status, code, message] = told(await send({ key: 'fixed' }, 'abcdef'));
  assert.deepEqual([status, code], [403, denied]);
  assert.match(String(message), /s3:PutObject/);
  await assert.rejects(read('fixed'), { name: 'NoSuchKey' });
  assert.equal((await send(fields, 'abcdef')).status, 204);
  assert.equal((await read('fixed')).text, 'abcdef');
});

test('forms that are none, end early or are too large are refused, and nothing is put', async () => {
  const { fields } = await presigned(`'cut'`);
  const cut = await send(fields, 'abcdef', { tail: '' });
  assert.deepEqual(told(cut).slice(0, 2), [400, 'MalformedPOSTRequest']);
  await assert.rejects(read('cut'), { name: 'NoSuchKey' });
  const large = await send({ ...fields, 'x-ignore-me': 'x'.repeat(30_000) }, 'abcdef');
  assert.deepEqual(told(large).slice(0, 2), [400, 'MaxPostPreDataLengthExceeded']);
  const post = (body: string, boundary = 'b') =>
    house.ask(`/${Bucket}`, {
      method: 'POST',
      headers: { 'content-type': `multipart/form-data${boundary && `; boundary=${boundary}`}` },
      body,
    });
  assert.deepEqual(told(await post('--b--\r\n')).slice(0, 2), [400, 'InvalidArgument']);
  assert.deepEqual(told(await post('nonsense')).slice(0, 2), [400, 'MalformedPOSTRequest']);
  assert.deepEqual(told(await post('x', '')).slice(0, 2), [400, 'MalformedPOSTRequest']);
  const nowhere = await house.ask('/no-such-bucket', {
    method: 'POST',
    headers: { 'content-type': 'multipart/form-data; boundary=b' },
    body: '--b--\r\n',
  });
  assert.deepEqual(told(nowhere).slice(0, 2), [404, 'NoSuchBucket']);
});

test('a file of many chunks arrives as it was, with pieces of the boundary in it', async () => {
  const { fields } = await presigned(`'large'`);
  const file = Buffer.concat([randomBytes(3_000_000), Buffer.from('\r\n------form\r\n--'), randomBytes(1_000_000)]);
  assert.equal((await send(fields, file)).status, 204);
  const { Body } = await house.client.getObject({ Bucket, Key: 'large' });
  assert.ok(file.equals(Buffer.from(await Body!.transformToByteArray())));
});
