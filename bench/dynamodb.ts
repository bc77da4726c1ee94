/**
 * Tables through HTTP with SigV4, every write durable: a whole node on one core, 64 clients with one call under way each on the other,
 * items of 350 bytes. Beside the wire alone (operations that do nothing), the bare store (rows of the same size, no wire), and npm's
 * dynalite, which stores into LevelDB without waiting for the disk. Rates are of wall time; the processor time an operation, of all
 * threads of the node, holds still when the machine is busy with other things.
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
import { type Figure, formatFigure, median } from './figure.ts';
import { type BrokerProcess, bareTables, runTableLoad, startTables } from './generator/processes.ts';
import { ITEMS_OF_A_PARTITION, KEY, type TableOperation } from './generator/table-requests.ts';
import type { TableResult } from './generator/tables-client.worker.ts';

const CLIENTS = 64;
const ITEM_BYTES = 350;
const SMALL = 10_000;
const LARGE = Number(process.env.BENCH_TABLE_ITEMS ?? 200_000);
const BATCH = 25;
const TIMES = { warmUpMs: 2000, measureMs: 3000 } as const;
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

type Results = Readonly<Record<'PutItem' | 'UpdateItem' | 'GetItem' | 'Query', TableResult>>;
const OPERATIONS = ['PutItem', 'UpdateItem', 'GetItem', 'Query'] as const;

/** About three minutes. */
export async function run(): Promise<Figure[]> {
  await using scope = new AsyncDisposableStack();
  // On the disk of the checkout: `/tmp` may be memory.
  const parent = resolve(import.meta.dirname, '../.bench');
  mkdirSync(parent, { recursive: true });
  const directory = mkdtempSync(join(parent, 'dynamodb-'));
  scope.defer(() => rmSync(directory, { recursive: true, force: true }));
  const alone = await wireAlone(join(directory, 'idle'));
  const bare = await bareTables(join(directory, 'bare'));
  const peer = await ofDynalite(join(directory, 'dynalite'));
  await using node = await startTables('node', join(directory, 'node'));
  const client = new DynamoDBClient(optionsOf(node));
  scope.defer(() => client.destroy());
  const small = await filled(node, client, 'small', SMALL);
  const indexed = await indexedPuts(node, client);
  const change = await changeToFunction(node, client);
  const before = await bytesOf(join(directory, 'node', 'tables'));
  const large = await filled(node, client, 'large', LARGE);
  const bytes = (await bytesOf(join(directory, 'node', 'tables'))) - before;
  return [
    ...rates(large.results, alone, bare),
    ...besideDynalite(small.results, peer.results, alone),
    ...growth(small.results, large.results),
    {
      name: `tables: ${million(LARGE)} items loaded in batches of ${BATCH}`,
      value: large.loadRate,
      unit: 'items/s',
      floor: { name: 'dynalite', value: peer.loadRate },
      ratio: large.loadRate / peer.loadRate,
    },
    {
      name: `tables: Query of ${ITEMS_OF_A_PARTITION} items of ${million(LARGE)}, p50 with one client`,
      value: (await one(node, 'large', 'Query', LARGE, 1)).p50Ms,
      unit: 'ms',
    },
    indexed,
    change,
    {
      name: `tables: disk an item of ${ITEM_BYTES} bytes, ${million(LARGE)} items`,
      value: bytes / LARGE,
      unit: 'bytes',
      target: { value: BYTES_PER_ITEM_MAX, met: bytes / LARGE <= BYTES_PER_ITEM_MAX },
    },
  ].map(withQueryTarget);
}

function withQueryTarget(figure: Figure): Figure {
  if (!figure.name.includes('p50 with one client')) return figure;
  return { ...figure, target: { value: QUERY_P50_MS_MAX, met: figure.value < QUERY_P50_MS_MAX } };
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

async function wireAlone(directory: string) {
  await using idle = await startTables('idle', directory);
  return {
    PutItem: await one(idle, 'none', 'PutItem', SMALL),
    UpdateItem: await one(idle, 'none', 'UpdateItem', SMALL),
    GetItem: await one(idle, 'none', 'GetItem', SMALL),
  };
}

async function ofDynalite(directory: string): Promise<Filled> {
  await using peer = await startTables('dynalite', directory);
  const client = new DynamoDBClient(optionsOf(peer));
  try {
    return await filled(peer, client, 'small', SMALL);
  } finally {
    client.destroy();
  }
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

interface Filled {
  readonly results: Results;
  /** Items a second that filled it. */
  readonly loadRate: number;
}

/** A new table with so many items, and what each operation does on it. */
async function filled(node: BrokerProcess, client: DynamoDBClient, table: string, items: number): Promise<Filled> {
  await createTable(client, table);
  const { port, pid } = node;
  const fill = {
    port,
    pid,
    table,
    operation: 'BatchWriteItem',
    items: items / BATCH,
    clients: 16,
    each: true,
  } as const;
  const { rate } = await runTableLoad({ ...fill, ...TIMES });
  const results: [string, TableResult][] = [];
  for (const operation of OPERATIONS) results.push([operation, await one(node, table, operation, items)]);
  return { results: Object.fromEntries(results) as unknown as Results, loadRate: rate * BATCH };
}

function rates(
  results: Results,
  alone: Awaited<ReturnType<typeof wireAlone>>,
  bare: { readonly puts: number; readonly gets: number },
): Figure[] {
  const floors = { PutItem: bare.puts, UpdateItem: bare.puts, GetItem: bare.gets };
  return (['PutItem', 'UpdateItem', 'GetItem'] as const).flatMap((operation) => {
    const { rate, p99Ms, cpuMicros } = results[operation];
    const name = `tables: ${operation}${operation === 'UpdateItem' ? ' with a condition' : ''}`;
    const micros = 1e6 / TARGETS[operation];
    return [
      {
        name,
        value: rate,
        unit: 'calls/s',
        floor: { name: `bare ${operation === 'GetItem' ? 'gets' : 'puts'}`, value: floors[operation] },
        ratio: rate / floors[operation],
        target: { value: TARGETS[operation], met: rate >= TARGETS[operation] },
      },
      {
        name: `${name}: processor time`,
        value: cpuMicros,
        unit: 'µs',
        floor: { name: 'the wire alone', value: alone[operation].cpuMicros },
        ratio: cpuMicros / alone[operation].cpuMicros,
        target: { value: micros, met: cpuMicros <= micros },
      },
      { name: `${name}: p99`, value: p99Ms, unit: 'ms', target: { value: P99_MS_MAX, met: p99Ms < P99_MS_MAX } },
    ];
  });
}

/** The wire alone stands beside it too: no table behind it can be more times as fast as that. */
function besideDynalite(ours: Results, theirs: Results, alone: Awaited<ReturnType<typeof wireAlone>>): Figure[] {
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
