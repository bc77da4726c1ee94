/** A fleet that comes back at once: full handshakes, no resumption. */
import { once } from 'node:events';
import { connect, createSecureContext } from 'node:tls';
import { encodePacket, NO_PROPERTIES } from '../../src/codec/mqtt/index.ts';
import { cpuMsOf } from './cpu.ts';
import type { LoadResult, StormLoad } from './load.ts';
import { delay } from './measure.ts';

/** 0x20, the first byte of a CONNACK, and the return code in its fourth. */
const CONNACK = 0x20;
const RETRY_MS = 1_000;

/** Clients that came a second, what each cost the broker, and how long each had to wait. */
export async function runStorm({ clients, secure, brokerPid }: StormLoad): Promise<LoadResult> {
  const { port, key, cert, ca } = secure;
  const secureContext = createSecureContext({ key, cert, ca });
  const waits: number[] = [];
  const arrive = async (index: number): Promise<void> => {
    const clientId = `storm-${index}`;
    const packet = { type: 'connect', version: 4, clientId, clean: true, keepAlive: 60 } as const;
    // The certificate of the server is for localhost.
    const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', secureContext });
    socket.write(encodePacket({ ...packet, properties: NO_PROPERTIES }, 4));
    const [answer] = (await once(socket, 'data')) as [Buffer];
    if (answer[0] !== CONNACK || answer[3] !== 0) throw new Error(`refused: ${answer.toString('hex')}`);
    waits.push(performance.now() - start);
    socket.on('error', () => {});
  };
  // The kernel resets some of those that come at once, when more do than it holds: they come again, as devices do.
  const come = async (index: number): Promise<void> => {
    for (;;) {
      try {
        return await arrive(index);
      } catch (error) {
        if ((error as { code?: string }).code !== 'ECONNRESET') throw error;
        await delay(RETRY_MS);
      }
    }
  };
  const cpuBefore = cpuMsOf(brokerPid) ?? 0;
  const start = performance.now();
  await Promise.all(Array.from({ length: clients }, (_, index) => come(index)));
  const elapsedMs = performance.now() - start;
  waits.sort((a, b) => a - b);
  return {
    rate: (clients * 1000) / elapsedMs,
    cpuMicros: (((cpuMsOf(brokerPid) ?? 0) - cpuBefore) * 1000) / clients,
    p50Ms: waits[clients >> 1]!,
    p99Ms: waits[Math.floor(clients * 0.99)]!,
    maxMs: waits.at(-1)!,
    generatorBusy: 0,
  };
}
