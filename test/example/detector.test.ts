import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { readRecording, readWindows } from '../../examples/machine-health/recording.ts';
import { earliness, scoreOf } from '../../examples/machine-health/scoring.ts';
import { type DetectorState, judge, SETTINGS } from '../../examples/machine-health/src/detector.ts';

const STEP_MS = 300_000;

function run(values: readonly number[], state?: DetectorState, from = 0) {
  const alerts: number[] = [];
  values.forEach((celsius, index) => {
    const judgement = judge(state, celsius, (from + index) * STEP_MS);
    state = judgement.state;
    if (judgement.alert) alerts.push(from + index);
  });
  return { alerts, state: state! };
}

/** A machine at 30 °C that sways by a degree. */
const calm = (count: number) => Array.from({ length: count }, (_, i) => 30 + Math.sin(i / 7));

test('a calm machine raises nothing, and one that leaves its level raises one alert, not many', () => {
  assert.deepEqual(run(calm(3000)).alerts, []);
  const { alerts } = run([...calm(2000), ...Array(200).fill(10)]);
  assert.equal(alerts.length, 1);
  assert.ok(alerts[0]! > 2000 && alerts[0]! < 2000 + 3 * SETTINGS.unusualReadings);
});

test('nothing is raised while a machine warms up', () => {
  const { alerts } = run([...calm(100), ...Array(SETTINGS.warmUpReadings - 100).fill(-20)]);
  assert.deepEqual(alerts, []);
});

test('a single wild reading raises nothing', () => {
  assert.deepEqual(run([...calm(2000), 500, ...calm(100)]).alerts, []);
});

test('a state that went through JSON carries on as if nothing had happened', () => {
  const values = [...calm(1500), ...Array(150).fill(15), ...calm(800), ...Array(150).fill(50)];
  const whole = run(values);
  const first = run(values.slice(0, 1570));
  const second = run(values.slice(1570), JSON.parse(JSON.stringify(first.state)), 1570);
  assert.deepEqual([...first.alerts, ...second.alerts], whole.alerts);
  assert.deepEqual(second.state, whole.state);
  assert.equal(whole.alerts.length, 2);
});

test('a gap in time begins a new story; an hour back does not', () => {
  const { state } = run(calm(1000));
  assert.equal(judge(state, 30, state.time + SETTINGS.gapMsMax + 1).state.readings, 1);
  assert.equal(judge(state, 30, state.time - 3600_000).state.readings, 1001);
});

test('the score that the README gives is the one that comes out', () => {
  const script = new URL('../../examples/machine-health/score.ts', import.meta.url).pathname;
  const { stdout, stderr } = spawnSync(process.execPath, [script], { encoding: 'utf8' });
  assert.equal(stderr, '');
  const figures = [...stdout.matchAll(/(?:precision|recall|F1) +([\d.]+)/g)].map((match) => Number(match[1]));
  assert.deepEqual(figures, [0.63, 1, 0.77, 0.67, 1, 0.8, 0.6, 1, 0.75]);
});

test('a window that was watched only in part counts for precision, not for recall', () => {
  const windows = [{ start: 100, end: 200 }];
  const part = scoreOf([{ from: 150, to: 300, alerts: [160, 250] }], windows);
  assert.deepEqual([part.windows, part.right, part.precision], [0, 1, 0.5]);
  const whole = scoreOf(
    [
      { from: 0, to: 300, alerts: [160] },
      { from: 0, to: 300, alerts: [] },
    ],
    windows,
  );
  assert.deepEqual([whole.found, whole.windows, whole.recall], [1, 2, 0.5]);
});

test('an early alert weighs more than a late one', () => {
  const window = { start: 0, end: 100 };
  assert.ok(earliness(window, 0) > 0.98);
  assert.ok(earliness(window, 50) > earliness(window, 90));
  assert.ok(Math.abs(earliness(window, 100)) < 1e-9);
});

test('the recording is whole, and its labels lie in it', () => {
  const samples = readRecording();
  assert.equal(samples.length, 22_695);
  for (const { start, end } of readWindows()) assert.ok(start > samples[0]!.time && end < samples.at(-1)!.time);
});
