import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AlarmSettings, type AlarmState, decide, type MissingData } from './alarm.ts';

const settings = (more: Partial<AlarmSettings>): AlarmSettings => ({
  ...{ namespace: 'n', metricName: 'm', dimensions: {}, statistic: 'Sum', periodSeconds: 60, threshold: 0 },
  ...{ evaluationPeriods: 3, datapointsToAlarm: 3, hasDatapoints: true, comparison: 'GreaterThanThreshold' },
  ...{ missing: 'missing', actionsEnabled: true, actions: { OK: [], ALARM: [], INSUFFICIENT_DATA: [] } },
  ...more,
});

/** `X` breaches, `0` does not, `-` is missing; the newest is last. */
const valuesOf = (text: string) => text.split(' ').map((one) => ({ X: 1, 0: 0 })[one]);

const TREATMENTS: readonly MissingData[] = ['missing', 'ignore', 'breaching', 'notBreaching'];
const KEPT = undefined;
type Row = readonly [values: string, ...states: readonly (AlarmState | undefined)[]];

/** The tables of AWS's guide, "How CloudWatch alarms evaluate missing data". */
const THREE_OF_THREE: readonly Row[] = [
  ['0 - X - X', 'OK', 'OK', 'OK', 'OK'],
  ['0 - - - -', 'OK', 'OK', 'OK', 'OK'],
  ['- - - - -', 'INSUFFICIENT_DATA', KEPT, 'ALARM', 'OK'],
  ['0 X X - X', 'ALARM', 'ALARM', 'ALARM', 'ALARM'],
  ['- - - - X', 'INSUFFICIENT_DATA', KEPT, 'ALARM', 'OK'],
  ['X - - - -', 'ALARM', KEPT, 'ALARM', 'OK'],
];

for (const [values, ...states] of THREE_OF_THREE) {
  test(`3 of 3: ${values}`, () => {
    const decided = TREATMENTS.map((missing) => decide(settings({ missing }), valuesOf(values)));
    assert.deepEqual(decided, states);
  });
}

const TWO_OF_THREE: readonly Row[] = [
  ['0 - X - X', 'ALARM', 'ALARM', 'ALARM', 'ALARM'],
  ['0 0 X 0 X', 'ALARM', 'ALARM', 'ALARM', 'ALARM'],
  ['0 - X - -', 'OK', 'OK', 'ALARM', 'OK'],
  ['- - - - 0', 'OK', 'OK', 'ALARM', 'OK'],
  ['- - - - X', 'INSUFFICIENT_DATA', KEPT, 'ALARM', 'OK'],
];

for (const [values, ...states] of TWO_OF_THREE) {
  test(`2 of 3: ${values}`, () => {
    const decided = TREATMENTS.map((missing) => decide(settings({ missing, datapointsToAlarm: 2 }), valuesOf(values)));
    assert.deepEqual(decided, states);
  });
}

test('each comparison is what it is called', () => {
  const at = (comparison: AlarmSettings['comparison'], value: number) =>
    decide(settings({ comparison, evaluationPeriods: 1, datapointsToAlarm: 1, threshold: 5 }), [value]);
  assert.deepEqual([at('GreaterThanThreshold', 5), at('GreaterThanOrEqualToThreshold', 5)], ['OK', 'ALARM']);
  assert.deepEqual([at('LessThanThreshold', 5), at('LessThanOrEqualToThreshold', 5)], ['OK', 'ALARM']);
});
