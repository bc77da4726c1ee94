import { DomainError, formatArn } from '../../../base/index.ts';
import { type Json, type JsonObject, sameJson } from '../template/value.ts';
import { changes, type Kind, pick, replaces, required, TAGS, tagChanges } from './properties.ts';
import {
  createOrAdopt,
  type Existing,
  ignoreMissing,
  isGone,
  type Made,
  type Reading,
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
    SSESpecification: changes({ object: { SSEEnabled: 'flag', SSEType: 'text', KMSMasterKeyId: 'text' } }),
    ContributorInsightsSpecification: changes({ object: { Enabled: 'flag', Mode: 'text' } }),
    ResourcePolicy: changes({ object: { PolicyDocument: 'any' } }),
    WarmThroughput: changes({ object: { ReadUnitsPerSecond: 'number', WriteUnitsPerSecond: 'number' } }),
    ImportSourceSpecification: replaces({
      object: {
        S3BucketSource: { object: { S3Bucket: 'text', S3KeyPrefix: 'text', S3BucketOwner: 'text' } },
        InputFormat: 'text',
        InputFormatOptions: { object: { Csv: { object: { Delimiter: 'text', HeaderList: { list: 'text' } } } } },
        InputCompressionType: 'text',
      },
    }),
    Tags: TAGS,
  },
  attributes: ['Arn', 'StreamArn'],
  naming: { property: 'TableName', lengthMax: 255 },

  imports: { identifiers: ['TableName'], find: ({ TableName }, work) => describe(TableName!, work) },

  async create(properties, work) {
    const TableName = work.name;
    await createOrAdopt(work, () => makeTable(TableName, properties, work));
    await work.made(TableName);
    if (properties.ImportSourceSpecification !== undefined) await setImported(TableName, properties, work);
    await active(TableName, work);
    await setTimeToLive(TableName, properties.TimeToLiveSpecification as JsonObject | undefined, work);
    await setRecovery(TableName, undefined, recoveryOf(properties), work);
    await setDestination(TableName, undefined, destinationOf(properties), work);
    await setInsights(TableName, undefined, insightsOf(properties), work);
    await setPolicy(TableName, undefined, policyOf(properties), work);
    return describe(TableName, work);
  },

  async update(existing, properties, work) {
    const TableName = existing.physicalId;
    const before = existing.properties;
    await setTable(TableName, properties, work);
    await setIndexes(TableName, properties, work);
    await setTimeToLive(TableName, properties.TimeToLiveSpecification as JsonObject | undefined, work);
    await setRecovery(TableName, recoveryOf(before), recoveryOf(properties), work);
    await setDestination(TableName, destinationOf(before), destinationOf(properties), work);
    await setInsights(TableName, insightsOf(before), insightsOf(properties), work);
    await setPolicy(TableName, policyOf(before), policyOf(properties), work);
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
  'WarmThroughput',
];

function tableInput(properties: JsonObject): Record<string, unknown> {
  return {
    ...pick(properties, SAME_NAME),
    ...(properties.StreamSpecification !== undefined && { StreamSpecification: streamOf(properties) }),
    ...encryptionOf(properties),
  };
}

/** Only the service says which encryption a table can have. */
function encryptionOf({ SSESpecification }: JsonObject): { readonly SSESpecification?: JsonObject } {
  const { SSEEnabled, ...rest } = (SSESpecification ?? {}) as JsonObject;
  return SSEEnabled === true ? { SSESpecification: { Enabled: true, ...rest } } : {};
}

/** Members of a table that it can have while it is filled from a bucket. */
const IMPORTED = ['AttributeDefinitions', 'BillingMode', 'GlobalSecondaryIndexes', 'KeySchema', 'OnDemandThroughput'];

function makeTable(TableName: string, properties: JsonObject, work: Work): Promise<unknown> {
  const { ImportSourceSpecification: source, ProvisionedThroughput } = properties;
  if (source === undefined) return work.call('dynamodb', 'CreateTable', { ...tableInput(properties), TableName });
  const TableCreationParameters = {
    ...pick(properties, IMPORTED),
    ...(ProvisionedThroughput !== undefined && { ProvisionedThroughput }),
    ...encryptionOf(properties),
    TableName,
  };
  return work.call('dynamodb', 'ImportTable', { ...(source as JsonObject), TableCreationParameters });
}

/** Waits until a table has what it was to be filled with, and gives it what a table that is filled cannot have. */
async function setImported(TableName: string, properties: JsonObject, work: Work): Promise<void> {
  const { region, accountId } = work.identity;
  const TableArn = formatArn('dynamodb', region, accountId, `table/${TableName}`);
  await work.until(`the import into ${TableName} to end`, async () => {
    const { ImportSummaryList } = await work.call('dynamodb', 'ListImports', { TableArn, PageSize: 1 });
    const { ImportArn, ImportStatus } = ImportSummaryList[0];
    if (ImportStatus === 'COMPLETED') return true;
    if (ImportStatus === 'IN_PROGRESS') return false;
    const { ImportTableDescription } = await work.call('dynamodb', 'DescribeImport', { ImportArn });
    throw new DomainError(
      'GeneralServiceException',
      `Import ${ImportStatus}: ${ImportTableDescription.FailureMessage}`,
    );
  });
  await setTable(TableName, properties, work);
  const ResourceArn = TableArn;
  if (properties.Tags !== undefined) await work.call('dynamodb', 'TagResource', { ResourceArn, Tags: properties.Tags });
}

/** A stream is there when the template has a view type for it. */
function streamOf({ StreamSpecification: stream }: JsonObject): object {
  const StreamViewType = (stream as JsonObject | undefined)?.StreamViewType;
  return StreamViewType === undefined ? { StreamEnabled: false } : { StreamEnabled: true, StreamViewType };
}

/** The table once nothing of it is being made. */
async function active(TableName: string, work: Work): Promise<TableDescription> {
  let table: TableDescription | undefined;
  await work.until(`table ${TableName} to be ACTIVE`, async () => {
    const { Table } = await work.call('dynamodb', 'DescribeTable', { TableName });
    table = Table as TableDescription;
    return table.TableStatus === 'ACTIVE' && globalIndexes(table).every(({ IndexStatus }) => IndexStatus === 'ACTIVE');
  });
  return table!;
}

const globalIndexes = ({ GlobalSecondaryIndexes }: TableDescription) => GlobalSecondaryIndexes ?? [];

async function describe(name: string, work: Reading): Promise<Made> {
  const { Table } = await work.call('dynamodb', 'DescribeTable', { TableName: name });
  const StreamArn = Table.LatestStreamArn;
  return {
    physicalId: Table.TableName,
    attributes: { Arn: Table.TableArn, ...(StreamArn !== undefined && { StreamArn }) },
  };
}

/**
 * What UpdateTable changes: units together, all else in a call of its own, as AWS takes it. A stream that shows something else is
 * another one, and the old one ends first. Compared with what is set, not with the last template: a rollback does not know how
 * far the update came.
 */
async function setTable(TableName: string, properties: JsonObject, work: Work): Promise<void> {
  const table = await active(TableName, work);
  const { DeletionProtectionEnabled = false, TableClass = 'STANDARD' } = properties;
  const viewType = table.StreamSpecification?.StreamViewType;
  const stream = streamOf(properties);
  const wantedView = 'StreamViewType' in stream ? stream.StreamViewType : undefined;
  const changed = viewType !== wantedView;
  for (const step of [
    unitChanges(table, properties),
    DeletionProtectionEnabled !== table.DeletionProtectionEnabled && { DeletionProtectionEnabled },
    TableClass !== (table.TableClassSummary?.TableClass ?? 'STANDARD') && { TableClass },
    warmer(table, properties),
    encryptionOf(properties).SSESpecification && encryptionOf(properties),
    changed && viewType !== undefined && { StreamSpecification: { StreamEnabled: false } },
    changed && wantedView !== undefined && { StreamSpecification: stream },
  ]) {
    if (!step) continue;
    await work.call('dynamodb', 'UpdateTable', { TableName, ...step });
    await active(TableName, work);
  }
}

const billingOf = ({ BillingMode = 'PROVISIONED' }: JsonObject) => BillingMode;

function unitChanges(table: TableDescription, properties: JsonObject): object | undefined {
  const BillingMode = billingOf(properties);
  const throughput = changedThroughput(table, properties, BillingMode);
  if (BillingMode === (table.BillingModeSummary?.BillingMode ?? 'PROVISIONED')) return throughput;
  if (BillingMode !== 'PROVISIONED' || globalIndexes(table).length === 0) return { BillingMode, ...throughput };
  // Each index needs units of its own from then on, also one that is about to go.
  const GlobalSecondaryIndexUpdates = globalIndexes(table).map(({ IndexName }) => {
    const wanted = indexesOf(properties).find((index) => index.IndexName === IndexName);
    const ProvisionedThroughput = wanted?.ProvisionedThroughput ?? properties.ProvisionedThroughput;
    return { Update: { IndexName, ProvisionedThroughput } };
  });
  return { BillingMode, ...throughput, GlobalSecondaryIndexUpdates };
}

/** What a table is warmed to is not taken back, by no update and by no rollback. */
function warmer({ WarmThroughput: now }: TableDescription, { WarmThroughput }: JsonObject): object | undefined {
  if (WarmThroughput === undefined) return undefined;
  const wanted = WarmThroughput as Readonly<Record<string, number>>;
  const grows = Object.entries(wanted).some(([name, units]) => units > Number(now?.[name] ?? 0));
  return grows ? { WarmThroughput } : undefined;
}

const UNLIMITED = { MaxReadRequestUnits: -1, MaxWriteRequestUnits: -1 };

/** Units of a table or index that are not set as they are wanted. */
function changedThroughput(now: Throughputs, wanted: JsonObject, billing: Json): object | undefined {
  if (billing === 'PROVISIONED') {
    const { ProvisionedThroughput } = wanted;
    const units = pick(now.ProvisionedThroughput ?? {}, ['ReadCapacityUnits', 'WriteCapacityUnits']);
    return sameJson(units, ProvisionedThroughput) ? undefined : { ProvisionedThroughput };
  }
  const OnDemandThroughput = { ...UNLIMITED, ...(wanted.OnDemandThroughput as JsonObject | undefined) };
  const same = sameJson({ ...UNLIMITED, ...now.OnDemandThroughput }, OnDemandThroughput);
  return same ? undefined : { OnDemandThroughput };
}

interface Throughputs {
  readonly ProvisionedThroughput?: JsonObject;
  readonly OnDemandThroughput?: JsonObject;
}

interface IndexDescription extends Throughputs {
  readonly IndexName: string;
  readonly IndexStatus: string;
  readonly KeySchema: Json;
  readonly Projection: Json;
}

/** What DescribeTable answers, as far as it is compared. */
interface TableDescription extends Throughputs {
  readonly TableStatus: string;
  readonly BillingModeSummary?: { readonly BillingMode: string };
  readonly DeletionProtectionEnabled: boolean;
  readonly TableClassSummary?: { readonly TableClass: string };
  readonly StreamSpecification?: { readonly StreamViewType: string };
  readonly WarmThroughput?: JsonObject;
  readonly GlobalSecondaryIndexes?: readonly IndexDescription[];
}

interface IndexProperties extends JsonObject {
  readonly IndexName: string;
}

const indexesOf = ({ GlobalSecondaryIndexes: list = [] }: JsonObject) => list as unknown as readonly IndexProperties[];

/** One index a call, as AWS takes them: those that go or are others first. Compared as {@link setTable} compares. */
async function setIndexes(TableName: string, properties: JsonObject, work: Work): Promise<void> {
  const before = globalIndexes(await active(TableName, work));
  const after = indexesOf(properties);
  const { AttributeDefinitions } = properties;
  const isSame = (index: IndexDescription, wanted: IndexProperties) =>
    index.IndexName === wanted.IndexName &&
    sameJson(index.KeySchema, wanted.KeySchema) &&
    sameJson(index.Projection, wanted.Projection);
  const update = async (change: object) => {
    await work.call('dynamodb', 'UpdateTable', {
      TableName,
      AttributeDefinitions,
      GlobalSecondaryIndexUpdates: [change],
    });
    await active(TableName, work);
  };
  for (const index of before) {
    if (!after.some((wanted) => isSame(index, wanted))) await update({ Delete: { IndexName: index.IndexName } });
  }
  for (const wanted of after) {
    const index = before.find((one) => isSame(one, wanted));
    const throughput = index && changedThroughput(index, wanted, billingOf(properties));
    if (!index) await update({ Create: wanted });
    else if (throughput) await update({ Update: { IndexName: index.IndexName, ...throughput } });
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

const insightsOf = ({ ContributorInsightsSpecification: spec }: JsonObject) =>
  (spec as JsonObject | undefined)?.Enabled === true ? (spec as JsonObject) : undefined;

async function setInsights(
  TableName: string,
  before: JsonObject | undefined,
  after: JsonObject | undefined,
  work: Work,
): Promise<void> {
  if (sameJson(before, after)) return;
  await work.call('dynamodb', 'UpdateContributorInsights', {
    TableName,
    ContributorInsightsAction: after ? 'ENABLE' : 'DISABLE',
    ...(after?.Mode !== undefined && { ContributorInsightsMode: after.Mode }),
  });
}

const policyOf = ({ ResourcePolicy: policy }: JsonObject) => (policy as JsonObject | undefined)?.PolicyDocument;

async function setPolicy(
  TableName: string,
  before: Json | undefined,
  after: Json | undefined,
  work: Work,
): Promise<void> {
  if (sameJson(before, after)) return;
  const { region, accountId } = work.identity;
  const ResourceArn = formatArn('dynamodb', region, accountId, `table/${TableName}`);
  if (after === undefined) {
    await ignoreMissing(() => work.call('dynamodb', 'DeleteResourcePolicy', { ResourceArn }));
    return;
  }
  const Policy = typeof after === 'string' ? after : JSON.stringify(after);
  await work.call('dynamodb', 'PutResourcePolicy', { ResourceArn, Policy });
}

async function setTags(existing: Existing, properties: JsonObject, work: Work): Promise<void> {
  const ResourceArn = existing.attributes.Arn;
  const { set, remove } = tagChanges(existing.properties.Tags, properties.Tags);
  const Tags = Object.entries(set).map(([Key, Value]) => ({ Key, Value }));
  if (Tags.length > 0) await work.call('dynamodb', 'TagResource', { ResourceArn, Tags });
  if (remove.length > 0) await work.call('dynamodb', 'UntagResource', { ResourceArn, TagKeys: remove });
}

export const DYNAMODB_TYPES: Readonly<Record<string, ResourceType>> = { 'AWS::DynamoDB::Table': TABLE };
