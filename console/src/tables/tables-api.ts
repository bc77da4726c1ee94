/** Tables of the node: the DynamoDB API and that of its streams. */
import { type AwsService, callAws } from '../aws.ts';
import type { AwsRequest, Key } from './requests.ts';
import type { Attributes, AttributeType } from './values.ts';

const TABLES: AwsService = {
  ...{ name: 'dynamodb', target: 'DynamoDB_20120810', contentType: 'application/x-amz-json-1.0' },
};
const STREAMS: AwsService = {
  ...{ name: 'dynamodb', target: 'DynamoDBStreams_20120810', contentType: 'application/x-amz-json-1.0' },
};

interface KeyElement {
  readonly AttributeName: string;
  readonly KeyType: 'HASH' | 'RANGE';
}

export interface Throughput {
  readonly ReadCapacityUnits?: number;
  readonly WriteCapacityUnits?: number;
}

export interface IndexDescription {
  readonly IndexName: string;
  readonly KeySchema: readonly KeyElement[];
  readonly Projection?: { readonly ProjectionType?: string; readonly NonKeyAttributes?: readonly string[] };
  readonly IndexStatus?: string;
  readonly Backfilling?: boolean;
  readonly ItemCount?: number;
  readonly IndexSizeBytes?: number;
  readonly ProvisionedThroughput?: Throughput;
}

export interface TableDescription {
  readonly TableName: string;
  readonly TableArn: string;
  readonly TableStatus: string;
  readonly KeySchema: readonly KeyElement[];
  readonly AttributeDefinitions: readonly { readonly AttributeName: string; readonly AttributeType: AttributeType }[];
  /** Seconds since the epoch. */
  readonly CreationDateTime?: number;
  readonly ItemCount?: number;
  readonly TableSizeBytes?: number;
  readonly BillingModeSummary?: { readonly BillingMode?: string };
  readonly ProvisionedThroughput?: Throughput;
  readonly GlobalSecondaryIndexes?: readonly IndexDescription[];
  readonly LocalSecondaryIndexes?: readonly IndexDescription[];
  readonly StreamSpecification?: { readonly StreamEnabled: boolean; readonly StreamViewType?: string };
  readonly LatestStreamArn?: string;
  readonly DeletionProtectionEnabled?: boolean;
}

export interface TimeToLive {
  readonly TimeToLiveStatus?: string;
  readonly AttributeName?: string;
}

export interface Page {
  readonly Items?: readonly Attributes[];
  readonly Count: number;
  readonly ScannedCount: number;
  readonly LastEvaluatedKey?: Attributes;
  readonly ConsumedCapacity?: { readonly CapacityUnits?: number };
}

/** Names of all tables, in order; as many calls as it takes, up to `namesMax` names. */
export async function listTables(namesMax: number, signal: AbortSignal): Promise<readonly string[]> {
  const names: string[] = [];
  let ExclusiveStartTableName: string | undefined;
  while (names.length < namesMax) {
    const answer = (await callAws(TABLES, 'ListTables', { ExclusiveStartTableName, Limit: 100 }, signal)) as {
      readonly TableNames: readonly string[];
      readonly LastEvaluatedTableName?: string;
    };
    names.push(...answer.TableNames);
    ExclusiveStartTableName = answer.LastEvaluatedTableName;
    if (ExclusiveStartTableName === undefined) break;
  }
  return names;
}

export async function describeTable(TableName: string, signal: AbortSignal): Promise<TableDescription> {
  const { Table } = (await callAws(TABLES, 'DescribeTable', { TableName }, signal)) as { Table: TableDescription };
  return Table;
}

export async function describeTimeToLive(TableName: string, signal: AbortSignal): Promise<TimeToLive> {
  const answer = await callAws(TABLES, 'DescribeTimeToLive', { TableName }, signal);
  return (answer as { readonly TimeToLiveDescription?: TimeToLive }).TimeToLiveDescription ?? {};
}

export function call({ operation, input }: AwsRequest, signal: AbortSignal): Promise<unknown> {
  return callAws(TABLES, operation, input, signal);
}

/** The item of a key as it is now; `undefined` when there is none. */
export async function getItem(
  TableName: string,
  Key: Attributes,
  signal: AbortSignal,
): Promise<Attributes | undefined> {
  const { Item } = (await callAws(TABLES, 'GetItem', { TableName, Key, ConsistentRead: true }, signal)) as {
    readonly Item?: Attributes;
  };
  return Item;
}

/** The key of a table, or of one of its indexes. */
export function keyOfSchema(schema: readonly KeyElement[]): Key {
  const named = (type: KeyElement['KeyType']) =>
    schema.filter(({ KeyType }) => KeyType === type).map(({ AttributeName }) => AttributeName);
  return { partition: named('HASH'), sort: named('RANGE') };
}

export function indexesOf(table: TableDescription): readonly (IndexDescription & { readonly isGlobal: boolean })[] {
  const { GlobalSecondaryIndexes = [], LocalSecondaryIndexes = [] } = table;
  return [
    ...GlobalSecondaryIndexes.map((index) => ({ ...index, isGlobal: true })),
    ...LocalSecondaryIndexes.map((index) => ({ ...index, isGlobal: false })),
  ];
}

export function typesOf({ AttributeDefinitions }: TableDescription): Readonly<Record<string, AttributeType>> {
  return Object.fromEntries(
    AttributeDefinitions.map(({ AttributeName, AttributeType }) => [AttributeName, AttributeType]),
  );
}

export interface StreamRecord {
  readonly eventID: string;
  readonly eventName: 'INSERT' | 'MODIFY' | 'REMOVE';
  readonly dynamodb: {
    readonly ApproximateCreationDateTime: number;
    readonly Keys: Attributes;
    readonly NewImage?: Attributes;
    readonly OldImage?: Attributes;
    readonly SequenceNumber: string;
  };
}

/** Iterators behind what the shards of a stream hold now, by shard. */
export async function latestIterators(
  StreamArn: string,
  known: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const { StreamDescription } = (await callAws(STREAMS, 'DescribeStream', { StreamArn }, signal)) as {
    readonly StreamDescription: {
      readonly Shards?: readonly {
        readonly ShardId: string;
        readonly SequenceNumberRange?: { readonly EndingSequenceNumber?: string };
      }[];
    };
  };
  const open = (StreamDescription.Shards ?? []).filter(
    ({ ShardId, SequenceNumberRange }) =>
      !known.has(ShardId) && SequenceNumberRange?.EndingSequenceNumber === undefined,
  );
  // A shard that was not there before is read from its beginning: all of it is news.
  const ShardIteratorType = known.size === 0 ? 'LATEST' : 'TRIM_HORIZON';
  const found = await Promise.all(
    open.map(async ({ ShardId }) => {
      const input = { StreamArn, ShardId, ShardIteratorType };
      const { ShardIterator } = (await callAws(STREAMS, 'GetShardIterator', input, signal)) as {
        ShardIterator: string;
      };
      return [ShardId, ShardIterator] as const;
    }),
  );
  return new Map(found);
}

/** @returns the records, and the iterator to go on with; none at the end of a closed shard */
export async function readRecords(
  ShardIterator: string,
  signal: AbortSignal,
): Promise<{ readonly records: readonly StreamRecord[]; readonly next: string | undefined }> {
  const { Records = [], NextShardIterator: next } = (await callAws(
    STREAMS,
    'GetRecords',
    { ShardIterator, Limit: 100 },
    signal,
  )) as { readonly Records?: readonly StreamRecord[]; readonly NextShardIterator?: string };
  return { records: Records, next };
}
