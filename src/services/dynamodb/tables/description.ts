import type {
  GlobalSecondaryIndexDescription,
  LocalSecondaryIndexDescription,
  ProvisionedThroughputDescription,
  TableDescription,
  Projection as WireProjection,
} from '@aws-sdk/client-dynamodb';
import { hashAttributes, type KeySchema, rangeAttributes } from '../model/table.ts';
import type { IndexDefinition, OnDemandMaximum, Projection, Provisioned, TableDefinition } from './definition.ts';
import { tableArn } from './live-table.ts';
import { decreasesOn } from './throughput-changes.ts';

/** Rows of a table or index, and their bytes as AWS counts them. */
export interface Size {
  readonly count: number;
  readonly bytes: number;
}

/** How large a table and its indexes are. */
export interface TableSizes {
  readonly table: Size;
  /** By name. */
  readonly indexes: ReadonlyMap<string, Size>;
}

const EMPTY: Size = { count: 0, bytes: 0 };
export const NO_SIZES: TableSizes = { table: EMPTY, indexes: new Map() };

/** Warm throughput of an on-demand table that never had more. */
const WARM_ON_DEMAND = { read: 12_000, write: 4_000 };

/** @param at  epoch milliseconds. @param status  shown in place of what is stored: the answer to a change that is done already */
export function describeTable(
  definition: TableDefinition,
  sizes: TableSizes,
  at: number,
  status?: 'CREATING' | 'UPDATING' | 'DELETING',
): TableDescription {
  const { indexes, onDemandMaximum, stream, lastStream, restored, filling } = definition;
  const arn = tableArn(definition);
  const local = indexes.filter(({ kind }) => kind === 'local');
  const global = indexes.filter(({ kind }) => kind === 'global');
  const sizeOf = ({ name }: IndexDefinition) => sizes.indexes.get(name) ?? EMPTY;
  const creating = status === 'CREATING' || filling !== undefined;
  return {
    AttributeDefinitions: definition.attributes.map(({ name, type }) => ({ AttributeName: name, AttributeType: type })),
    TableName: definition.name,
    KeySchema: describeKey(definition.key),
    TableStatus: status ?? (creating ? 'CREATING' : 'ACTIVE'),
    CreationDateTime: new Date(definition.createdAt),
    ProvisionedThroughput: describeUnits(definition.provisioned, at),
    TableSizeBytes: sizes.table.bytes,
    ItemCount: sizes.table.count,
    TableArn: arn,
    TableId: definition.id,
    ...describeBilling(definition),
    ...(local.length > 0 && { LocalSecondaryIndexes: local.map((index) => describeLocal(index, arn, sizeOf(index))) }),
    ...(global.length > 0 && {
      GlobalSecondaryIndexes: global.map((index) => ({
        ...describeGlobal(index, definition, arn, sizeOf(index), at),
        ...((status === 'CREATING' || status === 'DELETING') && { IndexStatus: status }),
      })),
    }),
    ...describeStream(stream ?? lastStream),
    ...(stream && { StreamSpecification: { StreamEnabled: true, StreamViewType: stream.viewType } }),
    ...(restored && {
      RestoreSummary: {
        ...(restored.backupArn !== undefined && { SourceBackupArn: restored.backupArn }),
        SourceTableArn: restored.sourceArn,
        RestoreDateTime: new Date(restored.at),
        RestoreInProgress: filling !== undefined,
      },
    }),
    ...(definition.tableClass && {
      TableClassSummary: {
        TableClass: definition.tableClass.name as 'STANDARD',
        ...(definition.tableClass.updatedAt !== undefined && {
          LastUpdateDateTime: new Date(definition.tableClass.updatedAt),
        }),
      },
    }),
    DeletionProtectionEnabled: definition.deletionProtection,
    ...(onDemandMaximum && { OnDemandThroughput: describeMaximum(onDemandMaximum) }),
    WarmThroughput: describeWarm(definition.warmThroughput, definition.billing, definition.provisioned),
  };
}

function describeBilling({ billing, onDemandSince }: TableDefinition): Partial<TableDescription> {
  if (billing === 'PROVISIONED' && onDemandSince === undefined) return {};
  return {
    BillingModeSummary: {
      BillingMode: billing,
      ...(onDemandSince !== undefined && { LastUpdateToPayPerRequestDateTime: new Date(onDemandSince) }),
    },
  };
}

function describeStream(stream: TableDefinition['lastStream']): Partial<TableDescription> {
  return stream ? { LatestStreamArn: stream.arn, LatestStreamLabel: stream.label } : {};
}

export function describeKey(key: KeySchema) {
  return [
    ...hashAttributes(key).map(({ name }) => ({ AttributeName: name, KeyType: 'HASH' as const })),
    ...rangeAttributes(key).map(({ name }) => ({ AttributeName: name, KeyType: 'RANGE' as const })),
  ];
}

export function describeProjection(projection: Projection): WireProjection {
  return {
    ProjectionType: projection.type,
    ...(projection.type === 'INCLUDE' && { NonKeyAttributes: [...projection.names] }),
  };
}

function describeUnits(units: Provisioned, at: number): ProvisionedThroughputDescription {
  return {
    ...(units.increasedAt !== undefined && { LastIncreaseDateTime: new Date(units.increasedAt) }),
    ...(units.decreasedAt !== undefined && { LastDecreaseDateTime: new Date(units.decreasedAt) }),
    NumberOfDecreasesToday: decreasesOn(units, at),
    ReadCapacityUnits: units.read,
    WriteCapacityUnits: units.write,
  };
}

export function describeMaximum({ read, write }: OnDemandMaximum) {
  return { MaxReadRequestUnits: read ?? -1, MaxWriteRequestUnits: write ?? -1 };
}

/** We are as warm as the machine is: what AWS shows of a new table, or what was asked for. */
function describeWarm(
  asked: TableDefinition['warmThroughput'],
  billing: TableDefinition['billing'],
  provisioned: Provisioned,
) {
  const least = billing === 'PROVISIONED' ? provisioned : WARM_ON_DEMAND;
  return {
    ReadUnitsPerSecond: Math.max(asked?.read ?? 0, least.read),
    WriteUnitsPerSecond: Math.max(asked?.write ?? 0, least.write),
    Status: 'ACTIVE' as const,
  };
}

function describeLocal(index: IndexDefinition, tableArn: string, size: Size): LocalSecondaryIndexDescription {
  return {
    IndexName: index.name,
    KeySchema: describeKey(index.key),
    Projection: describeProjection(index.projection),
    IndexSizeBytes: size.bytes,
    ItemCount: size.count,
    IndexArn: `${tableArn}/index/${index.name}`,
  };
}

const NO_UNITS: Provisioned = { read: 0, write: 0, decreases: 0 };

function describeGlobal(
  index: IndexDefinition,
  { billing }: TableDefinition,
  tableArn: string,
  size: Size,
  at: number,
): GlobalSecondaryIndexDescription {
  return {
    IndexName: index.name,
    KeySchema: describeKey(index.key),
    Projection: describeProjection(index.projection),
    IndexStatus: index.status,
    ...(index.status === 'CREATING' && { Backfilling: true }),
    ProvisionedThroughput: describeUnits(index.provisioned ?? NO_UNITS, at),
    IndexSizeBytes: size.bytes,
    ItemCount: size.count,
    IndexArn: `${tableArn}/index/${index.name}`,
    ...(index.onDemandMaximum && { OnDemandThroughput: describeMaximum(index.onDemandMaximum) }),
    WarmThroughput: describeWarm(undefined, billing, index.provisioned ?? NO_UNITS),
  };
}
