/** The example as a user runs it: a real node, deployed by the command, a simulated fleet, a webhook, a mail server. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type ParsedMail, simpleParser } from 'mailparser';
import { SMTPServer } from 'smtp-server';
import { SeriesClient } from '../../examples/machine-health/src/series.ts';
import { systemClock } from '../../src/base/index.ts';
import { main } from '../../src/cli/main.ts';
import { loadFleet, type Summary, simulate } from '../../src/cli/simulate/index.ts';
import type { FlowSnapshot } from '../../src/gateway/console/index.ts';
import { type Node, startNode } from '../../src/node/index.ts';

const EXAMPLE = new URL('../../examples/machine-health', import.meta.url).pathname;
/** Of eight machines, each from a place of its own in the recording: five alerts are raised, three of them critical. */
const EVENTS = 16_000;

const EMAIL = 'operator@plant.example';

interface Received {
  readonly alertId: string;
  readonly device: string;
  readonly severity: string;
  readonly message: string;
}

const alerts: Received[] = [];
const webhook = createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) body += chunk;
  const message = JSON.parse(body) as { Type: string; Message: string; SubscribeURL?: string };
  if (message.Type === 'Notification') alerts.push(JSON.parse(message.Message));
  else await fetch(message.SubscribeURL!);
  response.end();
});
const mails: ParsedMail[] = [];
const mailServer = new SMTPServer({
  authOptional: true,
  disabledCommands: ['STARTTLS'],
  onData: (stream, _session, done) => {
    simpleParser(stream).then(
      (mail) => {
        mails.push(mail);
        done();
      },
      (error: Error) => done(error),
    );
  },
});
let directory: string;
let node: Node;
let series: SeriesClient;
let summary: Summary;

before(async () => {
  webhook.listen(0, '127.0.0.1');
  await once(webhook, 'listening');
  mailServer.listen(0, '127.0.0.1');
  await once(mailServer.server, 'listening');
  directory = await mkdtemp(join(tmpdir(), 'machine-health-'));
  const { port: smtpPort } = mailServer.server.address() as AddressInfo;
  const smtp = { host: '127.0.0.1', port: smtpPort, security: 'none', from: 'plant@plant.example' } as const;
  node = await startNode({ dataDirectory: directory, host: '127.0.0.1', httpPort: 0, mqttPort: 0, mode: 'dev', smtp });
  series = new SeriesClient(node.endpoint, 'machines');
  const { port } = webhook.address() as AddressInfo;
  const output: string[] = [];
  const terminal = {
    out: (text: string) => void output.push(text),
    err: (text: string) => void output.push(text),
    colours: false,
    errColours: false,
  };
  const given = [`WebhookUrl=http://127.0.0.1:${port}/alerts`, `AlertEmail=${EMAIL}`];
  const parameters = given.flatMap((parameter) => ['--parameter', parameter]);
  const code = await main(['deploy', EXAMPLE, '--endpoint-url', node.endpoint, ...parameters], terminal);
  assert.equal(code, 0, output.join(''));
  await confirm();
  const fleet = await loadFleet(join(EXAMPLE, 'fleet.yaml'));
  summary = await simulate({
    fleet: { ...fleet, ...node.mqtt, devices: 8, rate: 500, malformed: 0.005 },
    clock: systemClock,
    signal: new AbortController().signal,
    count: EVENTS,
  });
});

after(async () => {
  await node?.[Symbol.asyncDispose]();
  webhook.closeAllConnections();
  webhook.close();
  await new Promise<void>((done) => mailServer.close(done));
  await rm(directory, { recursive: true });
});

/** Does what the person does who gets the mail that asks to confirm: opens the link. */
async function confirm(): Promise<void> {
  await eventually(
    async () => mails.length,
    (n) => n > 0,
  );
  const [asking] = mails.splice(0);
  assert.equal([asking?.to].flat()[0]?.text, EMAIL);
  assert.match(asking!.subject!, /Subscription Confirmation/);
  const [link] = /https?:\/\/\S*Action=ConfirmSubscription\S*/.exec(asking!.text!)!;
  assert.equal((await fetch(link)).status, 200);
}

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

test('critical alerts, and no others, go out by e-mail too', async () => {
  const critical = new Map(alerts.filter(({ severity }) => severity === 'critical').map((one) => [one.alertId, one]));
  assert.ok(
    critical.size > 0 && critical.size < new Set(alerts.map(({ alertId }) => alertId)).size,
    'some of each kind',
  );
  await eventually(
    async () => mails.length,
    (n) => n >= critical.size,
  );
  const idOf = (mail: ParsedMail) => /^alert: (.+)$/m.exec(mail.text!)![1]!;
  assert.deepEqual([...new Set(mails.map(idOf))].sort(), [...critical.keys()].sort());
  for (const mail of mails) {
    const alert = critical.get(idOf(mail))!;
    assert.equal(mail.subject, `Critical: ${alert.device}`);
    assert.ok(mail.text!.startsWith(alert.message), mail.text);
    assert.equal(mail.from?.text, '"Machine health" <plant@plant.example>');
  }
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

test('an error of the detector names the line of its source', async () => {
  const url = `${node.endpoint}/2015-03-31/functions/machine-health-detector/invocations`;
  const answer = (await (await fetch(url, { method: 'POST', body: '{}' })).json()) as { trace: string[] };
  assert.match(answer.trace.join('\n'), /\bpipeline\.ts:\d+/);
});
