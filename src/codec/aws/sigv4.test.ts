import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { SignatureV4 } from '@smithy/signature-v4';
import fc from 'fast-check';
import { ChunkedDecoder } from './chunked.ts';
import type { RequestParts } from './protocol.ts';
import { parseClaim, SignatureFailure, SignatureVerifier, UNSIGNED_PAYLOAD } from './sigv4.ts';

const SECRET = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';
const S3_SECRET = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
const EMPTY = sha256('');

function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

function request(method: string, url: string, headers: Record<string, string>): RequestParts {
  const [path, query = ''] = url.split('?') as [string, string?];
  return { method, path, query, headers, body: new Uint8Array(0) };
}

function verify(parts: RequestParts, secret: string, payload: string, now: number): void {
  new SignatureVerifier().verify(parseClaim(parts)!, parts, secret, payload, now);
}

const SUITE_TIME = Date.UTC(2015, 7, 30, 12, 36);

/** AWS's own vectors (aws-sig-v4-test-suite). */
const SUITE: readonly (readonly [name: string, method: string, url: string, signature: string])[] = [
  ['get-vanilla', 'GET', '/', '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
  ['post-vanilla', 'POST', '/', '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b'],
  [
    'get-vanilla-query-order-key-case',
    'GET',
    '/?Param2=value2&Param1=value1',
    'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
  ],
];

for (const [name, method, url, signature] of SUITE) {
  test(`the vector ${name} of AWS's suite is accepted, and one bit less is not`, () => {
    const authorization = (claimed: string) =>
      `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=${claimed}`;
    const headers = { host: 'example.amazonaws.com', 'x-amz-date': '20150830T123600Z' };
    verify(request(method, url, { ...headers, authorization: authorization(signature) }), SECRET, EMPTY, SUITE_TIME);
    const other = (signature[0] === '0' ? '1' : '0') + signature.slice(1);
    assert.throws(
      () =>
        verify(request(method, url, { ...headers, authorization: authorization(other) }), SECRET, EMPTY, SUITE_TIME),
      { problem: 'mismatch' },
    );
  });
}

const S3_TIME = Date.UTC(2013, 4, 24);

test("the S3 guide's signed GET is accepted", () => {
  const authorization =
    'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41';
  const headers = {
    host: 'examplebucket.s3.amazonaws.com',
    range: 'bytes=0-9',
    'x-amz-content-sha256': EMPTY,
    'x-amz-date': '20130524T000000Z',
    authorization,
  };
  verify(request('GET', '/test.txt', headers), S3_SECRET, EMPTY, S3_TIME);
});

const PRESIGNED =
  '/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404';

test("the S3 guide's presigned URL is accepted until it expires", () => {
  const parts = request('GET', PRESIGNED, { host: 'examplebucket.s3.amazonaws.com' });
  verify(parts, S3_SECRET, UNSIGNED_PAYLOAD, S3_TIME + 86_400_000);
  assert.throws(() => verify(parts, S3_SECRET, UNSIGNED_PAYLOAD, S3_TIME + 86_400_001), { problem: 'expired' });
});

test('a clock may be off by five minutes, either way, and not by more', () => {
  const authorization =
    'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31';
  const parts = request('GET', '/', { host: 'example.amazonaws.com', 'x-amz-date': '20150830T123600Z', authorization });
  for (const off of [-300_000, 300_000]) verify(parts, SECRET, EMPTY, SUITE_TIME + off);
  for (const off of [-300_001, 300_001]) {
    assert.throws(() => verify(parts, SECRET, EMPTY, SUITE_TIME + off), { problem: 'skewed' });
  }
});

test('an x-amz- header that is not signed is refused, as is a signature without the host', () => {
  const authorization = (names: string) =>
    `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=${names}, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31`;
  const headers = { host: 'example.amazonaws.com', 'x-amz-date': '20150830T123600Z' };
  const added = { ...headers, 'x-amz-target': 'Other.Operation', authorization: authorization('host;x-amz-date') };
  assert.throws(() => verify(request('GET', '/', added), SECRET, EMPTY, SUITE_TIME), { problem: 'unsigned-headers' });
  const hostless = { ...headers, authorization: authorization('x-amz-date') };
  assert.throws(() => verify(request('GET', '/', hostless), SECRET, EMPTY, SUITE_TIME), {
    problem: 'unsigned-headers',
  });
});

const segment = fc
  .string({ unit: 'grapheme', maxLength: 8 })
  .filter((text) => !/[/?#]/.test(text) && text !== '.' && text !== '..');
const pairs = fc.dictionary(fc.string({ minLength: 1, maxLength: 6 }), fc.string({ unit: 'grapheme', maxLength: 6 }), {
  maxKeys: 4,
});

for (const service of ['s3', 'lambda']) {
  test(`what @smithy/signature-v4 signs for ${service} is accepted, header and query, any path and query`, async () => {
    const signer = new SignatureV4({
      service,
      region: 'eu-central-1',
      credentials: { accessKeyId: 'AKID', secretAccessKey: SECRET },
      sha256: Hash as never,
      uriEscapePath: service !== 's3',
    });
    const signingDate = new Date(SUITE_TIME);
    await fc.assert(
      fc.asyncProperty(fc.array(segment, { maxLength: 4 }), pairs, async (segments, query) => {
        const path = `/${segments
          .filter((one) => one !== '')
          .map(encode)
          .join('/')}`;
        const plain = {
          method: 'GET',
          protocol: 'http:',
          hostname: 'localhost',
          path,
          query,
          headers: { host: 'localhost', 'x-amz-meta-a': ' b  c ' },
        };
        const signed: any = await signer.sign({ ...plain } as any, { signingDate });
        const lower = Object.fromEntries(
          Object.entries<string>(signed.headers).map(([name, value]) => [name.toLowerCase(), value]),
        );
        const parts = request('GET', urlOf(path, query), lower);
        verify(parts, SECRET, EMPTY, SUITE_TIME);
        const presigned: any = await signer.presign({ ...plain, headers: { host: 'localhost' } } as any, {
          signingDate,
          expiresIn: 60,
        });
        const presignedParts = request('GET', urlOf(path, presigned.query), {
          host: 'localhost',
        });
        verify(presignedParts, SECRET, EMPTY, SUITE_TIME);
      }),
      { numRuns: 100 },
    );
  });
}

/** SHA-256 as @smithy/signature-v4 wants it. */
class Hash {
  readonly #hash;
  constructor(key?: Uint8Array | string) {
    this.#hash = key === undefined ? createHash('sha256') : createHmacOf(key);
  }
  update(data: Uint8Array | string): void {
    this.#hash.update(data);
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }
}

function createHmacOf(key: Uint8Array | string) {
  return process.getBuiltinModule('node:crypto').createHmac('sha256', key);
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

function urlOf(path: string, query: Record<string, string>): string {
  const text = Object.entries(query).map(([name, value]) => `${encode(name)}=${encode(value)}`);
  return text.length > 0 ? `${path}?${text.join('&')}` : path;
}

test('a host beside the signed authority of HTTP/2 must be the same one', () => {
  const authorization = `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=:authority;x-amz-date, Signature=${'0'.repeat(64)}`;
  const common = { 'x-amz-date': '20150830T123600Z', authorization, ':authority': 'signed.example.com' };
  const withHost = (host: string) => request('GET', '/', { ...common, host });
  assert.throws(() => verify(withHost('other.example.com'), SECRET, EMPTY, SUITE_TIME), {
    problem: 'unsigned-headers',
  });
  // It gets as far as the signature, which is none.
  assert.throws(() => verify(withHost('signed.example.com'), SECRET, EMPTY, SUITE_TIME), { problem: 'mismatch' });
});

test('no header makes the parser throw anything but its own failure', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (tail, date) => {
      try {
        parseClaim(request('GET', '/', { authorization: `AWS4-HMAC-SHA256 ${tail}`, 'x-amz-date': date }));
      } catch (error) {
        assert.ok(error instanceof SignatureFailure, String(error));
      }
    }),
  );
});

// The S3 guide's example of a body in signed chunks.
const CHUNK_HEADERS = {
  host: 's3.amazonaws.com',
  'x-amz-date': '20130524T000000Z',
  'x-amz-storage-class': 'REDUCED_REDUNDANCY',
  'content-encoding': 'aws-chunked',
  'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
  'x-amz-decoded-content-length': '66560',
  'content-length': '66824',
};
const SEED = '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9';
const CHUNKS = [
  [65_536, 'ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648'],
  [1024, '0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497'],
  [0, 'b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9'],
] as const;

function chunkedBody(): Buffer {
  return Buffer.from(
    CHUNKS.map(
      ([size, signature]) => `${size.toString(16)};chunk-signature=${signature}\r\n${'a'.repeat(size)}\r\n`,
    ).join(''),
  );
}

function chunkSigner() {
  const names =
    'content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class';
  const authorization = `AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=${names},Signature=${SEED}`;
  const parts = request('PUT', '/examplebucket/chunkObject.txt', { ...CHUNK_HEADERS, authorization });
  const verifier = new SignatureVerifier();
  const claim = parseClaim(parts)!;
  verifier.verify(claim, parts, S3_SECRET, claim.payload!, S3_TIME);
  return {
    key: verifier.signingKey(claim, S3_SECRET),
    time: claim.time,
    scope: '20130524/us-east-1/s3/aws4_request',
    seed: SEED,
  };
}

function decode(pieces: readonly Uint8Array[], decoder = new ChunkedDecoder(chunkSigner())): Buffer {
  const data = pieces.flatMap((piece) => decoder.push(piece));
  decoder.end();
  return Buffer.concat(data);
}

test("the S3 guide's chunked upload is accepted in whatever pieces it arrives", () => {
  const body = chunkedBody();
  assert.equal(decode([body]).length, 66_560);
  const cuts = [1, 2, 5, 80, 85, 86, 87, 88, 65_622, 65_623, 65_624, body.length - 1];
  for (const cut of cuts)
    assert.equal(decode([body.subarray(0, cut), body.subarray(cut)]).length, 66_560, `cut at ${cut}`);
});

test('a chunked upload that ends early, or has a byte changed, is refused', () => {
  const body = chunkedBody();
  for (const end of [0, 1, 86, 87, 65_623, body.length - 3, body.length - 87]) {
    assert.throws(() => decode([body.subarray(0, end)]), { name: 'SignatureFailure' }, `ends at ${end}`);
  }
  for (const at of [0, 20, 100, 65_700, body.length - 10]) {
    const changed = Buffer.from(body);
    changed[at] = changed[at]! ^ 1;
    assert.throws(() => decode([changed]), { name: 'SignatureFailure' }, `changed at ${at}`);
  }
});

test('unsigned chunks with a trailer, cut at every byte', () => {
  const body = Buffer.from('5\r\nhello\r\n6\r\n world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n');
  for (let cut = 0; cut <= body.length; cut++) {
    const decoder = new ChunkedDecoder();
    assert.equal(decode([body.subarray(0, cut), body.subarray(cut)], decoder).toString(), 'hello world');
    assert.equal(decoder.trailers.get('x-amz-checksum-crc32'), 'DUoRhQ==');
  }
  for (let end = 0; end < body.indexOf('0\r\nx-amz') + 3; end++) {
    assert.throws(() => decode([body.subarray(0, end)], new ChunkedDecoder()), { name: 'SignatureFailure' });
  }
});

test('no bytes make the chunk decoder throw anything but its own failure', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 64 })), (pieces) => {
      try {
        decode(pieces, new ChunkedDecoder());
      } catch (error) {
        assert.ok(error instanceof SignatureFailure, String(error));
      }
    }),
  );
});

test('a WebSocket URL of AWS IoT has its session token appended after signing; elsewhere it is part of what is signed', async () => {
  const presign = async (service: string) => {
    const credentials = { accessKeyId: 'AKID', secretAccessKey: SECRET };
    const signer = new SignatureV4({ service, region: 'eu-central-1', credentials, sha256: Hash as never });
    const plain = { method: 'GET', protocol: 'wss:', hostname: 'h', path: '/mqtt', query: {}, headers: { host: 'h' } };
    const signed: any = await signer.presign(plain as any, { signingDate: new Date(SUITE_TIME), expiresIn: 60 });
    return request('GET', `${urlOf('/mqtt', signed.query)}&X-Amz-Security-Token=to%2Fken`, { host: 'h' });
  };
  const iot = await presign('iotdevicegateway');
  assert.equal(parseClaim(iot)?.sessionToken, 'to/ken');
  verify(iot, SECRET, EMPTY, SUITE_TIME);
  const other = await presign('lambda');
  assert.throws(() => verify(other, SECRET, EMPTY, SUITE_TIME), { problem: 'mismatch' });
});

test('a WebSocket URL of AWS IoT may have no time to live: then it lives as long as a signed header', () => {
  const query = (service: string) =>
    `X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%2F20150830%2Fr%2F${service}%2Faws4_request` +
    `&X-Amz-Date=20150830T123600Z&X-Amz-SignedHeaders=host&X-Amz-Signature=${'0'.repeat(64)}`;
  const parts = request('GET', `/mqtt?${query('iotdevicegateway')}`, { host: 'h' });
  assert.equal(parseClaim(parts)?.expiresSeconds, undefined);
  const late = SUITE_TIME + 6 * 60_000;
  assert.throws(() => verify(parts, SECRET, EMPTY, late), { problem: 'skewed' });
  assert.throws(() => parseClaim(request('GET', `/x?${query('s3')}`, { host: 'h' })), { problem: 'incomplete' });
});

test('a signature over headers that were not sent, whatever their names, does not match', () => {
  for (const name of ['constructor', '__proto__', 'toString', 'x-absent']) {
    const authorization = `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date;${name}, Signature=${'0'.repeat(64)}`;
    const headers = { host: 'example.amazonaws.com', 'x-amz-date': '20150830T123600Z', authorization };
    assert.throws(() => verify(request('GET', '/', headers), SECRET, EMPTY, SUITE_TIME), { problem: 'mismatch' });
  }
});
