/**
 * A fleet comes back at once over mutual TLS while others publish: how many come a second, and what the others feel of it.
 * The broker has one core; the fleet and the others are processes of their own on the other, so their own turns are in the figures.
 * The floor is one full handshake after the other between two ends in one process, half of whose time is the client's.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { connect, createSecureContext, TLSSocket } from 'node:tls';
import { type Figure, formatFigure, skipped } from './figure.ts';
import type { SecureTarget } from './generator/load.ts';
import { openFilesMax, runLoad, type SecureBrokerProcess, startMillrace } from './generator/processes.ts';

const CLIENTS = 10_000;
const OTHERS_RATE = 1_000;
const OTHERS_P99_MS_MAX = 100;
/** What the fleet takes at the least: so long the others are watched. */
const STORM_MS = 15_000;
const FLOOR_HANDSHAKES = 300;

/** About a minute. */
export async function run(clients = CLIENTS): Promise<Figure[]> {
  const name = `MQTT ${clients} devices reconnect at once over mutual TLS`;
  if (openFilesMax() < clients + 500) return [skipped(name, `only ${openFilesMax()} files may be open`)];
  await using broker = await startMillrace();
  const perSecond = await floor(broker.secure);
  const quiet = await others(broker, 2_000);
  const during = others(broker, STORM_MS);
  const storm = await runLoad({
    kind: 'storm',
    clients,
    port: broker.port,
    brokerPid: broker.pid,
    secure: broker.secure,
  });
  const disturbed = await during;
  return [
    {
      name,
      value: storm.rate,
      unit: 'connections/s',
      floor: { name: 'bare handshakes, one end of them', value: perSecond },
      ratio: storm.rate / perSecond,
    },
    { name: `${name}: processor time each`, value: storm.cpuMicros, unit: 'µs' },
    {
      name: `${name}: p99 of the others' QoS 1`,
      value: disturbed.p99Ms,
      unit: 'ms',
      floor: { name: 'without the storm', value: quiet.p99Ms },
      target: { value: OTHERS_P99_MS_MAX, met: disturbed.p99Ms <= OTHERS_P99_MS_MAX },
    },
  ];
}

function others({ port }: SecureBrokerProcess, measureMs: number) {
  const times = { warmUpMs: 500, measureMs, payloadBytes: 100 };
  return runLoad({ kind: 'in', connections: 100, window: 16, rate: OTHERS_RATE, topicRoot: 'others', port, ...times });
}

/** Full handshakes a second that one end has time for on this machine now, with the same certificates. */
async function floor({ key, cert, ca }: SecureTarget): Promise<number> {
  const secureContext = createSecureContext({ key, cert, ca });
  const options = { isServer: true, requestCert: true, rejectUnauthorized: false, secureContext };
  const server = createServer((socket) => new TLSSocket(socket, options).on('error', () => {}).resume());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const before = process.threadCpuUsage();
  for (let i = 0; i < FLOOR_HANDSHAKES; i++) {
    const socket = connect({ port, host: '127.0.0.1', secureContext, rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    socket.destroy();
  }
  const { user, system } = process.threadCpuUsage(before);
  server.close();
  return (FLOOR_HANDSHAKES * 2e6) / (user + system);
}

if (import.meta.main) {
  for (const figure of await run(Number(process.argv[2] ?? CLIENTS))) process.stdout.write(`${formatFigure(figure)}\n`);
}
