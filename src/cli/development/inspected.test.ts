import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import type { Application } from '../application/template.ts';
import { checkPortsFree, chooseInspected } from './inspected.ts';

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

test('a port that somebody else has is refused, one that is free is not', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await assert.rejects(checkPortsFree([port]), new RegExp(`127\\.0\\.0\\.1:${port} is in use; name another port`));
  server.close();
  await once(server, 'close');
  await checkPortsFree([port]);
});
