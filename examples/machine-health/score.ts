/**
 * Says what the detector is worth: compares its alerts with the windows that people have labelled in the recording.
 *
 *   node score.ts                               the recording from its start to its end
 *   node score.ts --fleet 100 --readings 5000   a fleet that starts all over the recording, as `millrace simulate` does
 *   node score.ts --live http://127.0.0.1:4566  what the deployed function has raised so far
 */
import { parseArgs } from 'node:util';
import { readRecording, readWindows, type Sample, type Window } from './recording.ts';
import { earliness, type Score, scoreOf, type Watch } from './scoring.ts';
import { judge, SETTINGS } from './src/detector.ts';
import { SeriesClient } from './src/series.ts';

/** The settings were chosen on what lies before this moment; all after it was held out. */
const HELD_OUT_FROM = Date.UTC(2014, 0, 10);
const STEP_MS = 300_000;

const { values } = parseArgs({
  options: {
    fleet: { type: 'string' },
    readings: { type: 'string', default: '5000' },
    live: { type: 'string' },
    database: { type: 'string', default: 'machines' },
  },
});

const windows = readWindows();
if (values.live) await scoreLive(values.live, values.database);
else if (values.fleet) scoreFleet(Number(values.fleet), Number(values.readings));
else scoreRecording();

function scoreRecording(): void {
  const samples = readRecording();
  const watch = replay(samples);
  const before = (time: number) => time < HELD_OUT_FROM;
  const half = (side: (time: number) => boolean) =>
    scoreOf(
      [{ ...watch, alerts: watch.alerts.filter(side) }],
      windows.filter(({ start }) => side(start)),
    );
  print('whole recording', scoreOf([watch], windows));
  print('first part (settings chosen on it)', half(before));
  print(
    'second part (held out)',
    half((time) => !before(time)),
  );
  printTimes(watch);
}

/** Every machine starts at a place of its own, the last ones run on from the end to the beginning: two watches. */
function scoreFleet(machines: number, readings: number): void {
  const samples = readRecording();
  const watches: Watch[] = [];
  for (let machine = 0; machine < machines; machine++) {
    const from = Math.floor((machine * samples.length) / machines);
    watches.push(replay(samples.slice(from, from + readings)));
    const rest = readings - (samples.length - from);
    if (rest > 0) watches.push(replay(samples.slice(0, rest)));
  }
  print(`${machines} machines of ${readings} readings each`, scoreOf(watches, windows));
}

async function scoreLive(endpoint: string, database: string): Promise<void> {
  const series = new SeriesClient(endpoint, database);
  const runs = await series.query(
    'SELECT device, since, max(until) AS until FROM detector_state GROUP BY device, since',
  );
  const alerts = await series.query('SELECT device, recorded FROM alerts');
  const watches = runs.map(({ device, since, until }): Watch => {
    const from = Number(since) + SETTINGS.warmUpReadings * STEP_MS;
    const raised = alerts.filter((alert) => alert.device === device).map(({ recorded }) => Number(recorded));
    return { from, to: Number(until), alerts: raised.filter((time) => time >= from && time <= Number(until)) };
  });
  print(`live: ${new Set(runs.map(({ device }) => device)).size} machines`, scoreOf(watches, windows));
}

function replay(samples: readonly Sample[]): Watch {
  const alerts: number[] = [];
  let state: Parameters<typeof judge>[0];
  for (const { celsius, time } of samples) {
    const judgement = judge(state, celsius, time);
    state = judgement.state;
    if (judgement.alert) alerts.push(time);
  }
  const from = (samples[0]?.time ?? 0) + SETTINGS.warmUpReadings * STEP_MS;
  return { from, to: samples.at(-1)?.time ?? 0, alerts };
}

function print(title: string, { alerts, right, windows: watched, found, precision, recall, f1 }: Score): void {
  const figure = (value: number) => (Number.isNaN(value) ? 'none' : value.toFixed(2));
  console.log(title);
  console.log(`  precision ${figure(precision)} (${right} of ${alerts} alerts lie in a labelled window)`);
  console.log(`  recall    ${figure(recall)} (${found} of ${watched} windows watched whole had an alert)`);
  console.log(`  F1        ${figure(f1)}`);
}

function printTimes({ alerts }: Watch): void {
  const at = (time: number) => new Date(time).toISOString().slice(0, 16).replace('T', ' ');
  console.log('windows (earliness as the Numenta benchmark weighs it: 1 at the start, 0 at the end)');
  for (const window of windows) {
    const first = alerts.find((time) => time >= window.start && time <= window.end);
    const note =
      first === undefined ? 'missed' : `${describe(window, first)}, earliness ${earliness(window, first).toFixed(2)}`;
    console.log(`  ${at(window.start)} to ${at(window.end)}: ${note}`);
  }
  const wrong = alerts.filter((time) => !windows.some(({ start, end }) => time >= start && time <= end));
  console.log(`false alerts: ${wrong.map(at).join(', ') || 'none'}`);
}

function describe({ start, end }: Window, first: number): string {
  const share = (first - start) / (end - start);
  return `alert ${((first - start) / 3600_000).toFixed(1)} h in (${share < 0.5 ? 'early' : 'late'})`;
}
