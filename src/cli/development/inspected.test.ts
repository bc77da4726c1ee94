import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Application } from '../application/template.ts';
import { chooseInspected } from './inspected.ts';

const fn = (logicalId: string, runtime = 'nodejs24.x') => ({
  logicalId,
  runtime,
  codePath: '/',
  handler: 'a.b',
  metadata: {},
  published: false,
});
const application: Application = {
  directory: '/',
  templateFile: '/template.yaml',
  template: {},
  functions: [fn('Alerts'), fn('Detector'), fn('Snake', 'python3.12')],
  layers: [],
};

test('functions get the ports that were asked for, else the first free ones', () => {
  assert.deepEqual(
    [...chooseInspected(['Alerts', 'Detector'], application)],
    [
      ['Alerts', 9229],
      ['Detector', 9230],
    ],
  );
  assert.deepEqual([...chooseInspected(['Detector:5000'], application)], [['Detector', 5000]]);
  assert.equal(chooseInspected([], undefined).size, 0);
});

for (const [given, message] of [
  [['Alert'], /no function Alert; did you mean Alerts\?/],
  [['Zzzzzzzzzz'], /it has Alerts, Detector, Snake/],
  [['Snake'], /Snake runs on python3\.12; only functions of Node/],
  [['Alerts:0'], /a port is a number from 1 to 65535/],
  [['Alerts:7', 'Detector:7'], /port 7 is taken/],
] as const) {
  test(`refused: --inspect ${given.join(' ')}`, () => {
    assert.throws(() => chooseInspected(given, application), message);
  });
}

test('without an application there is nothing to inspect', () => {
  assert.throws(() => chooseInspected(['Alerts'], undefined), /there is no template in the folder/);
});
