import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createConnection, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import mqttjs, { type IClientOptions, type MqttClient } from 'mqtt';
import { WebSocket } from 'ws';
import { seededRandom, systemClock } from '../../src/base/index.ts';
import * as mqtt from '../../src/codec/mqtt/index.ts';
import { openMqttGateway } from '../../src/gateway/mqtt/index.ts';
import { createMetrics, silentLogger } from '../../src/telemetry/index.ts';
import { connect, openRig, publish, RawClient } from './harness.ts';
import { openSecureRig, type SecureRig } from './secure-rig.ts';

let secure: SecureRig;

before(async () => {
  secure = await openSecureRig();
});

after(() => secure[Symbol.asyncDispose]());

function connectWith(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connectTls(
      { host: '127.0.0.1', port, ca: secure.authority.authority.cert, servername: 'localhost', ...options },
      () => resolve(socket),
    );
    socket.on('error', reject);
  });
}

function overTls(port: number, options: IClientOptions = {}): Promise<MqttClient> {
  const { device, authority } = secure;
  return mqttjs.connectAsync(`mqtts://localhost:${port}`, {
    reconnectPeriod: 0,
    ca: authority.authority.cert,
    cert: device.cert,
    key: device.key,
    ...options,
  });
}

/** The payload of the next message. */
function message(client: MqttClient): Promise<Buffer> {
  return new Promise((resolve) => client.once('message', (_topic, payload) => resolve(payload)));
}

/** The first bytes that come back. */
async function answerTo(socket: Socket, bytes: Uint8Array | string): Promise<Buffer> {
  socket.write(bytes);
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  return chunk;
}

/** Its end, whether the peer closes or resets it. */
const closing = (socket: Socket) => new Promise<void>((resolve) => socket.once('close', () => resolve()));

const CONNECT = mqtt.encodePacket(connect({ clientId: 'over-tls', password: Buffer.from('open'), username: 'u' }), 5);
const isConnack = (bytes: Buffer) => bytes[0] === 0x20 && bytes[3] === 0;

describe('MQTT over TLS', () => {
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`a device with its certificate publishes and subscribes over ${maxVersion}`, async () => {
      const client = await overTls(secure.mqtts, { clientId: maxVersion, maxVersion } as IClientOptions);
      const got = message(client);
      await client.subscribeAsync(`tests/${maxVersion}`, { qos: 1 });
      const payload = Buffer.alloc(100_000, maxVersion);
      await client.publishAsync(`tests/${maxVersion}`, payload, { qos: 1 });
      assert.deepEqual(await got, payload);
      await client.endAsync();
      const request = secure.access.connects.find(({ clientId }) => clientId === maxVersion)!;
      assert.equal(request.certificate?.certificateId, secure.device.id);
      assert.deepEqual([request.isEncrypted, request.serverName], [true, 'localhost']);
      assert.equal(request.remoteAddress, '127.0.0.1');
    });
  }

  test('of a chain of certificates the one that the client has the key of is handed over', async () => {
    const { device, authority } = secure;
    const cert = device.cert + authority.authority.cert;
    const client = await overTls(secure.mqtts, { clientId: 'chain', cert });
    await client.endAsync();
    const request = secure.access.connects.find(({ clientId }) => clientId === 'chain')!;
    assert.equal(request.certificate?.certificateId, device.id);
    assert.deepEqual(request.certificate?.der, new X509Certificate(device.cert).raw);
  });

  test('a device without a certificate is decided on by what it says in CONNECT', async () => {
    const nothing = { cert: undefined, key: undefined } as unknown as IClientOptions;
    await assert.rejects(overTls(secure.mqtts, { clientId: 'none', ...nothing }), /Not authorized/i);
    const client = await overTls(secure.mqtts, { clientId: 'pass', username: 'u', password: 'open', ...nothing });
    await client.endAsync();
  });

  test('a certificate that nobody knows is the policy’s matter, not the handshake’s', async () => {
    const { cert, key } = secure.authority.issue('stranger');
    await assert.rejects(overTls(secure.mqtts, { clientId: 'stranger', cert, key }), /Not authorized/i);
    const request = secure.access.connects.find(({ clientId }) => clientId === 'stranger')!;
    assert.ok(request.certificate);
  });

  test('a session that is resumed still brings the certificate', async () => {
    const { device } = secure;
    const options = { cert: device.cert, key: device.key, maxVersion: 'TLSv1.2' } as const;
    const first = await connectWith(secure.mqtts, options);
    const session = first.getSession()!;
    first.destroy();
    const again = await connectWith(secure.mqtts, { ...options, session });
    assert.ok(again.isSessionReused());
    const packet = mqtt.encodePacket(connect({ clientId: 'resumed' }), 5);
    assert.ok(isConnack(await answerTo(again, packet)));
    again.destroy();
  });

  test('TLS 1.1 is refused', async () => {
    const old = { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT:@SECLEVEL=0' } as const;
    await assert.rejects(connectWith(secure.mqtts, old), /alert|protocol/i);
  });

  test('the server says good-bye over TLS before it goes', async () => {
    await using leaving = await openSecureRig();
    const { device, authority } = leaving;
    const socket = await connectWith(leaving.mqtts, { ...device, ca: authority.authority.cert } as ConnectionOptions);
    assert.ok(isConnack(await answerTo(socket, CONNECT)));
    const bye = once(socket, 'data');
    await leaving.rig.gateway.close();
    const [packet] = (await bye) as [Buffer];
    assert.deepEqual([packet[0], packet[2]], [0xe0, 0x8b]);
  });
});

describe('one port for all that devices speak', () => {
  for (const [port, alpn, speaks] of [
    ['https', 'x-amzn-mqtt-ca', 'mqtt'],
    ['https', 'mqtt', 'mqtt'],
    ['https', 'x-amzn-http-ca', 'http'],
    ['https', 'http/1.1', 'http'],
    ['https', undefined, 'http'],
    ['mqtts', 'x-amzn-mqtt-ca', 'mqtt'],
    ['mqtts', 'mqtt', 'mqtt'],
    ['mqtts', undefined, 'mqtt'],
  ] as const) {
    test(`${port} with ALPN ${alpn ?? 'absent'} speaks ${speaks}`, async () => {
      const socket = await connectWith(secure[port], alpn === undefined ? {} : { ALPNProtocols: [alpn] });
      assert.equal(socket.alpnProtocol, alpn ?? false);
      if (speaks === 'mqtt') assert.ok(isConnack(await answerTo(socket, CONNECT)));
      else assert.match((await answerTo(socket, 'GET / HTTP/1.1\r\nhost: x\r\n\r\n')).toString(), /^HTTP\/1.1 403/);
      socket.destroy();
    });
  }

  test('a client that asks for another protocol only is told so in the handshake', async () => {
    await assert.rejects(connectWith(secure.https, { ALPNProtocols: ['h2'] }), /no application protocol/i);
    await assert.rejects(connectWith(secure.mqtts, { ALPNProtocols: ['http/1.1'] }), /no application protocol/i);
  });
});

describe('WebSockets', () => {
  const open = (path: string, protocols: string[], headers: Record<string, string> = { token: 'open' }) =>
    new WebSocket(`wss://localhost:${secure.https}${path}`, protocols, {
      ca: secure.authority.authority.cert,
      headers,
    });

  test('mqtt.js publishes and subscribes over wss, with messages of every size', async () => {
    const client = await mqttjs.connectAsync(`wss://localhost:${secure.https}/mqtt?token=open`, {
      reconnectPeriod: 0,
      clientId: 'wss',
      wsOptions: { ca: secure.authority.authority.cert },
    });
    const sizes = [0, 1, 125, 126, 65_535, 65_536, 200_000];
    const got: number[] = [];
    const done = new Promise<void>((resolve) => {
      client.on('message', (_topic, payload) => {
        got.push(payload.length);
        if (got.length === sizes.length) resolve();
      });
    });
    await client.subscribeAsync('tests/wss', { qos: 1 });
    await Promise.all(sizes.map((size) => client.publishAsync('tests/wss', Buffer.alloc(size, 7), { qos: 1 })));
    await done;
    assert.deepEqual(got, sizes);
    await client.endAsync();
    const request = secure.access.connects.find(({ clientId }) => clientId === 'wss')!;
    assert.equal(request.upgrade?.queryString, 'token=open');
    assert.equal(request.upgrade.headers['sec-websocket-protocol'], 'mqtt');
  });

  // Shows [MQTT-6.0.0-2], [3.1.1: MQTT-6.0.0-2]
  test('packets may be cut over frames, and several may be in one', async () => {
    const socket = open('/mqtt', ['mqtt']);
    await once(socket, 'open');
    for (const byte of CONNECT) socket.send(Buffer.of(byte));
    const [connack, isBinary] = (await once(socket, 'message')) as [Buffer, boolean];
    assert.ok(isConnack(connack) && isBinary);
    const subscribe: mqtt.Packet = {
      type: 'subscribe',
      packetId: 1,
      properties: {},
      subscriptions: [{ filter: 'tests/frames', qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
    };
    const three = [subscribe, publish('tests/frames', 'a'), publish('tests/frames', 'b')];
    const decoder = new mqtt.PacketDecoder({ version: 5 });
    socket.send(Buffer.concat(three.map((packet) => mqtt.encodePacket(packet, 5))));
    const types: string[] = [];
    while (types.length < 3) {
      const [chunk] = (await once(socket, 'message')) as [Buffer];
      decoder.push(chunk);
      for (let packet = decoder.next(); packet; packet = decoder.next()) types.push(packet.type);
    }
    assert.deepEqual(types, ['suback', 'publish', 'publish']);
    socket.terminate();
  });

  // Shows [MQTT-6.0.0-1], [3.1.1: MQTT-6.0.0-1]
  test('a text frame ends the connection', async () => {
    const socket = open('/mqtt', ['mqtt']);
    await once(socket, 'open');
    socket.send('no binary frame');
    const [code] = (await once(socket, 'close')) as [number];
    assert.equal(code, 1003);
  });

  test('a refused request does not keep its socket, though the peer never closes', async () => {
    const socket = await connectWith(secure.https, { allowHalfOpen: true } as ConnectionOptions);
    const ended = new Promise((resolve) => socket.once('close', resolve));
    // A side that is half closed learns by writing that the other is gone.
    const poke = (): unknown => socket.write('x', (error) => error ?? setImmediate(poke));
    socket.on('end', poke);
    const head = await answerTo(
      socket,
      'GET /elsewhere HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n',
    );
    assert.match(head.toString(), /^HTTP\/1.1 404/);
    await ended;
  });

  // Shows [MQTT-6.0.0-4], [3.1.1: MQTT-6.0.0-4]
  test('the subprotocol is mqtt, and must be asked for', async () => {
    const socket = open('/mqtt', ['other', 'mqtt']);
    await once(socket, 'open');
    assert.equal(socket.protocol, 'mqtt');
    socket.terminate();
    for (const [path, protocols, status] of [
      ['/mqtt', [], 400],
      ['/mqtt', ['other'], 400],
      ['/elsewhere', ['mqtt'], 404],
    ] as const) {
      const refused = open(path, [...protocols]);
      refused.on('error', () => {});
      const [, response] = await once(refused, 'unexpected-response');
      assert.equal(response.statusCode, status);
    }
  });

  test('a frame of more than the limit ends the connection', async () => {
    const socket = open('/mqtt', ['mqtt']);
    await once(socket, 'open');
    socket.on('error', () => {});
    socket.send(Buffer.alloc(1024 * 1024 + 1));
    const [code] = (await once(socket, 'close')) as [number];
    assert.equal(code, 1009);
  });

  test('a WebSocket whose client breaks off is a lost connection', async () => {
    const socket = open('/mqtt', ['mqtt']);
    await once(socket, 'open');
    const will: mqtt.Will = {
      topic: 'tests/will',
      payload: Buffer.from('lost'),
      qos: 0,
      retain: false,
      properties: {},
    };
    socket.send(mqtt.encodePacket(connect({ clientId: 'breaks', will, keepAlive: 0 }), 5));
    await once(socket, 'message');
    const watcher = await overTls(secure.mqtts, { clientId: 'watches' });
    await watcher.subscribeAsync('tests/will');
    const got = message(watcher);
    socket.terminate();
    assert.equal((await got).toString(), 'lost');
    await watcher.endAsync();
  });
});

describe('handshakes', () => {
  const limits = { handshakeTimeoutMs: 300 };

  for (const [what, bytes] of [
    ['says nothing', []],
    ['trickles', [0x16, 0x03, 0x01, 0x02, 0x00, 0x01]],
  ] as const) {
    test(`a client that ${what} is cut off when its time is over`, async () => {
      await using rig = await openSecureRig({ limits });
      const socket = createConnection(rig.mqtts, '127.0.0.1');
      const since = performance.now();
      const closed = closing(socket);
      socket.on('error', () => {}).resume();
      const left = [...bytes];
      const trickle = setInterval(() => left.length > 0 && socket.write(Buffer.of(left.shift()!)), 60);
      await closed;
      clearInterval(trickle);
      const elapsedMs = performance.now() - since;
      assert.ok(elapsedMs > 250, `${elapsedMs}`);
    });
  }

  test('of too many that go on, the oldest is cut off and the newcomer gets in', async () => {
    await using rig = await openSecureRig({ limits: { handshakesMax: 2 } });
    const stalling = await Promise.all(
      [0, 1].map(async () => {
        const socket = createConnection(rig.mqtts, '127.0.0.1').on('error', () => {});
        await once(socket, 'connect');
        return socket.resume();
      }),
    );
    const closed = closing(stalling[0]!);
    const socket = await connectWith(rig.mqtts, { ca: rig.authority.authority.cert });
    await closed;
    assert.equal(stalling[1]!.destroyed, false);
    socket.destroy();
  });

  test('more clients than a turn has time for get in all the same, past those who stall, and so do those later', async () => {
    await using rig = await openSecureRig({ limits: { handshakesPerTurn: 2, handshakesAtOnce: 64 } });
    const ca = rig.authority.authority.cert;
    const stalling = await Promise.all(
      Array.from({ length: 30 }, async () => {
        const socket = createConnection(rig.mqtts, '127.0.0.1');
        await once(socket, 'connect');
        return socket;
      }),
    );
    const newcomers = await Promise.all(Array.from({ length: 30 }, () => connectWith(rig.mqtts, { ca })));
    const late = await Promise.all(stalling.map((socket) => connectWith(rig.mqtts, { ca, socket })));
    for (const socket of [...newcomers, ...late]) {
      assert.ok(isConnack(await answerTo(socket, CONNECT)));
      socket.destroy();
    }
  });

  test('bytes that are no TLS end their connection and no other', async () => {
    const socket = createConnection(secure.mqtts, '127.0.0.1').on('error', () => {});
    socket.write(CONNECT);
    await once(socket.resume(), 'close');
    const client = await overTls(secure.mqtts, { clientId: 'unharmed' });
    await client.endAsync();
  });
});

describe('the certificate of the server', () => {
  test('is read again, and one that cannot be used is not taken', async () => {
    let identity: () => Promise<{ key: string; cert: string }> = async () => secure.server;
    await using rig = await openSecureRig({ limits: { identityReloadMs: 20 }, identity: () => identity() });
    const shown = async () => {
      const socket = await connectWith(rig.mqtts);
      const { subject } = socket.getPeerCertificate();
      socket.destroy();
      return subject.CN;
    };
    const until = async (name: string) => {
      while ((await shown()) !== name) await new Promise(setImmediate);
    };
    assert.equal(await shown(), 'server');
    const looks = Promise.withResolvers<void>();
    let count = 0;
    identity = async () => {
      if (++count === 3) looks.resolve();
      return { key: 'half written', cert: secure.server.cert };
    };
    await looks.promise;
    assert.equal(await shown(), 'server');
    const renewed = secure.authority.issue('renewed', ['DNS:localhost']);
    identity = async () => renewed;
    await until('renewed');
  });

  test('a key that does not belong to the certificate is refused at the start', async () => {
    const { server, device } = secure;
    const wrong = { cert: server.cert, key: device.key };
    const opening = openMqttGateway({
      broker: secure.rig.iot.broker,
      port: 0,
      listeners: [{ kind: 'mqtts', host: '127.0.0.1', port: 0 }],
      identity: async () => wrong,
      ...{ clock: systemClock, random: seededRandom(1), logger: silentLogger, metrics: createMetrics() },
    });
    await assert.rejects(opening, { code: 'tls-identity-invalid' });
  });
});

test('HTTP over TLS without a signature or an identity is refused with the words of AWS', async () => {
  const socket = await connectWith(secure.https);
  socket.write('POST /topics/tests/x HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
  const answer = await text(socket);
  assert.match(answer, /^HTTP\/1.1 403/);
  assert.match(answer, /x-amzn-errortype: ForbiddenException/i);
});

test('the kernel asks after a minute of silence whether a client is still there', {
  skip: process.platform === 'linux' ? false : 'there is no /proc',
}, async () => {
  await using rig = await openRig();
  await using _client = await RawClient.connected(rig.port, { clientId: 'pump-1' });
  const { port } = rig;
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const sockets = (await readFile('/proc/net/tcp', 'utf8')).split('\n').map((line) => line.trim().split(/\s+/));
  const [accepted] = sockets.filter(([, address, , state]) => address === local && state === '01');
  const [timer, ticks] = accepted![5]!.split(':');
  // 02 is the keep-alive timer; its ticks are of 10 ms.
  assert.equal(timer, '02');
  assert.ok(Number.parseInt(ticks!, 16) > 5_000 && Number.parseInt(ticks!, 16) <= 6_100, ticks);
});
