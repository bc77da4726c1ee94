/** A node at the far edge: the console's real gateway, over real sockets, with a flow, series and logs that are made up. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { systemClock } from '../../src/base/index.ts';
import {
  type AdminApi,
  deadLetterApi,
  type FlowReading,
  fleetApi,
  openConsole,
} from '../../src/gateway/console/index.ts';
import { createSpans, silentLogger } from '../../src/telemetry/index.ts';
import { MemoryFleet } from './memory-fleet.ts';
import { MemoryLetters } from './memory-letters.ts';

export interface Fixture extends AsyncDisposable {
  readonly url: string;
  /** Paths that were asked for, in order. */
  readonly requests: string[];
  /** What the flow is, from the next second on. */
  reading: (elapsedSeconds: number) => FlowReading;
  /** Answers every SQL query and log call with this error while it is set. */
  failure: { readonly status: number; readonly message: string } | undefined;
  /** Whether anything has been written yet. */
  hasData: boolean;
  /** Ages in milliseconds that no device has readings of. */
  silence: { readonly from: number; readonly to: number } | undefined;
  letters: MemoryLetters;
  fleet: MemoryFleet;
  /** What `authorization` dead letters and mappings ask for; absent asks for none. */
  authorization: string | undefined;
  /** Commands that event source mappings were given. */
  commands: { readonly path: string; readonly input: any }[];
  /** Everything as it was at first. */
  reset(): void;
}

const FUNCTION = 'arn:aws:lambda:us-east-1:000000000000:function:machine-health-detector';
const STREAM = 'arn:aws:kinesis:us-east-1:000000000000:stream/telemetry';
const TOPIC = 'arn:aws:sns:us-east-1:000000000000:machine-alerts';
const QUEUE = 'arn:aws:sqs:us-east-1:000000000000:machine-dead-letters';
const RULE = 'arn:aws:iot:us-east-1:000000000000:rule/telemetry_to_stream';
const HOOK = 'http://127.0.0.1:9000/alerts';
const LOG_GROUP = '/aws/lambda/machine-health-detector';

/** The machine health example at 2,000 events a second, with the sway that a real one has. */
export function machineHealth(t: number): FlowReading {
  const events = Math.round(2000 * t + 900 * Math.sin(t / 5) + 250 * Math.sin(t * 1.7));
  const bad = Math.floor(events / 1000);
  const alerts = Math.floor(t / 3);
  const p99 = 11 + 3 * Math.sin(t / 4);
  return {
    nodes: [
      {
        id: 'devices',
        kind: 'devices',
        label: 'devices',
        gauges: { connected: 40 },
        counters: { events, bytes: events * 142 },
      },
      {
        id: RULE,
        kind: 'rule',
        label: 'telemetry_to_stream',
        gauges: { p50Ms: 0.004, p99Ms: 0.02 },
        counters: { events, errors: 0 },
      },
      {
        id: STREAM,
        kind: 'stream',
        label: 'telemetry',
        gauges: { lagMs: 14 + 8 * Math.sin(t), shards: 2, p99Ms: 3.2 },
        counters: { events, bytes: events * 142 },
      },
      {
        id: FUNCTION,
        kind: 'function',
        label: 'machine-health-detector',
        gauges: { p50Ms: 6.4, p99Ms: p99, busy: 2, idle: 1 },
        counters: { events, calls: Math.round(events / 312), errors: 0, coldStarts: 3 },
        logGroup: LOG_GROUP,
      },
      {
        id: 'series:machines',
        kind: 'series',
        label: 'machines',
        gauges: { p50Ms: 1.9, p99Ms: 7.5 },
        counters: { events: events + 200, calls: Math.round(events / 312) },
      },
      { id: TOPIC, kind: 'topic', label: 'machine-alerts', gauges: { pending: 0 }, counters: { events: alerts } },
      {
        id: QUEUE,
        kind: 'queue',
        label: 'machine-dead-letters',
        gauges: { pending: bad, oldestAgeMs: t * 1000 },
        counters: { events: bad },
      },
      {
        id: HOOK,
        kind: 'webhook',
        label: '127.0.0.1:9000',
        gauges: { pending: 0, p50Ms: 2.1 },
        counters: { events: alerts },
      },
    ],
    edges: [
      { from: 'devices', to: RULE, events, via: 'push' },
      { from: RULE, to: STREAM, events, via: 'push' },
      { from: STREAM, to: FUNCTION, events, via: 'pull' },
      { from: FUNCTION, to: 'series:machines', events: events + 200, via: 'write' },
      { from: FUNCTION, to: TOPIC, events: alerts, via: 'write' },
      { from: FUNCTION, to: QUEUE, events: bad, via: 'write' },
      { from: TOPIC, to: HOOK, events: alerts, via: 'push' },
    ],
  };
}

const ORDERS = 'arn:aws:sqs:us-east-1:000000000000:orders';
const ORDERS_DEAD = 'arn:aws:sqs:us-east-1:000000000000:orders-dead-letters';
const BILLING = 'arn:aws:lambda:us-east-1:000000000000:function:billing';
const CRM = 'https://crm.example/hooks/orders';
const MAIL = 'mailto:plant@example.org';

/** A fan-out on a bad day: one target fails, a queue grows, a mapping is paused, dead letters lie about. */
export function badDay(t: number): FlowReading {
  const events = Math.round(40 * t);
  const behind = Math.round(1200 + 31 * t);
  const policy = 'filter: {"severity":["high"]}';
  return {
    nodes: [
      { id: TOPIC, kind: 'topic', label: 'orders', counters: { events } },
      {
        id: ORDERS,
        kind: 'queue',
        label: 'orders',
        gauges: { pending: behind, inFlight: 40, delayed: 3, oldestAgeMs: 95_000 },
        counters: { events },
      },
      {
        id: ORDERS_DEAD,
        kind: 'queue',
        label: 'orders-dead-letters',
        gauges: { pending: 214, inFlight: 0, delayed: 0, oldestAgeMs: 5_400_000 },
        counters: { events: 214 },
        isDeadLetterQueue: true,
      },
      {
        id: BILLING,
        kind: 'function',
        label: 'billing',
        gauges: { p50Ms: 12, p99Ms: 80, busy: 4, idle: 0 },
        counters: { events: Math.round(9 * t), calls: Math.round(2 * t), errors: 3, coldStarts: 4 },
        logGroup: '/aws/lambda/billing',
      },
      { id: STREAM, kind: 'stream', label: 'telemetry', gauges: { shards: 2, lagMs: 40 }, counters: { events } },
      { id: FUNCTION, kind: 'function', label: 'detector', counters: { events: 0, calls: 0, errors: 0 } },
      { id: CRM, kind: 'webhook', label: 'crm.example', counters: { events: 12 } },
      { id: MAIL, kind: 'email', label: 'plant@example.org', counters: { events: Math.floor(t / 2) } },
    ],
    edges: [
      { from: TOPIC, to: ORDERS, events, via: 'push', pending: 0, oldestAgeMs: 0, inFlight: 0, retries: 0 },
      {
        ...{ from: TOPIC, to: CRM, events: 12, via: 'push', pending: 340, oldestAgeMs: 62_000, inFlight: 1 },
        ...{
          retries: Math.floor(t),
          errors: Math.floor(t),
          lost: 2,
          lastError: 'ECONNREFUSED: connect 203.0.113.7:443',
        },
      },
      { from: TOPIC, to: MAIL, events: Math.floor(t / 2), via: 'push', pending: 0, retries: 0, note: policy },
      {
        ...{ from: ORDERS, to: BILLING, events: Math.round(9 * t), via: 'pull', pending: behind, oldestAgeMs: 95_000 },
        ...{ inFlight: 40, poller: { id: 'c0ffee00-aaaa', region: 'us-east-1', paused: [], canReplay: false } },
      },
      {
        ...{ from: STREAM, to: FUNCTION, events: 0, via: 'pull', pending: 880, oldestAgeMs: 240_000 },
        poller: { id: 'c0ffee00-bbbb', region: 'us-east-1', paused: ['admin'], canReplay: true },
      },
      { from: ORDERS, to: ORDERS_DEAD, events: 214, via: 'dead-letter' },
    ],
    deadLetters: 216,
  };
}

const REFUSALS = [
  {
    ...{ clientId: 'press-00021', firstAt: 0, lastAt: systemClock.now() - 9000, count: 3, action: 'iot:Publish' },
    ...{ name: 'plants/south/all/stop', because: 'no statement allows it' },
  },
];

/** One policy, which lets a press publish its telemetry and nothing else. */
function explained({ action, name }: { readonly action: string; readonly name: string }) {
  const isAllowed = action === 'Publish' && name.endsWith('/telemetry');
  const because = isAllowed ? 'statement 1 of presses allows it' : 'no statement allows it';
  return {
    ...{ action: `iot:${action}`, resource: `arn:aws:iot:us-east-1:000000000000:topic/${name}`, because },
    verdict: isAllowed ? 'ALLOWED' : 'IMPLICIT_DENY',
    findings: [
      {
        ...{
          policy: 'presses',
          via: 'certificate',
          statement: 1,
          sid: 'Telemetry',
          effect: 'Allow',
          applies: isAllowed,
        },
        because: isAllowed ? 'it is about this topic' : `none of its resources matches ${name}`,
      },
    ],
  };
}

/** Devices of the fleet, as many as the table must bear. */
const FLEET = 20_000;

const TRACE = '0af7651916cd43dd8448eb211c80319c';

/** Dead letters of three kinds: moved by a redrive policy, given up by a function, lost by a webhook. */
export function someLetters(): MemoryLetters {
  const now = systemClock.now();
  return new MemoryLetters()
    .add(ORDERS_DEAD, 214, (index) => ({
      target: index % 3 ? ORDERS : BILLING,
      source: index % 3 ? ORDERS : TOPIC,
      errorCode: index % 3 ? 'MaxReceivesExceeded' : 'TypeError',
      errorMessage:
        index % 3 ? 'received 5 times and never deleted' : "Cannot read properties of undefined (reading 'price')",
      attempts: index % 3 ? 5 : 3,
      sentAt: now - 5_400_000 + index * 1000,
      givenUpAt: now - 5_100_000 + index * 1000,
      body: `{"order":${9_007_199_254_740_993n + BigInt(index)},"customer":"c-${index}","lines":[{"sku":"A-${index}","quantity":2}]}`,
      attributes: { messageAttributes: { kind: { DataType: 'String', StringValue: 'order' } } },
      ...(index === 0 && { traceId: TRACE }),
    }))
    .add('outbox', 2, (index) => ({
      target: CRM,
      source: TOPIC,
      errorCode: 'ECONNREFUSED',
      errorMessage: 'connect ECONNREFUSED 203.0.113.7:443',
      attempts: 4,
      sentAt: now - 400_000 + index,
      givenUpAt: now - 120_000 + index,
    }));
}

export async function startFixture(): Promise<Fixture> {
  const startedAt = systemClock.monotonic();
  const elapsed = () => (systemClock.monotonic() - startedAt) / 1000;
  const console = await openConsole({
    source: { read: () => fixture.reading(elapsed()) },
    clock: systemClock,
    logger: silentLogger,
  });
  const server = createServer((request, response) => {
    fixture.requests.push(request.url!);
    void answer(request, response);
  });
  const spans = createSpans();
  const begun = systemClock.now() - 5_400_000;
  const span = (spanId: string, parentSpanId: string | undefined, name: string, at: number, durationMs: number) =>
    spans.record({
      ...{ traceId: TRACE, spanId, name, kind: 'internal', startMs: begun + at, durationMs, attributes: {} },
      ...(parentSpanId !== undefined && { parentSpanId }),
      ...(name === 'billing' && { error: 'TypeError' }),
    });
  span('a1', undefined, 'sns.Publish', 0, 9);
  span('a2', 'a1', 'deliver orders', 3, 4);
  span('a3', 'a2', 'billing', 12, 31);
  span('a4', 'a3', 'Invocation', 13, 28);
  /** The real APIs over what is in memory; the node's guard before them is tested with the node. */
  const apis: readonly (readonly [prefix: string, open: () => AdminApi])[] = [
    [
      '/_millrace/dead-letters',
      () => deadLetterApi({ store: fixture.letters, spans, clock: systemClock, logger: silentLogger }),
    ],
    ['/_millrace/fleet', () => fleetApi({ fleet: fixture.fleet, clock: systemClock, logger: silentLogger })],
  ];
  async function answerApi(api: AdminApi, request: IncomingMessage, response: ServerResponse, body: string) {
    const { pathname, searchParams } = new URL(request.url!, 'http://fixture');
    const isLetIn = fixture.authorization === undefined || request.headers.authorization === fixture.authorization;
    const { status, body: value } = isLetIn
      ? await api.handle({
          ...{ method: request.method!, path: pathname, query: searchParams, body: Buffer.from(body) },
          caller: 'fixture',
        })
      : { status: 401, body: { code: 'unauthenticated', message: 'Sign the request.' } };
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  }
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const route = console.routes.find(({ prefix }) => request.url!.startsWith(prefix));
    if (route) return route.handle(request, response);
    let text = '';
    for await (const chunk of request) text += chunk;
    const api = apis.find(([prefix]) => request.url!.startsWith(prefix));
    if (api) return answerApi(api[1](), request, response, text);
    if (request.url!.startsWith('/_millrace/access')) {
      const body = text === '' ? { refusals: REFUSALS } : explained(JSON.parse(text));
      return void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    }
    if (request.url!.startsWith('/_millrace/mappings')) {
      if (fixture.authorization !== undefined && request.headers.authorization !== fixture.authorization) {
        const refusal = { code: 'unauthenticated', message: 'Sign the request.' };
        return void response.writeHead(401, { 'content-type': 'application/json' }).end(JSON.stringify(refusal));
      }
      fixture.commands.push({ path: request.url!, input: JSON.parse(text) });
      return void response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    }
    const headers = { 'content-type': 'application/json', 'x-amzn-requestid': '8f3c1f2e-6a5d-4f0b-9c1d-2b7a4e5d6c7f' };
    if (fixture.failure) {
      response.writeHead(fixture.failure.status, headers);
      return void response.end(JSON.stringify({ __type: 'InternalFailure', message: fixture.failure.message }));
    }
    const isCatalog = request.url!.startsWith('/api/v3/configure/database');
    const body = isCatalog ? {} : JSON.parse(text);
    const operation = String(request.headers['x-amz-target'] ?? '').split('.')[1];
    const value = isCatalog
      ? [{ 'iox::database': 'machines' }]
      : operation
        ? logs(operation, body, fixture.hasData)
        : series(body.q, fixture.hasData).filter(isHeard);
    response.writeHead(200, headers).end(JSON.stringify(value));
  }
  /** Rows about no time are always there. */
  function isHeard(row: { readonly slot?: string }): boolean {
    if (row.slot === undefined || fixture.silence === undefined) return true;
    const ageMs = systemClock.now() - Date.parse(`${row.slot}Z`);
    return ageMs < fixture.silence.to || ageMs > fixture.silence.from;
  }
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const fixture: Fixture = {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}/_millrace/console/`,
    requests: [],
    reading: machineHealth,
    failure: undefined,
    hasData: true,
    silence: undefined,
    letters: someLetters(),
    fleet: new MemoryFleet(FLEET),
    authorization: undefined,
    commands: [],
    reset: () => {
      Object.assign(fixture, { reading: machineHealth, failure: undefined, hasData: true, authorization: undefined });
      Object.assign(fixture, {
        silence: undefined,
        letters: someLetters(),
        fleet: new MemoryFleet(FLEET),
        commands: [],
      });
    },
    [Symbol.asyncDispose]: async () => {
      await console[Symbol.asyncDispose]();
      server.close();
      server.closeAllConnections();
    },
  };
  return fixture;
}

const pressOf = (index: number) => `press-${String(index).padStart(4, '0')}`;
const iso = (time: number) => new Date(time).toISOString().slice(0, 23);

function series(sql: string, hasData: boolean): readonly object[] {
  const now = systemClock.now();
  if (!hasData) return [];
  if (sql.includes('information_schema')) return COLUMNS;
  if (sql.includes('DISTINCT device')) return Array.from({ length: 40 }, (_, index) => ({ device: pressOf(index) }));
  if (sql.includes('FROM alerts')) {
    const only = /device = '([^']+)'/.exec(sql)?.[1];
    return Array.from({ length: 9 }, (_, index) => {
      const device = pressOf((index * 7 + 12) % 40);
      return {
        device,
        time: iso(now - 40_000 - index * 61_000),
        score: -2.6 - (index % 4) / 5,
        message: `${device} runs colder than usual: ${(14.2 + index).toFixed(1)} °C, usually 30.8 °C`,
      };
    }).filter(({ device }) => only === undefined || device === only);
  }
  const bucket = Number(/INTERVAL '(\d+) milli/.exec(sql)![1]);
  const press = /press-(\d+)/.exec(sql);
  // Only forty presses have readings in the series.
  if (!press || Number(press[1]) >= 40) return [];
  const shift = Number(press[1]);
  return Array.from({ length: 470 }, (_, index) => {
    const at = Math.floor((now - (469 - index) * bucket) / bucket) * bucket;
    const phase = at / 21_000 + shift;
    const dip = Math.exp(-(((now - at - 55_000) / 9000) ** 2)) * 22;
    return {
      slot: iso(at),
      value: 31 + 4 * Math.sin(phase) + 1.5 * Math.sin(phase * 5.3) + Math.sin(at * 12.9898) * 0.5 - dip,
      baseline: 30.8 + Math.sin(phase / 9) - dip / 30,
    };
  });
}

const COLUMNS = [
  ['machine', 'time', 'TIMESTAMP'],
  ['machine', 'device', 'VARCHAR'],
  ['machine', 'temperature_c', 'DOUBLE'],
  ['machine', 'baseline_c', 'DOUBLE'],
  ['machine', 'score', 'DOUBLE'],
  ['detector_state', 'device', 'VARCHAR'],
  ['detector_state', 'level', 'DOUBLE'],
  ['alerts', 'device', 'VARCHAR'],
  ['alerts', 'score', 'DOUBLE'],
].map(([table_name, column_name, data_type]) => ({ table_name, column_name, data_type }));

function logs(operation: string, input: { startTime: number; filterPattern?: string }, hasData: boolean): unknown {
  if (!hasData) return operation === 'DescribeLogGroups' ? { logGroups: [] } : { events: [] };
  if (operation === 'DescribeLogGroups')
    return { logGroups: [{ logGroupName: LOG_GROUP }, { logGroupName: '/aws/lambda/nightly-report' }] };
  const events: { eventId: string; timestamp: number; message: string; logStreamName: string }[] = [];
  const now = systemClock.now();
  // Every 1.5 seconds an invocation, at fixed times, so that asking twice finds the same events.
  for (let at = Math.ceil(Math.max(input.startTime, now - 60_000) / 1500) * 1500; at <= now; at += 1500) {
    const requestId = `c0ffee00-0000-4000-8000-${String(at % 1e12).padStart(12, '0')}`;
    const messages = [
      `START RequestId: ${requestId} Version: $LATEST`,
      at % 9000 === 0
        ? `${new Date(at).toISOString()}\t${requestId}\tERROR\tthe dead-letter queue took none of 2: connect ECONNREFUSED`
        : `${new Date(at).toISOString()}\t${requestId}\tINFO\t{"readings":${300 + (at % 197)},"rejected":1,"alerts":0}`,
      `END RequestId: ${requestId}`,
      `REPORT RequestId: ${requestId}\tDuration: 6.${at % 89} ms\tBilled Duration: 7 ms\tMemory Size: 512 MB\tMax Memory Used: 71 MB`,
    ];
    messages.forEach(
      (message, index) =>
        void events.push({
          eventId: `${at}-${index}`,
          timestamp: at + index,
          message,
          logStreamName: '2026/11/21/[$LATEST]5a7d',
        }),
    );
  }
  const { filterPattern } = input;
  return { events: filterPattern ? events.filter(({ message }) => message.includes(filterPattern)) : events };
}
