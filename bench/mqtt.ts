/**
 * MQTT QoS 1 in: what the broker accepts a second, beside Debian's mosquitto under the same generator in the same run.
 * Ours makes every message durable in a stream before it acknowledges; mosquitto stores nothing.
 * The broker has one core, the generator the other. Not measured: TLS, fan-out, reading the stream.
 */
import { type Figure, formatFigure, median } from './figure.ts';
import type { Load, LoadResult } from './generator/generator.ts';
import { type BrokerProcess, runLoad, startMillrace, startMosquitto } from './generator/processes.ts';

const CONNECTIONS = 100;
const WINDOW = 16;
const PAYLOAD_BYTES = 100;
/** Runs of each broker, taken in turns; the median counts. */
const RUNS = 3;
const PACED_RATE = 10_000;

const load = (port: number, more: Partial<Load> = {}): Load => ({
  port,
  connections: CONNECTIONS,
  window: WINDOW,
  payloadBytes: PAYLOAD_BYTES,
  warmUpMs: 500,
  measureMs: 1000,
  ...more,
});

/** Rates and processor time of one broker, over its runs. */
class Runs {
  readonly rates: number[] = [];
  readonly cpuMicros: number[] = [];

  async add(broker: BrokerProcess): Promise<void> {
    const before = broker.cpuMs();
    const { rate, sent } = await runLoad(load(broker.port));
    const after = broker.cpuMs();
    this.rates.push(rate);
    if (before !== undefined && after !== undefined) this.cpuMicros.push(((after - before) * 1000) / sent);
  }
}

/** About 12 s. */
export async function run(): Promise<Figure[]> {
  await using ours = await startMillrace();
  await using theirs = await startMosquitto();
  const [us, them] = [new Runs(), new Runs()];
  for (let i = 0; i < RUNS; i++) {
    await us.add(ours);
    if (theirs) await them.add(theirs);
  }
  const paced = await pacedRun(ours);
  return [
    against(median(us.rates), them.rates),
    ...cpuFigures(us, them),
    { name: `MQTT QoS 1 to durable to PUBACK at ${PACED_RATE}/s, p50`, value: paced.p50Ms, unit: 'ms' },
    { name: `MQTT QoS 1 to durable to PUBACK at ${PACED_RATE}/s, p99`, value: paced.p99Ms, unit: 'ms' },
  ];
}

/** All threads of the broker, the kernel's work for it included: holds still when the machine is busy with other things. */
function cpuFigures(us: Runs, them: Runs): Figure[] {
  if (us.cpuMicros.length === 0) return [];
  const figure = { name: 'MQTT QoS 1 in, durable: processor time a message', value: median(us.cpuMicros), unit: 'µs' };
  if (them.cpuMicros.length === 0) return [figure];
  const floor = { name: 'mosquitto, storing nothing', value: median(them.cpuMicros) };
  return [{ ...figure, floor, ratio: figure.value / floor.value }];
}

function against(value: number, theirs: readonly number[]): Figure {
  const figure = { name: 'MQTT QoS 1 in, durable', value, unit: 'messages/s' };
  if (theirs.length === 0) return figure;
  const floor = { name: 'mosquitto, storing nothing', value: median(theirs) };
  const ratio = value / floor.value;
  return { ...figure, floor, ratio, target: { ratio: 1, met: ratio >= 1 } };
}

function pacedRun({ port }: BrokerProcess): Promise<LoadResult> {
  return runLoad(load(port, { rate: PACED_RATE }));
}

if (import.meta.main) for (const figure of await run()) process.stdout.write(`${formatFigure(figure)}\n`);
