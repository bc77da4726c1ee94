import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { systemClock } from '../base/index.ts';
import { HTTP_LIMITS, HttpClient } from './http-client.ts';
import { OUTGOING_LIMITS } from './outgoing.ts';

test('many hosts are called one after the other without waiting for connections that rest', async () => {
  const server = createServer(
    { keepAliveTimeout: 60_000 },
    (request, response) => void request.resume().on('end', () => response.end()),
  );
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  const { port } = server.address() as AddressInfo;
  const client = new HttpClient({ clock: systemClock });
  const { signal } = new AbortController();
  const begin = performance.now();
  for (let host = 0; host < OUTGOING_LIMITS.connectionsMax + 50; host++) {
    const url = new URL(`http://127.1.${host >> 7}.${(host & 127) + 1}:${port}/`);
    await client.post({ url, headers: {}, body: Buffer.from('x') }, signal);
  }
  assert.ok(performance.now() - begin < HTTP_LIMITS.answerMsMax, 'none has waited for another to time out');
  client[Symbol.dispose]();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
