import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { type OutgoingHttpHeaders, request } from 'node:http';
import { test } from 'node:test';
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  RestoreObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { SignatureV4 } from '@smithy/signature-v4';
import { systemClock } from '../../src/base/index.ts';
import { clientEnvironment, clientOptions, KEY, run, type TestWire } from '../wire/support.ts';
import { BUCKET, put, read, withBucket, withS3 } from './support.ts';

interface RawRequest {
  readonly method: string;
  readonly path: string;
  readonly query?: string;
  /** `x-amz-content-sha256`: how the body proves itself. */
  readonly payload?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Written one after the other; the last may be left out by `cutShort`. */
  readonly body?: string | Uint8Array;
  readonly signedAt?: number;
}

interface RawAnswer {
  readonly status: number;
  readonly text: string;
  readonly code: string | undefined;
}

const hex = (text: string) => createHash('sha256').update(text).digest('hex');
const mac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();

/** A request as no client of AWS would send it, signed well. */
function send(wire: TestWire, { method, path, query = '', payload, headers = {}, body = '', signedAt }: RawRequest) {
  const at = `${new Date(signedAt ?? Date.now()).toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;
  const sums = { 'x-amz-content-sha256': payload ?? 'UNSIGNED-PAYLOAD', 'x-amz-date': at };
  const all: Record<string, string> = { host: `127.0.0.1:${wire.port}`, ...headers, ...sums };
  const names = Object.keys(all)
    .filter((name) => name === 'host' || name.startsWith('x-amz-'))
    .sort();
  const lines = names.map((name) => `${name}:${all[name]}\n`).join('');
  const canonical = `${method}\n${path}\n${query}\n${lines}\n${names.join(';')}\n${sums['x-amz-content-sha256']}`;
  const scope = `${at.slice(0, 8)}/us-east-1/s3/aws4_request`;
  const key = scope.split('/').reduce<string | Buffer>(mac, `AWS4${KEY.secretAccessKey}`) as Buffer;
  const signature = mac(key, `AWS4-HMAC-SHA256\n${at}\n${scope}\n${hex(canonical)}`).toString('hex');
  all.authorization = `AWS4-HMAC-SHA256 Credential=${KEY.accessKeyId}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
  return raw(wire, method, query === '' ? path : `${path}?${query}`, all, body);
}

function raw(
  wire: TestWire,
  method: string,
  path: string,
  headers: OutgoingHttpHeaders,
  body: string | Uint8Array,
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: '127.0.0.1', port: wire.port, method, path, headers, agent: false },
      async (answer) => {
        let text = '';
        for await (const chunk of answer) text += chunk;
        resolve({ status: answer.statusCode!, text, code: /<Code>(.*)<\/Code>/.exec(text)?.[1] });
      },
    );
    sent.on('error', reject).end(body);
  });
}

const outcome = ({ status, code }: RawAnswer) => [status, code];

test('keys that would be paths are names: they meet no other key, and leave the folder for none', () =>
  withS3(async (wire, directory) => {
    const s3 = new S3Client({ ...clientOptions(wire), forcePathStyle: true });
    await s3.send(new CreateBucketCommand(BUCKET));
    const keys = [
      ...['../outside', '..', '.', './a', 'a', 'a/', 'a//', '/a', 'a/../b', 'b', '\\..\\c', 'C:\\d', 'nul\u0001l'],
      // Two ways to write one letter are two keys, as on S3.
      ...['é', 'e\u0301', 'İ', 'ß', 'SS', '\u{1F600}', '%2e%2e%2f', '+', ' ', 'a+b c', '?x=1', '#f', 'ー'.repeat(341)],
    ];
    for (const [index, key] of keys.entries()) await put(s3, key, `${index}`);
    for (const [index, key] of keys.entries()) assert.equal((await read(s3, key)).text, `${index}`, key);
    const { Contents } = await s3.send(new ListObjectsV2Command({ ...BUCKET, EncodingType: 'url' }));
    const listed = Contents!.map(({ Key }) => decodeURIComponent(Key!));
    const byBytes = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    assert.deepEqual(listed, byBytes);
    s3.destroy();
    assert.deepEqual((await readdir(directory)).sort(), ['objects', 'records']);
  }));

test('XML that would grow, nest or name files is refused before anything is done', () =>
  withBucket(async (s3, wire) => {
    await put(s3, 'k', 'x');
    const post = (body: string) => send(wire, { method: 'POST', path: '/test-bucket', query: 'delete=', body });
    const entities = Array.from({ length: 9 }, (_, i) => `<!ENTITY l${i + 1} "${`&l${i};`.repeat(10)}">`).join('');
    const laughs = `<?xml version="1.0"?><!DOCTYPE d [<!ENTITY l0 "lol">${entities}]>`;
    const bombs = [
      `${laughs}<Delete><Object><Key>&l9;</Key></Object></Delete>`,
      '<!DOCTYPE d [<!ENTITY f SYSTEM "file:///etc/passwd">]><Delete><Object><Key>&f;</Key></Object></Delete>',
      `${'<Delete>'.repeat(10_000)}${'</Delete>'.repeat(10_000)}`,
      '<Delete><Object><Key>k</Key></Object>',
      'Delete',
    ];
    for (const bomb of bombs) assert.deepEqual(outcome(await post(bomb)), [400, 'MalformedXML']);
    const many = `<Delete>${'<Object><Key>k</Key></Object>'.repeat(1001)}</Delete>`;
    assert.deepEqual(outcome(await post(many)), [400, 'MalformedXML']);
    const long = `<Delete><Object><Key>${'k'.repeat(5 << 20)}</Key></Object></Delete>`;
    assert.deepEqual(outcome(await post(long)), [400, 'EntityTooLarge']);
    assert.equal((await read(s3, 'k')).text, 'x');
  }));

test('bodies that are not what they say leave what was there', () =>
  withBucket(async (s3, wire) => {
    await put(s3, 'k', 'before');
    const path = '/test-bucket/k';
    const streaming = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER';
    const chunked = (body: string, length: number, more: Record<string, string> = {}) =>
      send(wire, {
        method: 'PUT',
        path,
        payload: streaming,
        headers: { 'content-encoding': 'aws-chunked', 'x-amz-decoded-content-length': `${length}`, ...more },
        body,
      });
    const trailer = { 'x-amz-trailer': 'x-amz-checksum-crc32' };
    // CRC32 of "hello" is 0x3610a686.
    const good = '5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n';
    assert.deepEqual(outcome(await chunked(good, 5, trailer)), [200, undefined]);
    assert.equal((await read(s3, 'k')).text, 'hello');
    await put(s3, 'k', 'before');
    for (const [body, length, more, code] of [
      ['5\r\nhello\r\n0\r\n\r\n', 4, {}, 'IncompleteBody'],
      ['5\r\nhello\r\n0\r\n\r\n', 6, {}, 'IncompleteBody'],
      ['5\r\nhello', 5, {}, 'IncompleteBody'],
      ['ffffffffffff\r\nhello\r\n0\r\n\r\n', 5, {}, 'IncompleteBody'],
      ['-5\r\nhello\r\n0\r\n\r\n', 5, {}, 'IncompleteBody'],
      [`${'0'.repeat(10_000)}5\r\nhello\r\n0\r\n\r\n`, 5, {}, 'IncompleteBody'],
      ['5\r\nhello\r\n0\r\n\r\n', 5, trailer, 'MalformedTrailerError'],
      [good.replace('NhCmhg==', 'AAAAAA=='), 5, trailer, 'BadDigest'],
      [good.replace('NhCmhg==', 'NhCmhg'), 5, trailer, 'InvalidRequest'],
    ] as const) {
      assert.deepEqual(outcome(await chunked(body, length, more)), [400, code], JSON.stringify([body, length]));
    }
    const plain = (headers: Record<string, string>, body = 'hello', payload?: string) =>
      send(wire, { method: 'PUT', path, headers, body, ...(payload !== undefined && { payload }) });
    assert.deepEqual(outcome(await plain({}, 'hello', hex('other'))), [400, 'XAmzContentSHA256Mismatch']);
    assert.deepEqual(outcome(await plain({ 'content-md5': createHash('md5').update('x').digest('base64') })), [
      400,
      'BadDigest',
    ]);
    assert.deepEqual(outcome(await plain({ 'transfer-encoding': 'chunked' })), [411, 'MissingContentLength']);
    assert.deepEqual(outcome(await plain({ 'x-amz-meta-big': 'x'.repeat(2048) })), [400, 'MetadataTooLarge']);
    assert.equal((await read(s3, 'k')).text, 'before');
  }));

test('more than one put may have is refused at its head, and what a client breaks off leaves nothing', () =>
  withBucket(async (s3, wire) => {
    const path = '/test-bucket/k';
    const size = 5 * 1024 ** 3 + 1;
    // Nothing of the body is sent: the answer must not wait for it.
    const announced = new Promise<RawAnswer>((resolve, reject) => {
      send(wire, { method: 'PUT', path, headers: { 'content-length': `${size}` }, body: 'x' }).then(resolve, reject);
    });
    assert.deepEqual(outcome(await announced), [400, 'EntityTooLarge']);
    const link = await getSignedUrl(s3, new PutObjectCommand({ ...BUCKET, Key: 'k' }));
    const broken = new Promise<void>((resolve) => {
      const { pathname, search } = new URL(link);
      const headers = { 'content-length': '1000000' };
      const sent = request({ port: wire.port, method: 'PUT', path: pathname + search, headers });
      sent.on('error', () => resolve());
      sent.write(Buffer.alloc(500_000), () => sent.destroy());
      sent.on('close', resolve);
    });
    await broken;
    await assert.rejects(read(s3, 'k'), { name: 'NoSuchKey' });
  }));

test('signatures that are old, or of something else, open nothing', () =>
  withBucket(async (s3, wire) => {
    await put(s3, 'k', 'x');
    const get = (signedAt: number) => send(wire, { method: 'GET', path: '/test-bucket/k', signedAt });
    assert.deepEqual(outcome(await get(Date.now())), [200, undefined]);
    assert.deepEqual(outcome(await get(Date.now() - 20 * 60_000)), [403, 'RequestTimeTooSkewed']);
    assert.deepEqual(outcome(await get(Date.now() + 20 * 60_000)), [403, 'RequestTimeTooSkewed']);
    const link = await getSignedUrl(s3, new GetObjectCommand({ ...BUCKET, Key: 'k' }));
    for (const [other, options] of [
      [link.replace('/k?', '/other?'), {}],
      [link, { method: 'PUT', body: 'y' }],
      [link, { method: 'DELETE' }],
      [`${link}&versionId=null`, {}],
      [`${link}&response-content-type=text/html`, {}],
      [link.replace(/X-Amz-Expires=\d+/, 'X-Amz-Expires=604800'), {}],
    ] as const) {
      const answer = await fetch(other, options);
      assert.deepEqual(
        [answer.status, /<Code>(.*)<\/Code>/.exec(await answer.text())?.[1]],
        [403, 'SignatureDoesNotMatch'],
      );
    }
    assert.equal((await read(s3, 'k')).text, 'x');
  }));

test('a presigned link may be used again until it expires, and never after', () => {
  let ahead = 0;
  const clock = Object.create(systemClock, { now: { value: () => systemClock.now() + ahead } });
  return withBucket(
    async (s3) => {
      const upload = await getSignedUrl(s3, new PutObjectCommand({ ...BUCKET, Key: 'k' }), { expiresIn: 60 });
      const download = await getSignedUrl(s3, new GetObjectCommand({ ...BUCKET, Key: 'k' }), { expiresIn: 60 });
      for (const body of ['one', 'two']) assert.equal((await fetch(upload, { method: 'PUT', body })).status, 200);
      for (let time = 0; time < 2; time++) assert.equal(await (await fetch(download)).text(), 'two');
      ahead = 61_000;
      for (const answer of [await fetch(upload, { method: 'PUT', body: 'three' }), await fetch(download)]) {
        assert.equal(answer.status, 403);
        assert.match(await answer.text(), /<Code>AccessDenied<\/Code><Message>Request has expired<\/Message>/);
      }
      ahead = 0;
      assert.equal((await read(s3, 'k')).text, 'two');
    },
    { clock },
  );
});

test('what is not built is refused by its name', () =>
  withBucket(async (s3) => {
    await put(s3, 'k', 'x');
    await assert.rejects(s3.send(new RestoreObjectCommand({ ...BUCKET, Key: 'k' })), {
      name: 'NotImplemented',
      message: /RestoreObject is not implemented/,
    });
    for (const StorageClass of ['GLACIER', 'DEEP_ARCHIVE']) {
      await assert.rejects(put(s3, 'k', 'x', { StorageClass }), { name: 'NotImplemented' });
    }
    await assert.rejects(put(s3, 'k', 'x', { StorageClass: 'COLD' }), { name: 'InvalidStorageClass' });
    await put(s3, 'k', 'x', { StorageClass: 'STANDARD_IA' });
    assert.equal((await read(s3, 'k')).StorageClass, 'STANDARD_IA');
    await assert.rejects(read(s3, 'k', { ExpectedBucketOwner: '111111111111' }), { name: 'AccessDenied' });
  }));

test('a link that names the hash of its body takes no other body', () =>
  withBucket(async (_, wire) => {
    const signer = new SignatureV4({
      ...clientOptions(wire),
      service: 's3',
      sha256: Sha256 as never,
      uriEscapePath: false,
    });
    const tagging = (value: string) =>
      `<Tagging><TagSet><Tag><Key>k</Key><Value>${value}</Value></Tag></TagSet></Tagging>`;
    const { host, hostname, port } = new URL(wire.url);
    const hash = createHash('sha256').update(tagging('mine')).digest('hex');
    const headers = { host, 'x-amz-content-sha256': hash };
    const parts = { protocol: 'http:', hostname, port: Number(port), headers, path: `/${BUCKET.Bucket}` };
    const link = await signer.presign(
      { ...parts, method: 'PUT', query: { tagging: '' } },
      {
        expiresIn: 60,
        unhoistableHeaders: new Set(['x-amz-content-sha256']),
      },
    );
    const query = new URLSearchParams(link.query as Record<string, string>).toString();
    const send = (body: string) =>
      fetch(`${wire.url}${link.path}?${query}`, {
        ...{ method: 'PUT', body },
        headers: { 'x-amz-content-sha256': hash },
      });
    const refused = await send(tagging('other'));
    assert.deepEqual(
      [refused.status, /<Code>(.*)<\/Code>/.exec(await refused.text())?.[1]],
      [400, 'XAmzContentSHA256Mismatch'],
    );
    assert.equal((await send(tagging('mine'))).ok, true);
  }));

const PRESIGNED = `
import boto3, os, urllib.request, urllib.error
from botocore.config import Config
def client(version):
    return boto3.client('s3', endpoint_url=os.environ['ENDPOINT'], config=Config(signature_version=version))
plain = client('s3v4')
plain.create_bucket(Bucket='linked', CreateBucketConfiguration={'LocationConstraint': 'eu-central-1'})
def open_(url, method='GET', data=None, headers={}):
    try:
        return urllib.request.urlopen(urllib.request.Request(url, data=data, method=method, headers=headers)).read()
    except urllib.error.HTTPError as e:
        return e.code, e.read().decode()
for version in ('s3', 's3v4'):
    s3 = client(version)
    names = {'Bucket': 'linked', 'Key': f'{version}/\\u00fc +%.txt'}
    put = s3.generate_presigned_url('put_object', Params={**names, 'ContentType': 'text/x'}, ExpiresIn=60)
    assert ('AWSAccessKeyId=' in put) == (version == 's3'), put
    assert open_(put, 'PUT', b'linked', {'Content-Type': 'text/x'}) == b''
    assert open_(put, 'PUT', b'other', {'Content-Type': 'text/y'})[0] == 403
    get = s3.generate_presigned_url('get_object', Params={**names, 'ResponseContentType': 'text/html'}, ExpiresIn=60)
    assert open_(get) == b'linked'
    assert open_(get) == b'linked'
    refused = open_(get.replace('text%2Fhtml', 'text%2Fplain'))
    assert refused[0] == 403 and 'SignatureDoesNotMatch' in refused[1], refused
    # Whoever has the link does to the object what it was made for, and nothing else.
    for link, method in ((put, 'PUT'), (get, 'GET')):
        for other in ('retention', 'legal-hold', 'attributes', 'tagging', 'acl', 'versionId=null'):
            refused = open_(link + '&' + other, method, None if method == 'GET' else b'<x/>', {'Content-Type': 'text/x'} if method == 'PUT' else {})
            assert refused[0] == 403 and 'SignatureDoesNotMatch' in refused[1], (version, other, refused)
late = client('s3').generate_presigned_url('get_object', Params={'Bucket': 'linked', 'Key': 's3/x'}, ExpiresIn=-10)
code, text = open_(late)
assert code == 403 and 'AccessDenied' in text and 'Request has expired' in text, text
print('ok')
`;

import { Sha256 } from '../support/sha256.ts';

const PYTHON = '/usr/bin/python3';

test('boto3 makes links of both versions', { skip: existsSync(PYTHON) ? false : 'python3 is not installed' }, () =>
  withS3(async (wire) => {
    const { stdout, stderr } = await run(PYTHON, ['-c', PRESIGNED], clientEnvironment(wire));
    assert.equal(stdout, 'ok\n', stderr);
  }),
);
