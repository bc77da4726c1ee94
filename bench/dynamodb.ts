/**
 * Tables through HTTP with SigV4, every write durable: a whole node on one core, 64 clients with one call under way each on the other,
 * items of 350 bytes. Beside the wire alone (operations that do nothing), the bare store (rows of the same size, no wire), and npm's
 * dynalite, which stores into LevelDB without waiting for the disk. All of them take turns, and each figure is the median of its rounds:
 * within seconds a shared machine becomes half as fast and fast again. Rates are of wall time; the processor time an operation is that of all
 * threads of the node.
 * Not measured: TLS, transactions, provisioned tables, items of other sizes. Disk is measured on a table without a stream: that is what
 * one whose stream is trimmed takes.
 *
 *   BENCH_TABLE_ITEMS=10000000 npm run bench -- dynamodb    the full size (half an hour and 8 GB); 200,000 items unless said
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { CloudWatchLogsClient, FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { CreateTableCommand, DescribeTableCommand, DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { CreateRoleCommand, IAMClient, PutRolePolicyCommand } from '@aws-sdk/client-iam';
import { CreateEventSourceMappingCommand, CreateFunctionCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { zipOf } from '../test/support/clients.ts';
import { type Figure, formatFigure, median, spreadOf } from './figure.ts';
import { type BrokerProcess, bareTables, runTableLoad, startTables } from './generator/processes.ts';
import { ITEMS_OF_A_PARTITION, KEY, type TableOperation } from './generator/table-requests.ts';
import type { TableResult } from './generator/tables-client.worker.ts';

const CLIENTS = 64;
const ITEM_BYTES = 350;
const SMALL = 10_000;
const LARGE = Number(process.env.BENCH_TABLE_ITEMS ?? 200_000);
const BATCH = 25;
const TIMES = { warmUpMs: 1000, measureMs: 2000 } as const;
const ROUNDS = 5;
const CHANGES = 500;
const REGION = 'us-east-1';

/** What is asked of each operation: calls a second on one core. */
const TARGETS = { PutItem: 10_000, UpdateItem: 8_000, GetItem: 15_000 } as const;
const P99_MS_MAX = 15;
const QUERY_P50_MS_MAX = 1;
/** Times dynalite. */
const PEER_RATIO = 10;
const GROWTH_MAX = 1.5;
const INDEX_COST_MAX = 1.6;
const CHANGE_P99_MS_MAX = 50;
/** 8 GB for 10 million items. */
const BYTES_PER_ITEM_MAX = 800;

const OPERATIONS = ['PutItem', 'UpdateItem', 'GetItem', 'Query'] as const;
const BARE_OPERATIONS = ['PutItem', 'UpdateItem', 'GetItem'] as const;
const PEER_OPERATIONS = ['PutItem', 'GetItem', 'Query'] as const;

/** Medians of all rounds, and what lies around them. */
interface Rounds extends TableResult {
  readonly spread: Readonly<Record<keyof TableResult, readonly [number, number]>>;
}

type Results = Readonly<Record<(typeof OPERATIONS)[number], Rounds>>;
type PeerResults = Readonly<Record<(typeof PEER_OPERATIONS)[number], Rounds>>;
type BareResults = Readonly<Record<(typeof BARE_OPERATIONS)[number], Rounds>>;

/** About six minutes. */
export async function run(): Promise<Figure[]> {
  await using scope = new AsyncDisposableStack();
  // On the disk of the checkout: `/tmp` may be memory.
  const parent = resolve(import.meta.dirname, '../.bench');
  mkdirSync(parent, { recursive: true });
  const directory = mkdtempSync(join(parent, 'dynamodb-'));
  scope.defer(() => rmSync(directory, { recursive: true, force: true }));
  const bare = await bareTables(join(directory, 'bare'));
  await using wire = await startTables('idle', join(directory, 'idle'));
  await using dynalite = await startTables('dynalite', join(directory, 'dynalite'));
  await using node = await startTables('node', join(directory, 'node'));
  const client = new DynamoDBClient(optionsOf(node));
  scope.defer(() => client.destroy());
  const peerClient = new DynamoDBClient(optionsOf(dynalite));
  scope.defer(() => peerClient.destroy());
  const peerLoadRate = await fill(dynalite, peerClient, 'small', SMALL);
  await fill(node, client, 'small', SMALL);
  const indexed = await indexedPuts(node, client);
  const change = await changeToFunction(node, client);
  const before = await bytesOf(join(directory, 'node', 'tables'));
  const loadRate = await fill(node, client, 'large', LARGE);
  const bytes = (await bytesOf(join(directory, 'node', 'tables'))) - before;
  const { alone, small, large, peer, queryP50Ms } = await byTurns(wire, dynalite, node);
  return [
    ...rates(large, alone, bare),
    ...besideDynalite(small, peer, alone),
    ...growth(small, large),
    {
      name: `tables: ${million(LARGE)} items loaded in batches of ${BATCH}`,
      value: loadRate,
      unit: 'items/s',
      floor: { name: 'dynalite', value: peerLoadRate },
      ratio: loadRate / peerLoadRate,
    },
    {
      name: `tables: Query of ${ITEMS_OF_A_PARTITION} items of ${million(LARGE)}, p50 with one client`,
      value: queryP50Ms,
      unit: 'ms',
      target: { value: QUERY_P50_MS_MAX, met: queryP50Ms < QUERY_P50_MS_MAX },
    },
    indexed,
    change,
    {
      name: `tables: disk an item of ${ITEM_BYTES} bytes, ${million(LARGE)} items`,
      value: bytes / LARGE,
      unit: 'bytes',
      target: { value: BYTES_PER_ITEM_MAX, met: bytes / LARGE <= BYTES_PER_ITEM_MAX },
    },
  ];
}

interface Measured {
  readonly alone: BareResults;
  readonly small: Results;
  readonly large: Results;
  readonly peer: PeerResults;
  readonly queryP50Ms: number;
}

/** Everything that is held against each other, operation by operation in the same seconds. */
async function byTurns(wire: BrokerProcess, dynalite: BrokerProcess, node: BrokerProcess): Promise<Measured> {
  const found = new Map<string, TableResult[]>();
  const measure = async (
    name: string,
    of: BrokerProcess,
    table: string,
    operation: TableOperation,
    items: number,
    clients = CLIENTS,
  ) => {
    const key = `${name} ${operation}`;
    found.set(key, [...(found.get(key) ?? []), await one(of, table, operation, items, clients)]);
  };
  for (let round = 0; round < ROUNDS; round++) {
    for (const operation of OPERATIONS) {
      if (operation !== 'Query') await measure('alone', wire, 'none', operation, SMALL);
      await measure('large', node, 'large', operation, LARGE);
      await measure('small', node, 'small', operation, SMALL);
      if (operation !== 'UpdateItem') await measure('peer', dynalite, 'small', operation, SMALL);
    }
    await measure('one client', node, 'large', 'Query', LARGE, 1);
  }
  const of = (name: string, operations: readonly TableOperation[]) =>
    Object.fromEntries(
      operations.map((operation) => [operation, roundsOf(found.get(`${name} ${operation}`) ?? [])]),
    ) as unknown as Results;
  return {
    alone: of('alone', BARE_OPERATIONS),
    small: of('small', OPERATIONS),
    large: of('large', OPERATIONS),
    peer: of('peer', PEER_OPERATIONS),
    queryP50Ms: of('one client', ['Query']).Query.p50Ms,
  };
}

function roundsOf(results: readonly TableResult[]): Rounds {
  const each = <Value>(of: (values: readonly number[]) => Value) => {
    const value = (member: keyof TableResult) => of(results.map((result) => result[member]));
    return {
      ...{ rate: value('rate'), p50Ms: value('p50Ms'), p99Ms: value('p99Ms') },
      ...{ mainMicros: value('mainMicros'), cpuMicros: value('cpuMicros') },
    };
  };
  return { ...each(median), spread: each(spreadOf) };
}

const million = (items: number) => (items >= 1e6 ? `${items / 1e6} million` : String(items));

function optionsOf({ port }: { readonly port: number }) {
  const credentials = { accessKeyId: KEY.accessKeyId, secretAccessKey: KEY.secret };
  return { endpoint: `http://127.0.0.1:${port}`, region: REGION, credentials };
}

function one(
  { port, pid }: BrokerProcess,
  table: string,
  operation: TableOperation,
  items: number,
  clients = CLIENTS,
): Promise<TableResult> {
  return runTableLoad({ port, pid, table, operation, items, clients, ...TIMES });
}

async function createTable(client: DynamoDBClient, TableName: string, isIndexed = false): Promise<void> {
  const index = {
    IndexName: 'by-group',
    KeySchema: [{ AttributeName: 'group', KeyType: 'HASH' as const }],
    Projection: { ProjectionType: 'ALL' as const },
  };
  await client.send(
    new CreateTableCommand({
      TableName,
      AttributeDefinitions: [
        { AttributeName: 'device', AttributeType: 'S' },
        { AttributeName: 'at', AttributeType: 'N' },
        ...(isIndexed ? [{ AttributeName: 'group', AttributeType: 'S' as const }] : []),
      ],
      KeySchema: [
        { AttributeName: 'device', KeyType: 'HASH' },
        { AttributeName: 'at', KeyType: 'RANGE' },
      ],
      BillingMode: 'PAY_PER_REQUEST',
      ...(isIndexed && { GlobalSecondaryIndexes: [index] }),
      ...(TableName === 'changes' && { StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_IMAGE' } }),
    }),
  );
  await untilSo(async () => {
    const { Table } = await client.send(new DescribeTableCommand({ TableName }));
    return Table?.TableStatus === 'ACTIVE';
  });
}

async function untilSo(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 50));
}

/** A new table with so many items. @returns items a second that filled it */
async function fill(node: BrokerProcess, client: DynamoDBClient, table: string, items: number): Promise<number> {
  await createTable(client, table);
  const { port, pid } = node;
  const load = {
    port,
    pid,
    table,
    operation: 'BatchWriteItem',
    items: items / BATCH,
    clients: 16,
    each: true,
  } as const;
  const { rate } = await runTableLoad({ ...load, ...TIMES });
  return rate * BATCH;
}

function rates(results: Results, alone: BareResults, bare: { readonly puts: number; readonly gets: number }): Figure[] {
  const floors = { PutItem: bare.puts, UpdateItem: bare.puts, GetItem: bare.gets };
  return (['PutItem', 'UpdateItem', 'GetItem'] as const).flatMap((operation) => {
    const { rate, p99Ms, cpuMicros, spread } = results[operation];
    const name = `tables: ${operation}${operation === 'UpdateItem' ? ' with a condition' : ''}`;
    const micros = 1e6 / TARGETS[operation];
    return [
      {
        name,
        value: rate,
        unit: 'calls/s',
        spread: spread.rate,
        floor: { name: `bare ${operation === 'GetItem' ? 'gets' : 'puts'}`, value: floors[operation] },
        ratio: rate / floors[operation],
        target: { value: TARGETS[operation], met: rate >= TARGETS[operation] },
      },
      {
        name: `${name}: processor time`,
        value: cpuMicros,
        unit: 'µs',
        spread: spread.cpuMicros,
        floor: { name: 'the wire alone', value: alone[operation].cpuMicros },
        ratio: cpuMicros / alone[operation].cpuMicros,
        target: { value: micros, met: cpuMicros <= micros },
      },
      {
        name: `${name}: p99`,
        value: p99Ms,
        unit: 'ms',
        spread: spread.p99Ms,
        target: { value: P99_MS_MAX, met: p99Ms < P99_MS_MAX },
      },
    ];
  });
}

/** The wire alone stands beside it too: no table behind it can be more times as fast as that. */
function besideDynalite(ours: Results, theirs: PeerResults, alone: BareResults): Figure[] {
  const beside = (name: string, value: number, peer: number) => ({
    ...{ name: `tables: ${name} beside dynalite`, value, unit: 'calls/s' },
    ...{ floor: { name: 'dynalite', value: peer }, ratio: value / peer },
  });
  const figures = (['PutItem', 'GetItem', 'Query'] as const).map((operation) => {
    const figure = beside(operation, ours[operation].rate, theirs[operation].rate);
    return { ...figure, target: { ratio: PEER_RATIO, met: figure.ratio >= PEER_RATIO } };
  });
  const ceilings = (['PutItem', 'GetItem'] as const).map((operation) =>
    beside(`${operation} of the wire alone`, alone[operation].rate, theirs[operation].rate),
  );
  return [...figures, ...ceilings];
}

/** What an operation costs on the large table beside the small one. */
function growth(small: Results, large: Results): Figure[] {
  return OPERATIONS.map((operation) => {
    const [value, floor] = [large[operation].cpuMicros, small[operation].cpuMicros];
    return {
      name: `tables: ${operation} at ${million(LARGE)} items, processor time`,
      value,
      unit: 'µs',
      floor: { name: `at ${SMALL}`, value: floor },
      ratio: value / floor,
      target: { ratio: GROWTH_MAX, met: value / floor <= GROWTH_MAX },
    };
  });
}

/** What a put costs more in a table with an index of everything; both tables are as large, and take turns. */
async function indexedPuts(node: BrokerProcess, client: DynamoDBClient): Promise<Figure> {
  await createTable(client, 'indexed', true);
  await createTable(client, 'plain');
  const costs: Record<'indexed' | 'plain', number[]> = { indexed: [], plain: [] };
  for (let round = 0; round < 3; round++) {
    for (const table of ['indexed', 'plain'] as const) {
      costs[table].push((await one(node, table, 'PutItem', SMALL)).cpuMicros);
    }
  }
  const [value, floor] = [median(costs.indexed), median(costs.plain)];
  return {
    name: 'tables: PutItem with a global index of all attributes, processor time',
    value,
    unit: 'µs',
    floor: { name: 'without', value: floor },
    ratio: value / floor,
    target: { ratio: INDEX_COST_MAX, met: value / floor <= INDEX_COST_MAX },
  };
}

const HANDLER = `exports.handler = async ({ Records }) => {
  const now = Date.now();
  for (const { dynamodb } of Records) console.log('LAG ' + (now - Number(dynamodb.NewImage.sentAt.N)));
};`;

const TRUST = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' }],
});

/** What its role lets the function do: read the stream, and log. */
const RIGHTS = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Action: [
        ...['DescribeStream', 'GetRecords', 'GetShardIterator', 'ListStreams'].map((name) => `dynamodb:${name}`),
        ...['CreateLogGroup', 'CreateLogStream', 'PutLogEvents'].map((name) => `logs:${name}`),
      ],
      Resource: '*',
    },
  ],
});

/** From the moment a client begins to put an item to the moment at which the function is told of it. */
async function changeToFunction(node: BrokerProcess, client: DynamoDBClient): Promise<Figure> {
  const options = optionsOf(node);
  const [lambda, logs, iam] = [new LambdaClient(options), new CloudWatchLogsClient(options), new IAMClient(options)];
  await createTable(client, 'changes');
  const { Table } = await client.send(new DescribeTableCommand({ TableName: 'changes' }));
  const { Role } = await iam.send(new CreateRoleCommand({ RoleName: 'bench', AssumeRolePolicyDocument: TRUST }));
  await iam.send(new PutRolePolicyCommand({ RoleName: 'bench', PolicyName: 'changes', PolicyDocument: RIGHTS }));
  await lambda.send(
    new CreateFunctionCommand({
      FunctionName: 'changes',
      Runtime: 'nodejs24.x',
      Handler: 'index.handler',
      Role: Role!.Arn,
      Code: { ZipFile: await zipOf({ 'index.js': HANDLER }) },
    }),
  );
  const EventSourceArn = Table!.LatestStreamArn;
  const mapping = { EventSourceArn, FunctionName: 'changes', StartingPosition: 'TRIM_HORIZON' } as const;
  await lambda.send(new CreateEventSourceMappingCommand(mapping));
  const put = (at: number) =>
    client.send(
      new PutItemCommand({
        TableName: 'changes',
        Item: { device: { S: `d${at % 20}` }, at: { N: String(at) }, sentAt: { N: String(Date.now()) } },
      }),
    );
  const lags = async (): Promise<number[]> => {
    const found: number[] = [];
    for (let nextToken: string | undefined, first = true; first || nextToken; first = false) {
      const page = await logs.send(
        new FilterLogEventsCommand({ logGroupName: '/aws/lambda/changes', filterPattern: 'LAG', nextToken }),
      );
      for (const { message } of page.events ?? []) found.push(Number(/LAG (\d+)/.exec(message!)![1]));
      nextToken = page.nextToken;
    }
    return found;
  };
  // The first one waits for the function's environment, which is not what is measured.
  await put(0);
  await untilSo(async () => (await lags().catch(() => [])).length > 0);
  for (let at = 1; at <= CHANGES; at++) {
    await put(at);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await untilSo(async () => (await lags()).length > CHANGES);
  const sorted = (await lags()).slice(1).sort((a, b) => a - b);
  for (const one of [lambda, logs, iam]) one.destroy();
  const value = sorted[Math.floor(sorted.length * 0.99)]!;
  return {
    name: 'tables: from a change to its function, p99',
    value,
    unit: 'ms',
    target: { value: CHANGE_P99_MS_MAX, met: value < CHANGE_P99_MS_MAX },
  };
}

async function bytesOf(directory: string): Promise<number> {
  const names = await readdir(directory).catch(() => []);
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(directory, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

if (import.meta.main) for (const figure of await run()) process.stdout.write(`${formatFigure(figure)}\n`);
