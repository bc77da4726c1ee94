import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HttpRequest, HttpResponse } from '../wire/index.ts';
import { isLoopbackPeer } from '../wire/index.ts';
import { localOnly } from './local-routes.ts';

test('loopback peers are those of 127.0.0.0/8 and ::1, mapped ones too', () => {
  for (const address of ['127.0.0.1', '127.0.0.2', '127.255.255.254', '::1', '::ffff:127.0.0.1']) {
    assert.equal(isLoopbackPeer(address), true, address);
  }
  const others = [
    '10.0.0.5',
    '0.0.0.0',
    '::',
    '::ffff:10.0.0.5',
    '128.0.0.1',
    'fe80::1',
    '127.0.0.1.example',
    'localhost',
    '',
  ];
  for (const address of [...others, undefined]) assert.equal(isLoopbackPeer(address), false, String(address));
});

/** What a route answers to a peer; the peer is all that is not real. */
function ask(remoteAddress: string | undefined, headers: Readonly<Record<string, string>> = {}): number {
  let status = 0;
  const request = { headers: { host: '127.0.0.1:4566', ...headers }, socket: { remoteAddress }, resume() {} };
  const response = {
    writeHead(code: number) {
      status = code;
      return { end() {} };
    },
  };
  const route = localOnly({ prefix: '/metrics', handle: (_request, answer) => void answer.writeHead(200) });
  void route.handle(request as unknown as HttpRequest, response as unknown as HttpResponse, async () => {});
  return status;
}

test('a route for this machine is closed to other peers, whatever they say of themselves', () => {
  assert.equal(ask('127.0.0.1'), 200);
  assert.equal(ask('192.0.2.7'), 403);
  assert.equal(ask('192.0.2.7', { 'x-forwarded-for': '127.0.0.1' }), 403);
  assert.equal(ask(undefined), 403);
});

test('a route for this machine is closed to what a proxy passes on, and to pages of other sites', () => {
  assert.equal(ask('127.0.0.1', { forwarded: 'for=192.0.2.7' }), 403);
  assert.equal(ask('127.0.0.1', { 'x-real-ip': '192.0.2.7' }), 403);
  assert.equal(ask('127.0.0.1', { origin: 'https://example.com' }), 403);
  assert.equal(ask('127.0.0.1', { host: 'rebound.example:4566' }), 403);
});
