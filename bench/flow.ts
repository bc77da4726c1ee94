/**
 * The whole way: MQTT QoS 1 in -> rule -> durable in a stream -> batches of 500 -> a handler that parses every record.
 *
 * The node, the function and the generator are processes of their own on the machine's cores, as the system schedules them. The handler
 * counts what it sees by device and sequence number, so that a lost, doubled or misplaced event shows; a last message makes it
 * log its counts. Latency is from the generator's write to the handler's parse.
 * Not measured: writing to the time series, TLS, more than one shard.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { CloudWatchLogsClient, FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { CreateTopicRuleCommand, IoTClient } from '@aws-sdk/client-iot';
import { IoTDataPlaneClient, PublishCommand } from '@aws-sdk/client-iot-data-plane';
import { CreateStreamCommand, KinesisClient } from '@aws-sdk/client-kinesis';
import { CreateEventSourceMappingCommand, CreateFunctionCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { zipOf } from '../test/support/clients.ts';
import { TestNode } from '../test/support/node.ts';
import { type Figure, formatFigure, median } from './figure.ts';
import { cpuMsBelow, cpuMsOf } from './generator/cpu.ts';
import type { FleetLoad, FleetResult } from './generator/fleet.worker.ts';

const DEVICES = 100;
const WINDOW = 64;
const MESSAGES = 1_000_000;
const PACED_RATE = 10_000;
const PACED_SECONDS = 5;
const RUNS = 3;

/** What the handler has seen. */
interface Seen {
  readonly events: number;
  readonly batches: number;
  readonly repeated: number;
  readonly misplaced: number;
  readonly spanMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const HANDLER = `
const next = new Map();
const latencies = new Uint32Array(1_000_000);
let events = 0, batches = 0, repeated = 0, misplaced = 0, first = 0, last = 0;
exports.handler = async (event) => {
  const now = performance.timeOrigin + performance.now();
  batches++;
  for (const { kinesis } of event.Records) {
    const reading = JSON.parse(Buffer.from(kinesis.data, 'base64').toString('latin1'));
    if (reading.report) { report(reading.report); continue; }
    const expected = next.get(reading.device) ?? 100000000;
    if (reading.seq < expected) repeated++;
    else { if (reading.seq > expected) misplaced++; next.set(reading.device, reading.seq + 1); }
    if (events++ === 0) first = reading.ts;
    last = now;
    latencies[Math.min(999_999, Math.max(0, Math.round((now - reading.ts) * 100)))]++;
  }
};
function quantile(q) {
  let rest = q * events;
  for (let i = 0; i < latencies.length; i++) if ((rest -= latencies[i]) <= 0) return i / 100;
}
function report(run) {
  console.log('SEEN ' + JSON.stringify({ run, events, batches, repeated, misplaced, spanMs: last - first, p50Ms: quantile(0.5), p99Ms: quantile(0.99) }));
  next.clear(); latencies.fill(0); events = batches = repeated = misplaced = 0;
}
`;

/** About half a minute. */
export async function run(): Promise<Figure[]> {
  await using node = await TestNode.start();
  const flow = await Flow.deploy(node);
  await flow.measure({ messages: 50_000 });
  const rates: number[] = [];
  const before = cpuOf(node);
  for (let i = 0; i < RUNS; i++) {
    const seen = await flow.measure({ messages: MESSAGES });
    refuseLoss(seen, MESSAGES);
    rates.push((seen.events * 1000) / seen.spanMs);
  }
  const cpu = cpuFigures(before, cpuOf(node), RUNS * MESSAGES);
  const paced = PACED_RATE * PACED_SECONDS;
  const seen = await flow.measure({ messages: paced, rate: PACED_RATE });
  refuseLoss(seen, paced);
  const value = median(rates);
  const floor = await handlerAlone();
  return [
    {
      name: 'MQTT QoS 1 -> durable -> batches of 500 -> handler, generator beside it',
      value,
      unit: 'events/s',
      floor: { name: 'the handler alone on one core', value: floor },
      ratio: value / floor,
      target: { value: 100_000, met: value >= 100_000 },
    },
    { name: 'the slowest run of it', value: Math.min(...rates), unit: 'events/s' },
    ...cpu,
    { name: `publish to handler at ${PACED_RATE} events/s, window 10 ms, p50`, value: seen.p50Ms, unit: 'ms' },
    {
      name: `publish to handler at ${PACED_RATE} events/s, window 10 ms, p99`,
      value: seen.p99Ms,
      unit: 'ms',
      target: { value: 50, met: seen.p99Ms < 50 },
    },
  ];
}

interface Cpu {
  readonly node: number | undefined;
  readonly functions: number | undefined;
}

function cpuOf({ pid }: TestNode): Cpu {
  return { node: cpuMsOf(pid), functions: cpuMsBelow(pid) };
}

/** Processor time holds still when the machine is busy with other things, rates do not. */
function cpuFigures(before: Cpu, after: Cpu, events: number): Figure[] {
  return (['node', 'functions'] as const).flatMap((of) => {
    const [from, to] = [before[of], after[of]];
    if (from === undefined || to === undefined) return [];
    return [
      { name: `processor time of the ${of} for an event of it`, value: ((to - from) * 1000) / events, unit: 'µs' },
    ];
  });
}

/** Events a second that the handler takes when nothing has to be built, stored or sent: parse the batch, then every record. */
async function handlerAlone(): Promise<number> {
  const module = { exports: {} as { handler?: (event: unknown) => Promise<void> } };
  new Function('exports', HANDLER)(module.exports);
  const rounds = 300;
  const start = performance.now();
  for (let round = 0; round < rounds; round++) await module.exports.handler!(JSON.parse(batchText(round)));
  return (rounds * 500 * 1000) / (performance.now() - start - textMs);
}

let textMs = 0;

/** A batch as the poller writes it; the time for writing it is taken off. */
function batchText(round: number): string {
  const start = performance.now();
  const records = Array.from({ length: 500 }, (_, index) => {
    const reading = {
      device: 1000,
      seq: 100_000_000 + round * 500 + index,
      ts: 1e12,
      temperature: 73.967322,
      unit: 'F',
    };
    const data = Buffer.from(JSON.stringify(reading)).toString('base64');
    return {
      kinesis: {
        kinesisSchemaVersion: '1.0',
        partitionKey: 'press-0000',
        sequenceNumber: '49590338271490256608559692538361571095921575989136588898',
        data,
        approximateArrivalTimestamp: 1545084650.987,
      },
      eventSource: 'aws:kinesis',
      eventVersion: '1.0',
      eventID: 'shardId-000000000000:49590338271490256608559692538361571095921575989136588898',
      eventName: 'aws:kinesis:record',
      invokeIdentityArn: 'arn:aws:iam::000000000000:role/bench',
      awsRegion: 'us-east-1',
      eventSourceARN: 'arn:aws:kinesis:us-east-1:000000000000:stream/telemetry',
    };
  });
  const text = JSON.stringify({ Records: records });
  textMs += performance.now() - start;
  return text;
}

function refuseLoss(seen: Seen, messages: number): void {
  if (seen.events === messages && seen.repeated === 0 && seen.misplaced === 0) return;
  throw new Error(`of ${messages} events the handler saw ${JSON.stringify(seen)}`);
}

/** A stream, a rule and a function on a fresh node. */
class Flow {
  readonly #node: TestNode;
  readonly #options: { readonly endpoint: string; readonly region: string; readonly credentials: object };
  #run = 0;

  private constructor(node: TestNode) {
    this.#node = node;
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
    this.#options = { endpoint: node.endpoints.http, region: 'us-east-1', credentials };
  }

  static async deploy(node: TestNode): Promise<Flow> {
    const flow = new Flow(node);
    const options = flow.#options as ConstructorParameters<typeof LambdaClient>[0] & object;
    const role = 'arn:aws:iam::000000000000:role/bench';
    await new KinesisClient(options).send(new CreateStreamCommand({ StreamName: 'telemetry', ShardCount: 1 }));
    await new IoTClient(options).send(
      new CreateTopicRuleCommand({
        ruleName: 'telemetry',
        topicRulePayload: {
          sql: "SELECT * FROM 'factory/+/telemetry'",
          actions: [{ kinesis: { streamName: 'telemetry', partitionKey: '${topic(2)}', roleArn: role } }],
        },
      }),
    );
    const lambda = new LambdaClient(options);
    await lambda.send(
      new CreateFunctionCommand({
        FunctionName: 'count',
        Runtime: 'nodejs24.x',
        Handler: 'index.handler',
        Role: role,
        MemorySize: 512,
        Code: { ZipFile: await zipOf({ 'index.js': HANDLER }) },
      }),
    );
    await lambda.send(
      new CreateEventSourceMappingCommand({
        FunctionName: 'count',
        EventSourceArn: 'arn:aws:kinesis:us-east-1:000000000000:stream/telemetry',
        StartingPosition: 'TRIM_HORIZON',
        BatchSize: 500,
        Tags: { 'millrace:MaximumBatchingWindowInMilliseconds': '10' },
      }),
    );
    return flow;
  }

  /** Sends messages and waits until the handler has reported what it saw of them. */
  async measure(load: Pick<FleetLoad, 'messages' | 'rate'>): Promise<Seen> {
    const { port } = this.#node.endpoints.mqtt;
    const { busy, elapsedMs } = await runFleet({ port, devices: DEVICES, window: WINDOW, ...load });
    const run = ++this.#run;
    await new IoTDataPlaneClient(this.#options as object).send(
      new PublishCommand({
        topic: 'factory/press-0000/telemetry',
        qos: 1,
        payload: Buffer.from(JSON.stringify({ report: run })),
      }),
    );
    const seen = await this.#seen(run);
    process.stderr.write(
      `  ${load.messages} messages in ${Math.round(elapsedMs)} ms (generator ${Math.round(busy * 100)} % busy): ${JSON.stringify(seen)}\n`,
    );
    return seen;
  }

  async #seen(run: number): Promise<Seen> {
    const logs = new CloudWatchLogsClient(this.#options as object);
    const deadline = performance.now() + 60_000;
    while (performance.now() < deadline) {
      const { events = [] } = await logs
        .send(new FilterLogEventsCommand({ logGroupName: '/aws/lambda/count', filterPattern: 'SEEN' }))
        .catch(() => ({ events: [] }));
      for (const { message } of events) {
        const seen = JSON.parse(/SEEN (\{.*\})/.exec(message ?? '')?.[1] ?? '{}') as Seen & { readonly run?: number };
        if (seen.run === run) return seen;
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`the handler did not report run ${run}:\n${this.#node.log}`);
  }
}

async function runFleet(load: FleetLoad): Promise<FleetResult> {
  const file = new URL('./generator/fleet.worker.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [file, JSON.stringify(load)], { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const line of createInterface({ input: child.stdout })) return JSON.parse(line) as FleetResult;
  throw new Error('the generator ended without a result');
}

if (import.meta.main) for (const figure of await run()) process.stdout.write(`${formatFigure(figure)}\n`);
