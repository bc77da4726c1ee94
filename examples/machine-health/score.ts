/**
 * Says what the detector is worth: compares its alerts with the windows that people have labelled in the recording.
 *
 *   node score.ts                               the recording from its start to its end
 *   node score.ts --fleet 100 --readings 5000   a fleet that starts all over the recording, as `millrace simulate` does
 *   node score.ts --grid                        how the settings were chosen, and how lucky the choice was
 *   node score.ts --live http://127.0.0.1:4566  what the deployed function has raised so far
 */
import { parseArgs } from 'node:util';
import { readRecording, readWindows, type Sample, type Window } from './recording.ts';
import { earliness, type Score, scoreOf, type Watch } from './scoring.ts';
import { type DetectorSettings, judge, SETTINGS } from './src/detector.ts';
import { SeriesClient } from './src/series.ts';

/** The settings were chosen on what lies before this moment; all after it was held out. */
const HELD_OUT_FROM = Date.UTC(2014, 0, 10);
const STEP_MS = 300_000;

const { values } = parseArgs({
  options: {
    fleet: { type: 'string' },
    readings: { type: 'string', default: '5000' },
    grid: { type: 'boolean' },
    live: { type: 'string' },
    database: { type: 'string', default: 'machines' },
  },
});

const windows = readWindows();
if (values.live) await scoreLive(values.live, values.database);
else if (values.grid) scoreGrid();
else if (values.fleet) scoreFleet(Number(values.fleet), Number(values.readings));
else scoreRecording();

function before(time: number): boolean {
  return time < HELD_OUT_FROM;
}

/** The score of one part of the recording; the detector has seen all that came before. */
function scorePart(watch: Watch, isIn: (time: number) => boolean): Score {
  const part = { ...watch, alerts: watch.alerts.filter(isIn) };
  return scoreOf(
    [part],
    windows.filter(({ start }) => isIn(start)),
  );
}

function scoreRecording(): void {
  const watch = replay(readRecording());
  print('whole recording', scoreOf([watch], windows));
  print('first part (settings chosen on it)', scorePart(watch, before));
  print(
    'second part (held out)',
    scorePart(watch, (time) => !before(time)),
  );
  printTimes(watch);
}

/** Tries settings on the first part, and only then looks at what the best of them do on the second. */
function scoreGrid(): void {
  const samples = readRecording();
  const tried = gridOf().map((settings) => {
    const watch = replay(samples, settings);
    const heldOut = scorePart(watch, (time) => !before(time)).f1 || 0;
    return { settings, chosenOn: scorePart(watch, before).f1 || 0, heldOut };
  });
  const best = Math.max(...tried.map(({ chosenOn }) => chosenOn));
  const tied = tried.filter(({ chosenOn }) => chosenOn === best).sort((a, b) => a.heldOut - b.heldOut);
  console.log(
    `${tied.length} of ${tried.length} settings reach the best F1 on the first part, ${best.toFixed(2)}; held out:`,
  );
  for (const { settings, heldOut } of tied) {
    const { threshold, unusualReadings, levelWeight, baselineWeight } = settings;
    const days = Math.round(1 / baselineWeight / 288);
    const hours = Math.round((2 / levelWeight - 1) / 12);
    console.log(
      `  ${heldOut.toFixed(2)}  threshold ${threshold}, ${unusualReadings} readings, level ${hours} h, baseline ${days} d`,
    );
  }
}

function gridOf(): DetectorSettings[] {
  return [2, 2.5, 3].flatMap((threshold) =>
    [6, 12, 24].flatMap((unusualReadings) =>
      [12, 24, 36].flatMap((span) =>
        [4, 7, 10].map((days) => ({
          ...SETTINGS,
          threshold,
          unusualReadings,
          levelWeight: 2 / (span + 1),
          baselineWeight: 1 / (days * 288),
        })),
      ),
    ),
  );
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

function replay(samples: readonly Sample[], settings = SETTINGS): Watch {
  const alerts: number[] = [];
  let state: Parameters<typeof judge>[0];
  for (const { celsius, time } of samples) {
    const judgement = judge(state, celsius, time, settings);
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
