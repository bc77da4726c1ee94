/**
 * The broker beside Debian's mosquitto, under the same generator in the same run: messages of 100 bytes in pairs, from one to many
 * and in, and what connections cost. QoS 1 in is made durable in a stream before it is acknowledged; mosquitto stores nothing.
 * The broker has one core, the generator the other; the brokers take turns, the median counts. Rates are of wall time; the
 * processor time a message, all threads and the kernel's work for the process, holds still when the machine is busy with other things.
 * Not measured: TLS, reading the stream, MQTT 5.
 */
import { type Figure, formatFigure, median, skipped, spreadOf } from './figure.ts';
import type { CrowdLoad, Load, LoadResult } from './generator/load.ts';
import {
  type BrokerProcess,
  gather,
  openFilesMax,
  runLoad,
  startMillrace,
  startMosquitto,
  startSocketLoop,
} from './generator/processes.ts';
import { matchFigure } from './mqtt-match.ts';

/** Runs of each broker, taken in turns; the median counts. */
const RUNS = 7;
const PACED_RATE = 10_000;
const TIMES = { payloadBytes: 100, warmUpMs: 500, measureMs: 1000 } as const;

interface Case {
  readonly name: string;
  readonly unit: string;
  /** What mosquitto does for it. */
  readonly peer: string;
  /** How much faster than mosquitto we are to be. */
  readonly target: number;
  readonly load: (port: number, brokerPid: number) => Load;
}

const pairs = (pairs: number, window: number, qos: 0 | 1, target: number): Case => ({
  name: `MQTT ${pairs} pairs, window ${window}, QoS ${qos}`,
  unit: 'messages/s',
  peer: 'mosquitto',
  target,
  load: (port, brokerPid) => ({ kind: 'pairs', pairs, window, qos, port, brokerPid, ...TIMES }),
});

const CASES: readonly Case[] = [
  pairs(100, 16, 0, 3),
  pairs(100, 16, 1, 3),
  pairs(500, 1, 1, 1),
  {
    name: 'MQTT fan-out 1 to 100, QoS 0',
    unit: 'messages/s',
    peer: 'mosquitto',
    target: 3,
    load: (port, brokerPid) => ({ kind: 'fan-out', receivers: 100, window: 16, port, brokerPid, ...TIMES }),
  },
  {
    name: 'MQTT QoS 1 in, durable',
    unit: 'messages/s',
    peer: 'mosquitto, storing nothing',
    target: 1,
    load: (port, brokerPid) => ({ kind: 'in', connections: 100, window: 16, port, brokerPid, ...TIMES }),
  },
];

/** About three minutes. */
export async function run(): Promise<Figure[]> {
  const figures: Figure[] = [];
  {
    await using ours = await startMillrace();
    await using theirs = await startMosquitto();
    for (const one of CASES) figures.push(...(await rates(one, ours, theirs)));
    figures.push(...(await paced(ours)), ...(await socketLoop(theirs)));
  }
  figures.push(...(await connections()), ...(await fleet()), matchFigure());
  return figures;
}

async function rates(one: Case, ours: BrokerProcess, theirs: BrokerProcess | undefined): Promise<Figure[]> {
  const us: LoadResult[] = [];
  const them: LoadResult[] = [];
  for (let i = 0; i < RUNS; i++) {
    us.push(await runLoad(one.load(ours.port, ours.pid)));
    if (theirs) them.push(await runLoad(one.load(theirs.port, theirs.pid)));
  }
  const value = medianOf(us, 'rate');
  const figure: Figure = { name: one.name, value, unit: one.unit, spread: spreadOf(valuesOf(us, 'rate')) };
  if (!theirs) return [figure];
  const floor = { name: one.peer, value: medianOf(them, 'rate') };
  const ratio = value / floor.value;
  return [{ ...figure, floor, ratio, target: { ratio: one.target, met: ratio >= one.target } }, ...cpu(one, us, them)];
}

/** What Node's sockets alone take of the load that is all sockets: one message a write and a read. */
async function socketLoop(theirs: BrokerProcess | undefined): Promise<Figure[]> {
  await using loop = await startSocketLoop();
  const one = CASES.find(({ name }) => name.includes('window 1,'))!;
  const figures = await rates({ ...one, name: `a bare node:net loop, ${one.name}` }, loop, theirs);
  return figures.map(({ target: _target, ...figure }) => figure);
}

function cpu({ name, peer, target }: Case, us: readonly LoadResult[], them: readonly LoadResult[]): Figure[] {
  const value = medianOf(us, 'cpuMicros');
  const floor = { name: peer, value: medianOf(them, 'cpuMicros') };
  if (value === 0 || floor.value === 0) return [];
  const ratio = value / floor.value;
  return [
    {
      name: `${name}: processor time a message`,
      value,
      unit: 'µs',
      spread: spreadOf(valuesOf(us, 'cpuMicros')),
      floor,
      ratio,
      target: { ratio: 1 / target, met: ratio <= 1 / target },
    },
  ];
}

function medianOf(results: readonly LoadResult[], what: keyof LoadResult): number {
  return median(valuesOf(results, what));
}

function valuesOf(results: readonly LoadResult[], what: keyof LoadResult): readonly number[] {
  return results.map((result) => result[what]);
}

/** What a device sees of the durability, below the limit. */
async function paced({ port }: BrokerProcess): Promise<Figure[]> {
  const { p50Ms, p99Ms } = await runLoad({
    kind: 'in',
    connections: 100,
    window: 16,
    rate: PACED_RATE,
    port,
    ...TIMES,
  });
  const name = (what: string) => `MQTT QoS 1 to durable to PUBACK at ${PACED_RATE}/s, ${what}`;
  return [
    { name: name('p50'), value: p50Ms, unit: 'ms' },
    { name: name('p99'), value: p99Ms, unit: 'ms' },
  ];
}

/** Clients that are there before memory is measured, so that what grows once is grown. */
const FIRST_CLIENTS = 4_000;
const MORE_CLIENTS = 8_000;
const CONNECT_MICROS_MAX = 100;
const IDLE_BYTES_MAX = 10 * 1024;

const crowd = (broker: BrokerProcess, clients: number, more: Partial<CrowdLoad> = {}): CrowdLoad => ({
  kind: 'crowd',
  clients,
  subscribes: true,
  atOnce: 50,
  // The generator sends no PINGREQ, and a busy machine takes its time.
  keepAlive: 600,
  rate: 0,
  port: broker.port,
  brokerPid: broker.pid,
  ...more,
});

/**
 * V8's young generation doubles with what a storm of connections leaves behind, up to 64 MB a half, whatever the number of those that
 * stay: held, so that memory tells of the connections.
 */
const HELD_YOUNG = ['--max-semi-space-size=16'];

interface ConnectionCost {
  readonly bytes: number;
  readonly connectMicros: number;
}

async function costOfConnections(broker: BrokerProcess): Promise<ConnectionCost> {
  await using _first = await gather(crowd(broker, FIRST_CLIENTS));
  const before = broker.residentBytes() ?? Number.NaN;
  await using _more = await gather(crowd(broker, MORE_CLIENTS));
  const bytes = ((broker.residentBytes() ?? Number.NaN) - before) / MORE_CLIENTS;
  await using third = await gather(crowd(broker, FIRST_CLIENTS, { subscribes: false }));
  return { bytes, connectMicros: third.result.cpuMicros };
}

async function connections(): Promise<Figure[]> {
  await using ours = await startMillrace(HELD_YOUNG);
  await using theirs = await startMosquitto();
  const us = await costOfConnections(ours);
  const them = theirs && (await costOfConnections(theirs));
  const against = (value: number | undefined) => value !== undefined && { floor: { name: 'mosquitto', value } };
  return [
    {
      name: 'MQTT idle connection with a subscription',
      value: us.bytes / 1024,
      unit: 'KB',
      ...against(them && them.bytes / 1024),
      target: { value: IDLE_BYTES_MAX / 1024, met: us.bytes <= IDLE_BYTES_MAX },
    },
    {
      name: 'MQTT connect, processor time',
      value: us.connectMicros,
      unit: 'µs',
      ...against(them?.connectMicros),
      target: { value: CONNECT_MICROS_MAX, met: us.connectMicros <= CONNECT_MICROS_MAX },
    },
  ];
}

const FLEET_CLIENTS = 20_000;
const FLEET_BYTES_MAX = 400e6;
/** How long the fleet publishes before its memory is measured. */
const FLEET_MS = 10_000;

/** The memory of a node with 20,000 devices that publish once in ten seconds. */
async function fleet(): Promise<Figure[]> {
  const name = `MQTT ${FLEET_CLIENTS} devices, a message in 10 s each: memory`;
  // Files of the process that are no connections.
  const clients = Math.min(FLEET_CLIENTS, openFilesMax() - 200);
  if (clients < FLEET_CLIENTS / 2) return [skipped(name, `only ${openFilesMax()} files may be open`)];
  await using ours = await startMillrace();
  await using _devices = await gather(crowd(ours, clients, { rate: clients / 10, atOnce: 100 }));
  await new Promise((resolve) => setTimeout(resolve, FLEET_MS));
  const bytes = ours.residentBytes();
  if (bytes === undefined) return [skipped(name, 'there is no /proc')];
  const whole = clients === FLEET_CLIENTS ? name : `${name} (${clients} of them: more files may not be open)`;
  return [
    {
      name: whole,
      value: bytes / 1e6,
      unit: 'MB',
      target: { value: FLEET_BYTES_MAX / 1e6, met: bytes <= FLEET_BYTES_MAX },
    },
  ];
}

if (import.meta.main) for (const figure of await run()) process.stdout.write(`${formatFigure(figure)}\n`);
