import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { crc32c } from '@node-rs/crc32';
import fc from 'fast-check';
import * as mqtt from '../../src/codec/mqtt/index.ts';
import { PROXY_HEADER_BYTES_MAX, ProxyError, proxyHeaderBytes, readProxyHeader } from '../../src/codec/proxy/index.ts';
import { connect, openRig } from './harness.ts';
import { FakeAccess, openSecureRig } from './secure-rig.ts';

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');

function tlv(type: number, value: Buffer | string): Buffer {
  const bytes = Buffer.from(value as string);
  return Buffer.concat([Buffer.of(type, bytes.length >>> 8, bytes.length & 0xff), bytes]);
}

function header(command: number, family: number, rest: Buffer): Buffer {
  const length = Buffer.of(rest.length >>> 8, rest.length & 0xff);
  return Buffer.concat([SIGNATURE, Buffer.of(command, family), length, rest]);
}

const FROM_IPV4 = Buffer.from('c6336407' + 'c0000201' + 'd431' + '22b3', 'hex');

/** Written out byte by byte from the specification, section 2.2. */
const EXAMPLES: readonly (readonly [name: string, bytes: Buffer, expected: object])[] = [
  ['IPv4', header(0x21, 0x11, FROM_IPV4), { sourceAddress: '198.51.100.7', sourcePort: 54_321 }],
  [
    'IPv6',
    header(0x21, 0x21, Buffer.from(`20010db8${'00'.repeat(11)}01${'00'.repeat(16)}d43122b3`, 'hex')),
    { sourceAddress: '2001:db8::1', sourcePort: 54_321 },
  ],
  [
    'IPv4 in IPv6',
    header(0x21, 0x21, Buffer.from(`${'00'.repeat(10)}ffff0a000001${'00'.repeat(16)}d43122b3`, 'hex')),
    { sourceAddress: '10.0.0.1' },
  ],
  ['a health check of the proxy itself', header(0x20, 0x00, Buffer.alloc(0)), { sourceAddress: undefined }],
  ['a family without addresses', header(0x21, 0x00, Buffer.alloc(0)), { sourceAddress: undefined }],
  ['a UNIX socket', header(0x21, 0x31, Buffer.alloc(216)), { sourceAddress: undefined }],
  [
    'TLVs of an ended TLS',
    header(
      0x21,
      0x11,
      Buffer.concat([
        FROM_IPV4,
        tlv(0x01, 'mqtt'),
        tlv(0x02, 'iot.example'),
        tlv(0x20, Buffer.of(1, 0, 0, 0, 0)),
        tlv(0xea, 'vendor'),
      ]),
    ),
    { alpn: 'mqtt', authority: 'iot.example', isEncrypted: true, sourceAddress: '198.51.100.7' },
  ],
];

for (const [name, bytes, expected] of EXAMPLES) {
  test(`a PROXY header is read: ${name}`, () => {
    assert.equal(proxyHeaderBytes(bytes), bytes.length);
    const read = readProxyHeader(bytes);
    assert.deepEqual({ ...read, ...expected }, read);
  });

  test(`a PROXY header that is cut at any byte is waited for: ${name}`, () => {
    for (let length = 0; length < bytes.length; length++) {
      const needed = proxyHeaderBytes(bytes.subarray(0, length));
      assert.ok(needed === undefined || needed === bytes.length, `${length}`);
      assert.equal(needed === undefined, length < 16);
    }
  });
}

test('the checksum of a PROXY header is checked where there is one', () => {
  const bytes = header(0x21, 0x11, Buffer.concat([FROM_IPV4, tlv(0x03, Buffer.alloc(4))]));
  bytes.writeUInt32BE(crc32c(bytes), bytes.length - 4);
  assert.equal(readProxyHeader(bytes).sourceAddress, '198.51.100.7');
  bytes[17] = 1;
  assert.throws(() => readProxyHeader(bytes), /checksum/);
});

for (const [name, bytes] of [
  ['version 1', Buffer.from('PROXY TCP4 198.51.100.7 192.0.2.1 54321 8883\r\n')],
  ['MQTT', mqtt.encodePacket(connect(), 5)],
  ['a header longer than the limit', header(0x21, 0x11, Buffer.alloc(PROXY_HEADER_BYTES_MAX))],
  ['an unknown version', header(0x11, 0x11, FROM_IPV4)],
  ['an unknown command', header(0x22, 0x11, FROM_IPV4)],
  ['an unknown family', header(0x21, 0x41, FROM_IPV4)],
  ['addresses that are too short', header(0x21, 0x21, FROM_IPV4)],
  ['a TLV that is cut off', header(0x21, 0x11, Buffer.concat([FROM_IPV4, Buffer.of(1, 0)]))],
  ['a TLV that is too long', header(0x21, 0x11, Buffer.concat([FROM_IPV4, Buffer.of(1, 0, 9, 1)]))],
] as const) {
  test(`refused as a PROXY header: ${name}`, () => {
    assert.throws(() => {
      proxyHeaderBytes(bytes);
      readProxyHeader(bytes);
    }, ProxyError);
  });
}

test('whatever bytes come, a PROXY header is read or refused', () => {
  const mutated = fc
    .tuple(fc.constantFrom(...EXAMPLES), fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 6 }), fc.nat(400))
    .map(([[, bytes], changes, cut]) => {
      const copy = Buffer.from(bytes);
      for (const [at, value] of changes) if (at < copy.length) copy[at] = value;
      return copy.subarray(0, cut);
    });
  const any = fc.oneof(
    mutated,
    fc.uint8Array({ maxLength: 300 }).map((rest) => Buffer.concat([SIGNATURE, rest])),
  );
  fc.assert(
    fc.property(any, (bytes) => {
      try {
        const length = proxyHeaderBytes(bytes);
        if (length !== undefined && length <= bytes.length) readProxyHeader(bytes.subarray(0, length));
      } catch (error) {
        if (!(error instanceof ProxyError)) throw error;
      }
    }),
    { numRuns: 5_000, seed: 20 },
  );
});

const CONNECT = mqtt.encodePacket(connect({ clientId: 'proxied', password: Buffer.from('open'), username: 'u' }), 5);

/** Sends the bytes, each of the pieces for itself; the first that comes back, or nothing where the connection ends. */
async function answerTo(socket: Socket, ...pieces: readonly Buffer[]): Promise<Buffer | undefined> {
  const answer = Promise.race([once(socket, 'data'), once(socket, 'close').then(() => [undefined])]);
  for (const piece of pieces) await new Promise<unknown>((sent) => socket.write(piece, sent));
  return (await answer)[0] as Buffer | undefined;
}

for (const [name, cut] of [
  ['in one piece', (bytes: Buffer) => [bytes]],
  ['cut in the header', (bytes: Buffer) => [bytes.subarray(0, 7), bytes.subarray(7)]],
  ['cut behind the header', (bytes: Buffer) => [bytes.subarray(0, 28), bytes.subarray(28)]],
] as const) {
  test(`a client behind a proxy is known by its own address: MQTT ${name}`, async () => {
    const access = new FakeAccess();
    await using rig = await openRig({ access, proxies: ['127.0.0.0/8'] });
    const socket = createConnection(rig.port, '127.0.0.1');
    const answer = await answerTo(socket, ...cut(Buffer.concat([EXAMPLES[0]![1], CONNECT])));
    assert.equal(answer?.[0], 0x20);
    assert.deepEqual(
      access.connects.map(({ remoteAddress, isEncrypted }) => [remoteAddress, isEncrypted]),
      [['198.51.100.7', false]],
    );
    // What follows is read as from any other client.
    assert.deepEqual(await answerTo(socket, mqtt.encodePacket({ type: 'pingreq' }, 5)), Buffer.from('d000', 'hex'));
    socket.destroy();
  });
}

test('TLS goes on behind the header of a proxy', async () => {
  await using secure = await openSecureRig({ proxies: ['127.0.0.1'] });
  const raw = createConnection(secure.mqtts, '127.0.0.1');
  await once(raw, 'connect');
  raw.write(EXAMPLES[0]![1]);
  const { cert, key } = secure.device;
  const socket = connectTls({ socket: raw, ca: secure.authority.authority.cert, servername: 'localhost', cert, key });
  assert.equal((await answerTo(socket, CONNECT))?.[0], 0x20);
  const [request] = secure.access.connects;
  assert.equal(request?.remoteAddress, '198.51.100.7');
  assert.equal(request.certificate?.certificateId, secure.device.id);
  socket.destroy();
});

test('TLS that has come together with the header of a proxy is not lost', async () => {
  await using secure = await openSecureRig({ proxies: ['127.0.0.1'] });
  const target = createConnection(secure.mqtts, '127.0.0.1').on('error', () => {});
  await once(target, 'connect');
  // A client's hello is held back until it can be sent in one piece with the header.
  const proxy = createServer((client) => {
    client.on('error', () => {});
    client.once('data', (hello) => {
      target.write(Buffer.concat([EXAMPLES[0]![1], hello]));
      client.pipe(target).pipe(client);
    });
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const { port } = proxy.address() as { port: number };
  const socket = connectTls({ port, host: '127.0.0.1', ca: secure.authority.authority.cert, servername: 'localhost' });
  assert.equal((await answerTo(socket, CONNECT))?.[0], 0x20);
  socket.destroy();
  proxy.close();
});

test('who is no proxy cannot say to be somebody else, and a proxy must say', async () => {
  await using closed = await openRig({ proxies: ['10.0.0.0/8'] });
  const liar = createConnection(closed.port, '127.0.0.1').on('error', () => {});
  assert.equal(await answerTo(liar, Buffer.concat([EXAMPLES[0]![1], CONNECT])), undefined);
  await using open = await openRig({ proxies: ['127.0.0.1'], limits: { handshakeTimeoutMs: 200 } });
  const bare = createConnection(open.port, '127.0.0.1').on('error', () => {});
  assert.equal(await answerTo(bare, CONNECT), undefined);
  const silent = createConnection(open.port, '127.0.0.1').on('error', () => {});
  assert.equal(await answerTo(silent), undefined);
});
