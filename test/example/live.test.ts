/** The example as a user runs it: a real node, deployed by the command, a simulated fleet, a webhook. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { SeriesClient } from '../../examples/machine-health/src/series.ts';
import { systemClock } from '../../src/base/index.ts';
import { main } from '../../src/cli/main.ts';
import { loadFleet, type Summary, simulate } from '../../src/cli/simulate/index.ts';
import type { FlowSnapshot } from '../../src/gateway/console/index.ts';
import { type Node, startNode } from '../../src/node/index.ts';

const EXAMPLE = new URL('../../examples/machine-health', import.meta.url).pathname;
const EVENTS = 8000;

const alerts: { alertId: string; device: string }[] = [];
const webhook = createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) body += chunk;
  const message = JSON.parse(body) as { Type: string; Message: string; SubscribeURL?: string };
  if (message.Type === 'Notification') alerts.push(JSON.parse(message.Message));
  else await fetch(message.SubscribeURL!);
  response.end();
});
let directory: string;
let node: Node;
let series: SeriesClient;
let summary: Summary;

before(async () => {
  webhook.listen(0, '127.0.0.1');
  await once(webhook, 'listening');
  directory = await mkdtemp(join(tmpdir(), 'machine-health-'));
  node = await startNode({ dataDirectory: directory, host: '127.0.0.1', httpPort: 0, mqttPort: 0, mode: 'dev' });
  series = new SeriesClient(node.endpoint, 'machines');
  const { port } = webhook.address() as AddressInfo;
  const output: string[] = [];
  const terminal = {
    out: (text: string) => void output.push(text),
    err: (text: string) => void output.push(text),
    colours: false,
    errColours: false,
  };
  const parameter = `WebhookUrl=http://127.0.0.1:${port}/alerts`;
  const code = await main(['deploy', EXAMPLE, '--endpoint-url', node.endpoint, '--parameter', parameter], terminal);
  assert.equal(code, 0, output.join(''));
  const fleet = await loadFleet(join(EXAMPLE, 'fleet.yaml'));
  summary = await simulate({
    fleet: { ...fleet, ...node.mqtt, devices: 4, rate: 1000, malformed: 0.005 },
    clock: systemClock,
    signal: new AbortController().signal,
    count: EVENTS,
  });
});

after(async () => {
  await node?.[Symbol.asyncDispose]();
  webhook.closeAllConnections();
  webhook.close();
  await rm(directory, { recursive: true });
});

/** Asks until `holds`: the last batch closes after its window of a second. */
async function eventually<T>(ask: () => Promise<T>, holds: (value: T) => boolean): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    const value = await ask();
    if (holds(value) || attempt === 100) return value;
    await systemClock.sleep(50);
  }
}

async function deadLetters(): Promise<number> {
  const response = await fetch(node.endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': 'AmazonSQS.GetQueueAttributes' },
    body: JSON.stringify({
      QueueUrl: `${node.endpoint}/000000000000/machine-dead-letters`,
      AttributeNames: ['ApproximateNumberOfMessages'],
    }),
  });
  const { Attributes } = (await response.json()) as { Attributes: { ApproximateNumberOfMessages: string } };
  return Number(Attributes.ApproximateNumberOfMessages);
}

const count = async (table: string) => Number((await series.query(`SELECT count(*) AS n FROM ${table}`))[0]?.n ?? 0);

test('every message is a point or a dead letter: none is lost, none counts twice', async () => {
  assert.equal(summary.acked, EVENTS);
  const points = await eventually(
    () => count('machine'),
    (n) => n === EVENTS - summary.malformed,
  );
  assert.equal(points, EVENTS - summary.malformed);
  assert.ok(summary.malformed > 0);
  assert.equal(await deadLetters(), summary.malformed);
});

test('every alert that was raised reaches the webhook', async () => {
  const raised = await series.query('SELECT device, time FROM alerts');
  assert.ok(raised.length > 0);
  await eventually(
    async () => new Set(alerts.map(({ alertId }) => alertId)).size,
    (n) => n === raised.length,
  );
  assert.deepEqual(
    [...new Set(alerts.map(({ alertId }) => alertId))].map((id) => id.split('@')[0]).sort(),
    raised.map(({ device }) => String(device)).sort(),
  );
});

test('the flow shows the whole way', async () => {
  const detectorOf = ({ nodes }: FlowSnapshot) => nodes.find(({ kind }) => kind === 'function')!;
  // The picture is taken once a second.
  const flow = await eventually(
    async () => (await (await fetch(`${node.endpoint}/_millrace/api/flow`)).json()) as FlowSnapshot,
    (snapshot) => detectorOf(snapshot)?.totals.events === EVENTS,
  );
  const kinds = new Set(flow.nodes.map(({ kind }) => kind));
  for (const kind of ['devices', 'rule', 'stream', 'function', 'series', 'topic', 'queue'] as const) {
    assert.ok(kinds.has(kind), `no ${kind} in ${[...kinds].join(', ')}`);
  }
  const detector = detectorOf(flow);
  assert.equal(detector.totals.events, EVENTS);
  assert.equal(detector.totals.errors, 0);
});
