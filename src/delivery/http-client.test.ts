import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { test } from 'node:test';
import { type DomainError, SimulatedClock, systemClock } from '../base/index.ts';
import { readDocument } from './documents.ts';
import { HttpClient } from './http-client.ts';
import { OUTGOING_LIMITS, Outgoing } from './outgoing.ts';

test('many hosts are called one after the other without waiting for connections that rest', async () => {
  const server = createServer(
    { keepAliveTimeout: 60_000 },
    (request, response) => void request.resume().on('end', () => response.end()),
  );
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  const { port } = server.address() as AddressInfo;
  const client = new HttpClient({ clock: systemClock });
  const { signal } = new AbortController();
  // One that waited for another to time out would be too late itself.
  for (let host = 0; host < OUTGOING_LIMITS.connectionsMax + 50; host++) {
    const url = new URL(`http://127.1.${host >> 7}.${(host & 127) + 1}:${port}/`);
    await client.post({ url, headers: {}, body: Buffer.from('x') }, signal);
  }
  client[Symbol.dispose]();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

test('a server that answers with another protocol has failed at once', async () => {
  const server = createTcpServer((socket) => {
    const answer = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n';
    socket.on('error', () => {}).once('data', () => socket.write(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  using client = new HttpClient({ clock: systemClock });
  using outgoing = new Outgoing(undefined);
  const { signal } = new AbortController();
  const refused = { code: 'http-upgraded', remedy: 'retry' };
  await assert.rejects(client.post({ url, headers: {}, body: Buffer.from('x') }, signal), refused);
  await assert.rejects(readDocument(outgoing, systemClock, url), refused);
  // The connections are closed: the server would wait for ever else.
  await new Promise((resolve) => server.close(resolve));
});

test('a call that others leave no connection to waits for one, and does not count when there is none', async () => {
  const paths: string[] = [];
  let onCall = () => {};
  const server = createServer((request) => {
    paths.push(request.url!);
    onCall();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const arrived = (count: number) =>
    new Promise<void>((resolve) => {
      onCall = () => paths.length === count && resolve();
      onCall();
    });
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const clock = new SimulatedClock();
  using client = new HttpClient({ clock });
  const { signal } = new AbortController();
  const failureOf = (path: string) =>
    client.post({ url: new URL(path, base), headers: {}, body: Buffer.from('x') }, signal).then(
      () => assert.fail('it was answered'),
      ({ code, fields }: DomainError) => ({ code, ...fields }),
    );
  const all = OUTGOING_LIMITS.connectionsPerHostMax;
  const holding = () => Array.from({ length: all }, () => failureOf('/slow'));
  const first = holding();
  await arrived(all);
  await clock.advance(10_000);
  const second = holding();
  const other = failureOf('/other');
  await clock.advance(5_000);
  const late = { code: 'http-timeout', unavailable: true };
  for (const one of first) assert.deepEqual(await one, late);
  await arrived(2 * all);
  await clock.advance(10_000);
  assert.deepEqual(await other, { code: 'http-no-connection', unavailable: true, uncounted: true });
  await clock.advance(5_000);
  for (const one of second) assert.deepEqual(await one, late, 'it had all its time, though it had to wait');
  assert.ok(!paths.includes('/other'));
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

test('a name that is being looked up is not looked up again for each call to it', async () => {
  const server = createServer((request, response) => void request.resume().on('end', () => response.end()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const asked: string[] = [];
  const answers: (() => void)[] = [];
  using outgoing = new Outgoing(undefined, undefined, (host, _, callback) => {
    asked.push(host);
    answers.push(() => callback(null, [{ address: '127.0.0.1', family: 4 }]));
  });
  const statusOf = (host: string, at = port) =>
    new Promise((resolve, reject) => {
      const url = new URL(`http://${host}:${at}/`);
      const request = outgoing.request(url, { method: 'GET' }, (response) => resolve(response.resume().statusCode));
      request.on('error', reject).end();
    });
  const calls = ['slow.test', 'slow.test', 'slow.test', 'other.test'].map((host) => statusOf(host));
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(asked, ['slow.test', 'other.test']);
  for (const answer of answers) answer();
  assert.deepEqual(await Promise.all(calls), [200, 200, 200, 200]);
  // Later it is looked up anew: it may have moved.
  const again = statusOf('slow.test', 9);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(asked, ['slow.test', 'other.test', 'slow.test']);
  answers.at(-1)!();
  await assert.rejects(again, { code: 'ECONNREFUSED' });
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
