import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { main } from './main.ts';

let directory: string;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'simulate-'));
});
after(() => rm(directory, { recursive: true }));

async function simulate(fleet: string, ...options: string[]) {
  const file = join(directory, 'fleet.yaml');
  await writeFile(file, fleet);
  const written = { out: [] as string[], err: [] as string[] };
  const terminal = {
    out: (text: string) => void written.out.push(text),
    err: (text: string) => void written.err.push(text),
    colours: false,
    errColours: false,
  };
  const code = await main(['simulate', file, ...options], terminal);
  return { code, out: written.out.join(''), err: written.err.join('') };
}

const FLEET = 'devices: {count: 3, topic: "a/{device}", qos: 0}\nrate: 10\n';

test('the summary is one line of JSON on stdout, all else goes to stderr', async () => {
  // Nobody listens on port 1: without a connection nothing is sent, and nothing remains unacknowledged.
  const { code, out, err } = await simulate(FLEET, '--broker', 'mqtt://127.0.0.1:1', '--duration', '1', '--json');
  assert.equal(code, 0);
  const summary = JSON.parse(out);
  assert.deepEqual([summary.devices, summary.sent, summary.unacknowledged], [3, 0, 0]);
  assert.match(err, /^3 devices, 30 messages a second to 127\.0\.0\.1:1; Ctrl-C ends\n/);
});

test('a fleet file with a mistake is refused before anything is sent', async () => {
  const { code, err } = await simulate('devices: {count: 0, topic: "a"}\nrate: 1\n');
  assert.equal(code, 2);
  assert.match(err, /fleet\.yaml:1: devices\.count must be >= 1/);
});

test('a broker that is no MQTT URL is refused', async () => {
  const { code, err } = await simulate(FLEET, '--broker', 'http://127.0.0.1');
  assert.equal(code, 2);
  assert.match(err, /--broker must be mqtt:\/\/HOST:PORT/);
});
