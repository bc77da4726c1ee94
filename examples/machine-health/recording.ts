/** The recording that the simulated machines replay, and what people have labelled in it. Not deployed: for scoring only. */
import { readFileSync } from 'node:fs';

export interface Sample {
  /** Epoch milliseconds; the recording carries no zone and is read as UTC. */
  readonly time: number;
  readonly celsius: number;
}

/** A span in which something was wrong with the machine, ends included, epoch milliseconds. */
export interface Window {
  readonly start: number;
  readonly end: number;
}

const RECORDING = 'machine_temperature_system_failure.csv';
const data = (name: string) => readFileSync(new URL(`data/${name}`, import.meta.url), 'utf8');
const utc = (text: string) => Date.parse(`${text.replace(' ', 'T')}Z`);

export function readRecording(): Sample[] {
  const [, ...rows] = data(RECORDING).trim().split('\n');
  return rows.map((row) => {
    const [time, fahrenheit] = row.split(',') as [string, string];
    return { time: utc(time), celsius: (Number(fahrenheit) - 32) / 1.8 };
  });
}

export function readWindows(): Window[] {
  const windows = JSON.parse(data('anomaly_windows.json'))[RECORDING] as [string, string][];
  return windows.map(([start, end]) => ({ start: utc(start), end: utc(end) }));
}
