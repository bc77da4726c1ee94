import { type Json, type JsonObject, sameJson } from '../template/value.ts';
import { changes, type Kind, pick, replaces, required, TAGS, tagChanges } from './properties.ts';
import {
  createOrAdopt,
  type Existing,
  ignoreMissing,
  isGone,
  type Made,
  type ResourceType,
  type Work,
} from './resource-type.ts';

const KEY_SCHEMA: Kind = { list: { object: { AttributeName: 'text', KeyType: 'text' } } };
const PROJECTION: Kind = { object: { ProjectionType: 'text', NonKeyAttributes: { list: 'text' } } };
const THROUGHPUT: Kind = { object: { ReadCapacityUnits: 'number', WriteCapacityUnits: 'number' } };
const ON_DEMAND: Kind = { object: { MaxReadRequestUnits: 'number', MaxWriteRequestUnits: 'number' } };

const INDEX = { IndexName: 'text', KeySchema: KEY_SCHEMA, Projection: PROJECTION } as const;

export const TABLE: ResourceType = {
  properties: {
    TableName: replaces('text'),
    KeySchema: required(replaces(KEY_SCHEMA)),
    AttributeDefinitions: changes({ list: { object: { AttributeName: 'text', AttributeType: 'text' } } }),
    BillingMode: changes('text'),
    ProvisionedThroughput: changes(THROUGHPUT),
    OnDemandThroughput: changes(ON_DEMAND),
    GlobalSecondaryIndexes: changes({
      list: { object: { ...INDEX, ProvisionedThroughput: THROUGHPUT, OnDemandThroughput: ON_DEMAND } },
    }),
    LocalSecondaryIndexes: changes({ list: { object: INDEX } }),
    StreamSpecification: changes({ object: { StreamViewType: 'text' } }),
    TimeToLiveSpecification: changes({ object: { AttributeName: 'text', Enabled: 'flag' } }),
    PointInTimeRecoverySpecification: changes({
      object: { PointInTimeRecoveryEnabled: 'flag', RecoveryPeriodInDays: 'number' },
    }),
    KinesisStreamSpecification: changes({
      object: { StreamArn: 'text', ApproximateCreationDateTimePrecision: 'text' },
    }),
    DeletionProtectionEnabled: changes('flag'),
    TableClass: changes('text'),
    Tags: TAGS,
  },
  notBuilt: [
    'ContributorInsightsSpecification',
    'ImportSourceSpecification',
    'ResourcePolicy',
    'SSESpecification',
    'WarmThroughput',
  ],
  attributes: ['Arn', 'StreamArn'],
  naming: { property: 'TableName', lengthMax: 255 },

  async create(properties, work) {
    const TableName = work.name;
    await createOrAdopt(work, () => work.call('dynamodb', 'CreateTable', { ...tableInput(properties), TableName }));
    await work.made(TableName);
    await active(TableName, work);
    await setTimeToLive(TableName, properties.TimeToLiveSpecification as JsonObject | undefined, work);
    await setRecovery(TableName, undefined, recoveryOf(properties), work);
    await setDestination(TableName, undefined, destinationOf(properties), work);
    return describe(TableName, work);
  },

  async update(existing, properties, work) {
    const TableName = existing.physicalId;
    const before = existing.properties;
    await setTable(existing, properties, work);
    await setIndexes(existing, properties, work);
    await setTimeToLive(TableName, properties.TimeToLiveSpecification as JsonObject | undefined, work);
    await setRecovery(TableName, recoveryOf(before), recoveryOf(properties), work);
    await setDestination(TableName, destinationOf(before), destinationOf(properties), work);
    await setTags(existing, properties, work);
    return describe(TableName, work);
  },

  async delete({ physicalId: TableName }, work) {
    await ignoreMissing(() => work.call('dynamodb', 'DeleteTable', { TableName }));
    await work.until(`table ${TableName} to be deleted`, () =>
      isGone(() => work.call('dynamodb', 'DescribeTable', { TableName })),
    );
  },
};

const SAME_NAME = [
  'AttributeDefinitions',
  'BillingMode',
  'DeletionProtectionEnabled',
  'GlobalSecondaryIndexes',
  'KeySchema',
  'LocalSecondaryIndexes',
  'OnDemandThroughput',
  'ProvisionedThroughput',
  'TableClass',
  'Tags',
];

function tableInput(properties: JsonObject): Record<string, unknown> {
  return {
    ...pick(properties, SAME_NAME),
    ...(properties.StreamSpecification !== undefined && { StreamSpecification: streamOf(properties) }),
  };
}

/** A stream is there when the template has a view type for it. */
function streamOf({ StreamSpecification: stream }: JsonObject): object {
  const StreamViewType = (stream as JsonObject | undefined)?.StreamViewType;
  return StreamViewType === undefined ? { StreamEnabled: false } : { StreamEnabled: true, StreamViewType };
}

async function active(TableName: string, work: Work): Promise<void> {
  await work.until(`table ${TableName} to be ACTIVE`, async () => {
    const { Table } = await work.call('dynamodb', 'DescribeTable', { TableName });
    const indexes: readonly { readonly IndexStatus: string }[] = Table.GlobalSecondaryIndexes ?? [];
    return Table.TableStatus === 'ACTIVE' && indexes.every(({ IndexStatus }) => IndexStatus === 'ACTIVE');
  });
}

async function describe(TableName: string, work: Work): Promise<Made> {
  const { Table } = await work.call('dynamodb', 'DescribeTable', { TableName });
  const StreamArn = Table.LatestStreamArn;
  return { physicalId: TableName, attributes: { Arn: Table.TableArn, ...(StreamArn !== undefined && { StreamArn }) } };
}

/** What UpdateTable changes at once; a stream that shows something else is another one, and the old one ends first. */
async function setTable(existing: Existing, properties: JsonObject, work: Work): Promise<void> {
  const TableName = existing.physicalId;
  const { properties: before } = existing;
  const input: Record<string, unknown> = {};
  const defaults: JsonObject = { BillingMode: 'PROVISIONED', DeletionProtectionEnabled: false, TableClass: 'STANDARD' };
  for (const name of [
    'BillingMode',
    'DeletionProtectionEnabled',
    'TableClass',
    'ProvisionedThroughput',
    'OnDemandThroughput',
  ]) {
    const after = properties[name] ?? defaults[name];
    if (after !== undefined && !sameJson(before[name] ?? defaults[name], after)) input[name] = after;
  }
  // A table on demand that goes to provisioned needs to be told how much.
  if (input.BillingMode === 'PROVISIONED') Object.assign(input, pick(properties, ['ProvisionedThroughput']));
  if (Object.keys(input).length > 0) {
    await work.call('dynamodb', 'UpdateTable', { TableName, ...input });
    await active(TableName, work);
  }
  const [old, now] = [streamOf(before), streamOf(properties)];
  if (sameJson(old as JsonObject, now as JsonObject)) return;
  const off = { StreamEnabled: false };
  const steps = 'StreamViewType' in old && 'StreamViewType' in now ? [off, now] : [now];
  for (const StreamSpecification of steps) {
    await work.call('dynamodb', 'UpdateTable', { TableName, StreamSpecification });
    await active(TableName, work);
  }
}

interface IndexProperties extends JsonObject {
  readonly IndexName: string;
}

const indexesOf = ({ GlobalSecondaryIndexes: list = [] }: JsonObject) => list as unknown as readonly IndexProperties[];

/** One index a call, as AWS takes them: those that go or are others first. */
async function setIndexes(existing: Existing, properties: JsonObject, work: Work): Promise<void> {
  const TableName = existing.physicalId;
  const [before, after] = [indexesOf(existing.properties), indexesOf(properties)];
  const shapeOf = (index: IndexProperties) => pick(index, ['KeySchema', 'Projection']);
  const same = (index: IndexProperties, others: readonly IndexProperties[]) =>
    others.find((other) => other.IndexName === index.IndexName && sameJson(shapeOf(other), shapeOf(index)));
  const update = async (change: object) => {
    const { AttributeDefinitions } = properties;
    await work.call('dynamodb', 'UpdateTable', {
      TableName,
      AttributeDefinitions,
      GlobalSecondaryIndexUpdates: [change],
    });
    await active(TableName, work);
  };
  for (const index of before) if (!same(index, after)) await update({ Delete: { IndexName: index.IndexName } });
  for (const index of after) {
    const old = same(index, before);
    if (!old) await update({ Create: index });
    else if (!sameJson(old, index)) {
      const throughput = pick(index, ['ProvisionedThroughput', 'OnDemandThroughput']);
      await update({ Update: { IndexName: index.IndexName, ...throughput } });
    }
  }
}

/** Compared with what is set, not with the last template: a rollback does not know how far the update came. */
async function setTimeToLive(TableName: string, after: JsonObject | undefined, work: Work): Promise<void> {
  const { TimeToLiveDescription: now } = await work.call('dynamodb', 'DescribeTimeToLive', { TableName });
  const current: string | undefined = now.TimeToLiveStatus === 'DISABLED' ? undefined : now.AttributeName;
  const wanted = after?.Enabled === true ? String(after.AttributeName) : undefined;
  if (current === wanted) return;
  const set = (AttributeName: string, Enabled: boolean) =>
    work.call('dynamodb', 'UpdateTimeToLive', { TableName, TimeToLiveSpecification: { AttributeName, Enabled } });
  if (current !== undefined) await set(current, false);
  if (wanted !== undefined) await set(wanted, true);
}

const recoveryOf = ({ PointInTimeRecoverySpecification: spec }: JsonObject) =>
  (spec as JsonObject | undefined)?.PointInTimeRecoveryEnabled === true ? (spec as JsonObject) : undefined;

async function setRecovery(
  TableName: string,
  before: JsonObject | undefined,
  after: JsonObject | undefined,
  work: Work,
): Promise<void> {
  if (sameJson(before, after)) return;
  const PointInTimeRecoverySpecification = after ?? { PointInTimeRecoveryEnabled: false };
  await work.call('dynamodb', 'UpdateContinuousBackups', { TableName, PointInTimeRecoverySpecification });
}

/** A step that a crash cut off may have turned it on. */
async function isDestination(TableName: string, arn: Json | undefined, work: Work): Promise<boolean> {
  const answer = await work.call('dynamodb', 'DescribeKinesisStreamingDestination', { TableName });
  const found: readonly { readonly StreamArn: string; readonly DestinationStatus: string }[] =
    answer.KinesisDataStreamDestinations;
  return found.some(({ StreamArn, DestinationStatus }) => StreamArn === arn && DestinationStatus === 'ACTIVE');
}

const destinationOf = ({ KinesisStreamSpecification: spec }: JsonObject) => spec as JsonObject | undefined;

async function setDestination(
  TableName: string,
  before: JsonObject | undefined,
  after: JsonObject | undefined,
  work: Work,
): Promise<void> {
  if (sameJson(before, after)) return;
  if (before) {
    const { StreamArn } = before;
    await work.call('dynamodb', 'DisableKinesisStreamingDestination', { TableName, StreamArn });
  }
  if (!after) return;
  const { StreamArn, ...configuration } = after;
  const EnableKinesisStreamingConfiguration = configuration;
  if (work.resuming && (await isDestination(TableName, StreamArn, work))) return;
  await work.call('dynamodb', 'EnableKinesisStreamingDestination', {
    ...{ TableName, StreamArn },
    ...(Object.keys(configuration).length > 0 && { EnableKinesisStreamingConfiguration }),
  });
}

async function setTags(existing: Existing, properties: JsonObject, work: Work): Promise<void> {
  const ResourceArn = existing.attributes.Arn;
  const { set, remove } = tagChanges(existing.properties.Tags, properties.Tags);
  const Tags = Object.entries(set).map(([Key, Value]) => ({ Key, Value }));
  if (Tags.length > 0) await work.call('dynamodb', 'TagResource', { ResourceArn, Tags });
  if (remove.length > 0) await work.call('dynamodb', 'UntagResource', { ResourceArn, TagKeys: remove });
}

export const DYNAMODB_TYPES: Readonly<Record<string, ResourceType>> = { 'AWS::DynamoDB::Table': TABLE };
