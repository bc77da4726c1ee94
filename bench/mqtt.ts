/**
 * MQTT QoS 1 in: what the broker accepts a second, beside Debian's mosquitto under the same generator in the same run.
 * Ours makes every message durable in a stream before it acknowledges; mosquitto stores nothing.
 * The broker has one core, the generator the other. Not measured: TLS, fan-out, reading the stream.
 */
import type { Figure } from './figure.ts';
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

/** About 12 s. */
export async function mqttFigures(): Promise<Figure[]> {
  await using ours = await startMillrace();
  await using theirs = await startMosquitto();
  const rates = { ours: [] as number[], theirs: [] as number[] };
  for (let run = 0; run < RUNS; run++) {
    rates.ours.push((await runLoad(load(ours.port))).rate);
    if (theirs) rates.theirs.push((await runLoad(load(theirs.port))).rate);
  }
  const floor = theirs && median(rates.theirs);
  const value = median(rates.ours);
  const paced = await pacedRun(ours);
  return [
    {
      name: 'MQTT QoS 1 in, every message fsynced (mosquitto beside it stores none)',
      value,
      unit: 'messages/s',
      ...(floor && {
        floor: { name: 'mosquitto, not storing', value: floor },
        ratio: value / floor,
        target: { ratio: 1, met: value >= floor },
      }),
    },
    { name: `MQTT QoS 1 to PUBACK at ${PACED_RATE}/s, p50`, value: paced.p50Ms, unit: 'ms' },
    { name: `MQTT QoS 1 to PUBACK at ${PACED_RATE}/s, p99`, value: paced.p99Ms, unit: 'ms' },
  ];
}

function pacedRun({ port }: BrokerProcess): Promise<LoadResult> {
  return runLoad(load(port, { rate: PACED_RATE }));
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

if (import.meta.main) process.stdout.write(`${JSON.stringify(await mqttFigures(), undefined, 2)}\n`);
