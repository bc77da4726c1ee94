import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../base/index.ts';
import { DevicePayloads, Pace } from './device.ts';
import { LatencyHistogram } from './figures.ts';
import { deviceId, type Fleet, loadFleet, parseFleet } from './fleet.ts';

const EXAMPLE = new URL('../../../examples/machine-health/fleet.yaml', import.meta.url).pathname;

const FLEET: Fleet = {
  host: 'h',
  port: 1883,
  protocol: 5,
  devices: 2,
  idPattern: 'd-{00}',
  topicPattern: 't/{device}',
  qos: 1,
  window: 4,
  keepAliveSeconds: 60,
  buffer: 0,
  sessionExpirySeconds: 3600,
  connect: { atOnce: 200, spreadSeconds: 0 },
  reconnect: { backoffSecondsMax: 5 },
  outages: [],
  rate: 10,
  jitter: 0,
  malformed: 0,
  seed: 1,
  columns: {},
  payload: { unit: 'F' },
  recording: {
    rows: 4,
    times: Float64Array.of(0, 1000, 2000, 3000),
    fields: { temperature: Float64Array.of(1, 2, 3, 4) },
  },
};

const read = (payload: Buffer) => JSON.parse(payload.toString());

test('the example fleet is valid and finds its recording', async () => {
  const fleet = await loadFleet(EXAMPLE);
  assert.equal(fleet.recording!.rows, 22_695);
  assert.equal(fleet.recording!.fields.temperature![0], 73.96732207);
  assert.equal(new Date(fleet.recording!.times[0]!).toISOString(), '2013-12-02T21:15:00.000Z');
});

test('a mistake is named with its line', () => {
  const text = 'devices:\n  count: many\n  topic: a/{device}\nrate: 1\nspeed: 4\n';
  assert.throws(() => parseFleet(text, 'fleet.yaml'), /fleet\.yaml:2: devices\.count must be integer/);
  assert.throws(() => parseFleet(text, 'fleet.yaml'), /has no setting "speed"/);
  assert.throws(() => parseFleet('devices: [', 'fleet.yaml'), /fleet\.yaml:\d+: /);
  assert.throws(() => parseFleet('devices: {count: 1, topic: "a/+"}\nrate: 1', 'f'), /devices\.topic/);
});

test('a device id holds its index', () => {
  assert.equal(deviceId('press-{0000}', 17), 'press-0017');
  assert.equal(deviceId('p{0}', 117), 'p117');
});

test('each device replays the recording from its own place, round and round', () => {
  const values = (index: number) => {
    const payloads = new DevicePayloads(FLEET, index, seededRandom(1));
    return [1, 2, 3, 4, 5].map((now) => read(payloads.next(now)).temperature);
  };
  assert.deepEqual(values(0), [1, 2, 3, 4, 1]);
  assert.deepEqual(values(1), [3, 4, 1, 2, 3]);
});

test('acceleration moves through the recording by time', () => {
  const payloads = new DevicePayloads({ ...FLEET, acceleration: 20 }, 0, seededRandom(1));
  const at = [1000, 1025, 1050, 1075, 1100, 1200].map((now) => read(payloads.next(now)).temperature);
  // 20 times: 50 ms of ours are a row. The row is that of the moment before, so it shows one message later.
  assert.deepEqual(at, [1, 1, 1, 2, 2, 3]);
});

test('no two messages of a device carry the same time', () => {
  const payloads = new DevicePayloads(FLEET, 0, seededRandom(1));
  const times = [5, 5, 5, 6].map((now) => read(payloads.next(now)).ts);
  assert.deepEqual(times, [5, 6, 7, 8]);
});

test('the malformed share is kept, the same under the same seed, and none of it is a valid reading', () => {
  const run = () => {
    const payloads = new DevicePayloads({ ...FLEET, malformed: 0.1 }, 0, seededRandom(7));
    const made = Array.from({ length: 2000 }, (_, i) => payloads.next(i + 1));
    return { malformed: payloads.malformed, made };
  };
  const { malformed, made } = run();
  assert.ok(Math.abs(malformed - 200) < 50, `${malformed} of 2000`);
  const valid = made.filter((payload) => {
    try {
      return Number.isInteger(read(payload).ts);
    } catch {
      return false;
    }
  });
  assert.equal(valid.length, 2000 - malformed);
  assert.deepEqual(run().made, made);
});

test('the pace keeps its rate under jitter, and a spike multiplies it', () => {
  const pace = new Pace(
    { ...FLEET, jitter: 0.5, spikes: { everySeconds: 10, durationSeconds: 2, factor: 4 } },
    seededRandom(3),
  );
  const mean = (at: number) => Array.from({ length: 2000 }, () => pace.pause(at)).reduce((a, b) => a + b) / 2000;
  assert.ok(Math.abs(mean(0) - 100) < 3);
  assert.ok(Math.abs(mean(8500) - 25) < 1);
});

test('latency quantiles are right to a few per cent', () => {
  const latencies = new LatencyHistogram();
  for (let i = 1; i <= 1000; i++) latencies.add(i / 10);
  assert.ok(Math.abs(latencies.quantile(0.5) - 50) < 2.5);
  assert.ok(Math.abs(latencies.quantile(0.99) - 99) < 5);
  assert.equal(new LatencyHistogram().quantile(0.5), 0);
});
