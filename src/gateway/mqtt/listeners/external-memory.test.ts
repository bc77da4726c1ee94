import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import { constants, PerformanceObserver } from 'node:perf_hooks';
import { test } from 'node:test';
import { createSecureContext, TLSSocket } from 'node:tls';
import { externalMemory } from './external-memory.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Full collections while so many TLS connections are made, all of which stay. */
async function collections(connections: number): Promise<number> {
  let count = 0;
  const observer = new PerformanceObserver((list) => {
    for (const { detail } of list.getEntries() as unknown as readonly {
      readonly detail: { readonly kind: number };
    }[]) {
      if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) count++;
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  const secureContext = createSecureContext();
  const sockets: TLSSocket[] = [];
  while (sockets.length < connections) {
    for (let i = 0; i < 50; i++) sockets.push(new TLSSocket(new Socket(), { isServer: true, secureContext }));
    await turn();
  }
  await turn();
  observer.disconnect();
  for (const socket of sockets) socket.destroy();
  return count;
}

test('while a crowd comes V8 does not collect with each 64 MB outside its heap, and afterwards it does again', async () => {
  await collections(1_000);
  externalMemory.crowdBegan();
  const within = await collections(6_000);
  externalMemory.crowdEnded();
  const after = await collections(6_000);
  assert.ok(after > within + 1, `${within} within a crowd, ${after} after it`);
});
