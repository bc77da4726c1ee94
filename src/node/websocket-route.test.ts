import assert from 'node:assert/strict';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { systemClock } from '../base/index.ts';
import type { MqttGateway } from '../gateway/mqtt/index.ts';
import type { HttpRequest } from '../wire/index.ts';
import { plainHost } from './device-listeners.ts';
import { webSocketRoute } from './websocket-route.ts';

const ANY = { mode: 'secured', credentials: { secretFor: () => undefined }, clock: systemClock } as const;

function upgraded(plainMqtt: 'loopback' | 'any', remoteAddress: string) {
  const taken: unknown[] = [];
  const gateway: Pick<MqttGateway, 'upgrade'> = { upgrade: (...call) => taken.push(call[3]) };
  const socket = new PassThrough();
  const request = { socket: { remoteAddress } } as HttpRequest;
  webSocketRoute(() => gateway, { ...ANY, plainMqtt }).handle(request, socket, Buffer.alloc(0));
  return { taken, socket };
}

test('WebSockets in the clear are for this machine, unless the configuration says otherwise', async () => {
  for (const [plain, address] of [
    ['loopback', '127.0.0.1'],
    ['loopback', '::ffff:127.0.0.1'],
    ['any', '10.0.0.9'],
  ] as const) {
    assert.deepEqual(upgraded(plain, address).taken, [{ remoteAddress: address, isEncrypted: false }]);
  }
  const refused = upgraded('loopback', '10.0.0.9');
  assert.deepEqual(refused.taken, []);
  assert.match(String(refused.socket.read()), /^HTTP\/1.1 403 Forbidden\r\n.*use wss/s);
  await once(refused.socket, 'close');
});

test('as long as devices do not come in yet, a WebSocket is told to come again', () => {
  const socket = new PassThrough();
  const request = { socket: { remoteAddress: '127.0.0.1' } } as HttpRequest;
  webSocketRoute(() => undefined, ANY).handle(request, socket, Buffer.alloc(0));
  assert.match(String(socket.read()), /^HTTP\/1.1 503/);
});

test('MQTT in the clear listens beyond loopback only where the configuration says so', () => {
  assert.equal(plainHost({ host: '0.0.0.0', plainMqtt: 'loopback' }), '127.0.0.1');
  assert.equal(plainHost({ host: '0.0.0.0' }), '127.0.0.1');
  assert.equal(plainHost({ host: '0.0.0.0', plainMqtt: 'any' }), '0.0.0.0');
  assert.equal(plainHost({ host: '127.0.0.2' }), '127.0.0.2');
});
