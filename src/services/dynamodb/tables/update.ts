import type {
  GlobalSecondaryIndexUpdate,
  UpdateGlobalSecondaryIndexAction,
  UpdateTableInput,
} from '@aws-sdk/client-dynamodb';
import { DynamodbError, invalid } from '../errors.ts';
import { TABLE_LIMITS } from '../limits.ts';
import { keyNames } from '../model/projection.ts';
import type { KeyAttribute } from '../model/table.ts';
import type { BillingMode, IndexDefinition, Provisioned, TableDefinition } from './definition.ts';
import { changeUnits } from './throughput-changes.ts';
import {
  checkProjected,
  readAttributes,
  readGlobalIndex,
  readOnDemandMaximum,
  readUnits,
  type TableRequest,
  type Units,
  wrong,
} from './validation.ts';

/** Members that change something, as AWS lists them when none is there. */
const CHANGES = [
  'ProvisionedThroughput',
  'BillingMode',
  'StreamSpecification',
  'GlobalSecondaryIndexUpdates',
  'SSESpecification',
  'ReplicaUpdates',
  'DeletionProtectionEnabled',
  'OnDemandThroughput',
  'WarmThroughput',
  'TableClass',
] as const satisfies readonly (keyof UpdateTableInput)[];

/** Members that go alone, and what AWS calls them. */
const ALONE = {
  SSESpecification: 'Server-Side Encryption',
  TableClass: 'TableClass',
  DeletionProtectionEnabled: 'DeletionProtection',
} as const;

/** Checks what needs no knowledge of the table. @throws DynamodbError `validation-failed` */
export function checkUpdate(input: UpdateTableInput): void {
  const present = CHANGES.filter((name) => input[name] !== undefined);
  if (present.length === 0) {
    throw invalid(
      'At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates, SSESpecification, ReplicaUpdates, MultiAccountReplicaReady, ReplicaTransitRoleArn, MultiRegionConsistency, DeletionProtectionEnabled, OnDemandThroughput, WarmThroughput or TableClass is required',
    );
  }
  for (const [name, title] of Object.entries(ALONE)) {
    if (present.length === 1 || input[name as keyof typeof ALONE] === undefined) continue;
    throw wrong(`${title} modification must be the only operation in the request`);
  }
  refuseRegions(input);
  checkCombinations(input);
  checkIndexUpdates(input.GlobalSecondaryIndexUpdates);
}

function refuseRegions({
  ReplicaUpdates,
  MultiRegionConsistency,
  GlobalTableWitnessUpdates,
  ...rest
}: UpdateTableInput) {
  if (ReplicaUpdates?.length || MultiRegionConsistency !== undefined || GlobalTableWitnessUpdates?.length) {
    throw invalid('Replicas of tables are not built in Millrace: a node is one region');
  }
  if (rest.VectorIndexUpdates?.length) throw invalid('VectorIndexes are not built in Millrace');
}

function checkCombinations(input: UpdateTableInput): void {
  const changesIndexes = input.GlobalSecondaryIndexUpdates?.some(({ Create, Delete }) => Create || Delete);
  const { StreamSpecification, ProvisionedThroughput } = input;
  if (StreamSpecification && ProvisionedThroughput) {
    throw wrong('You cannot modify stream status while updating table IOPS');
  }
  if (changesIndexes && StreamSpecification) {
    throw wrong('You cannot create or delete index while changing stream status');
  }
  if (changesIndexes && ProvisionedThroughput && !input.BillingMode) {
    throw wrong('You cannot create or delete index while updating table IOPS');
  }
}

function checkIndexUpdates(updates: readonly GlobalSecondaryIndexUpdate[] | undefined): void {
  if (!updates) return;
  if (updates.length === 0) throw wrong('List of GlobalSecondaryIndexUpdates is empty');
  const names = new Set<string>();
  for (const { Create, Update, Delete } of updates) {
    const actions = [Create, Update, Delete].filter((action) => action !== undefined);
    if (actions.length === 0) {
      throw wrong(
        'One of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, GlobalSecondaryIndexUpdate.Delete must not be null',
      );
    }
    if (actions.length > 1) {
      throw wrong('Only one global secondary index action is allowed per GlobalSecondaryIndexUpdate object');
    }
    const name = actions[0]!.IndexName!;
    if (names.has(name)) {
      throw wrong(`Only one global secondary index update per index is allowed simultaneously. Index: ${name}`);
    }
    names.add(name);
  }
  if (updates.filter(({ Create, Delete }) => Create || Delete).length > 1) throw oneIndexAtATime();
}

const oneIndexAtATime = () =>
  new DynamodbError(
    'limit-exceeded',
    'Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table',
  );

export interface UpdateSurroundings {
  /** Epoch milliseconds. */
  readonly at: number;
  /** Makes an index of what was asked for, in the state CREATING. */
  newIndex(request: TableRequest['global'][number]): IndexDefinition;
}

/**
 * What a table becomes, streams apart. An index to be created comes as CREATING, one to be deleted is gone.
 * @param input  as {@link checkUpdate} has let it through
 * @throws DynamodbError `validation-failed`, `limit-exceeded`, `resource-not-found`
 */
export function decideUpdate(
  before: TableDefinition,
  input: UpdateTableInput,
  surroundings: UpdateSurroundings,
): TableDefinition {
  const billed = withBilling(before, input, surroundings.at);
  const updated = (input.GlobalSecondaryIndexUpdates ?? []).reduce(
    (definition, update) => withIndexUpdate(definition, update, input, surroundings),
    billed,
  );
  return withSettings(updated, input, surroundings.at);
}

function withBilling(before: TableDefinition, input: UpdateTableInput, at: number): TableDefinition {
  const { BillingMode, ProvisionedThroughput } = input;
  const billing: BillingMode = BillingMode ?? before.billing;
  if (billing === 'PAY_PER_REQUEST') {
    readUnits(ProvisionedThroughput, billing);
    return before.billing === billing ? before : onDemand(before, at);
  }
  if (before.billing === 'PAY_PER_REQUEST') return provisioned(before, input);
  if (!ProvisionedThroughput) return before;
  return {
    ...before,
    provisioned: changeUnits(before.provisioned, readUnits(ProvisionedThroughput, billing), at, 'table'),
  };
}

function onDemand(before: TableDefinition, at: number): TableDefinition {
  return {
    ...before,
    billing: 'PAY_PER_REQUEST',
    onDemandSince: at,
    provisioned: NONE,
    indexes: before.indexes.map(({ provisioned: _, ...index }) => index),
  };
}

const NONE: Provisioned = { read: 0, write: 0, decreases: 0 };

function provisioned(before: TableDefinition, input: UpdateTableInput): TableDefinition {
  if (!input.ProvisionedThroughput) {
    throw wrong('ProvisionedThroughput must be specified when BillingMode is PROVISIONED');
  }
  const { onDemandMaximum: _, ...rest } = before;
  const units = new Map(
    (input.GlobalSecondaryIndexUpdates ?? []).map(({ Update }) => [Update?.IndexName, Update?.ProvisionedThroughput]),
  );
  return {
    ...rest,
    billing: 'PROVISIONED',
    provisioned: { ...readUnits(input.ProvisionedThroughput, 'PROVISIONED'), decreases: 0 },
    indexes: before.indexes.map((index) => {
      if (index.kind === 'local') return index;
      const asked = units.get(index.name);
      if (!asked) throw wrong(`ProvisionedThroughput must be specified for index: ${index.name}`);
      const { onDemandMaximum: _, ...kept } = index;
      return { ...kept, provisioned: { ...readUnits(asked, 'PROVISIONED'), decreases: 0 } };
    }),
  };
}

function withIndexUpdate(
  definition: TableDefinition,
  { Create, Update, Delete }: GlobalSecondaryIndexUpdate,
  input: UpdateTableInput,
  surroundings: UpdateSurroundings,
): TableDefinition {
  if (Create) return withNewIndex(definition, Create, input, surroundings);
  if (Delete) return withoutIndex(definition, Delete.IndexName!);
  return withIndexUnits(definition, Update!, input, surroundings.at);
}

function withNewIndex(
  definition: TableDefinition,
  create: NonNullable<GlobalSecondaryIndexUpdate['Create']>,
  input: UpdateTableInput,
  surroundings: UpdateSurroundings,
): TableDefinition {
  const name = create.IndexName!;
  if (definition.indexes.some((index) => index.name === name)) {
    throw invalid('Attempting to create an index which already exists');
  }
  if (definition.indexes.some(({ status }) => status === 'CREATING')) throw oneIndexAtATime();
  const { globalIndexesMax } = TABLE_LIMITS;
  if (definition.indexes.filter(({ kind }) => kind === 'global').length >= globalIndexesMax) {
    throw new DynamodbError(
      'limit-exceeded',
      `Subscriber limit exceeded: Number of global secondary indexes exceeds per-table limit of ${globalIndexesMax}`,
    );
  }
  if (!input.AttributeDefinitions) throw wrong(`AttributeDefinitions is not specified for index: ${name}`);
  const attributes = mergeAttributes(definition.attributes, readAttributes(input.AttributeDefinitions));
  const index = surroundings.newIndex(readGlobalIndex(create, attributes, definition.billing));
  const indexes = [...definition.indexes, index];
  checkProjected(indexes.map(({ projection }) => projection));
  return { ...definition, attributes: usedAttributes({ ...definition, attributes, indexes }), indexes };
}

function mergeAttributes(before: readonly KeyAttribute[], asked: readonly KeyAttribute[]): readonly KeyAttribute[] {
  const types = new Map(asked.map(({ name, type }) => [name, type]));
  for (const { name, type } of before) {
    if (!types.has(name) || types.get(name) === type) continue;
    throw wrong(`Attribute ${name} is defined with a different type already`);
  }
  return [...before, ...asked.filter(({ name }) => !before.some((one) => one.name === name))];
}

/** Definitions that no key uses any more go, as AWS lets them. */
function usedAttributes({ attributes, key, indexes }: TableDefinition): readonly KeyAttribute[] {
  const used = new Set([key, ...indexes.map((index) => index.key)].flatMap(keyNames));
  return attributes.filter(({ name }) => used.has(name));
}

function globalIndex(definition: TableDefinition, name: string, verb: string): IndexDefinition {
  const index = definition.indexes.find((one) => one.name === name);
  if (!index) {
    throw new DynamodbError('resource-not-found', `Requested resource not found: Index: ${name} not found`);
  }
  if (index.kind === 'local') throw invalid(`Cannot ${verb} an index that is not a GlobalSecondaryIndex: ${name}`);
  return index;
}

function withoutIndex(definition: TableDefinition, name: string): TableDefinition {
  const gone = globalIndex(definition, name, 'delete');
  if (definition.indexes.some((one) => one !== gone && one.status === 'CREATING')) throw oneIndexAtATime();
  const indexes = definition.indexes.filter((one) => one !== gone);
  return { ...definition, indexes, attributes: usedAttributes({ ...definition, indexes }) };
}

function withIndexUnits(
  definition: TableDefinition,
  update: UpdateGlobalSecondaryIndexAction,
  input: UpdateTableInput,
  at: number,
): TableDefinition {
  const index = globalIndex(definition, update.IndexName!, 'update');
  const changed = { ...index, ...unitsOfIndex(index, update, definition, input, at) };
  return { ...definition, indexes: definition.indexes.map((one) => (one === index ? changed : one)) };
}

function unitsOfIndex(
  index: IndexDefinition,
  { ProvisionedThroughput, OnDemandThroughput }: UpdateGlobalSecondaryIndexAction,
  { billing }: TableDefinition,
  input: UpdateTableInput,
  at: number,
): Partial<IndexDefinition> {
  const maximum = readOnDemandMaximum(OnDemandThroughput, billing, `index : ${index.name}`);
  if (billing === 'PAY_PER_REQUEST') {
    if (ProvisionedThroughput) {
      throw wrong(
        `Neither ReadCapacityUnits nor WriteCapacityUnits can be specified for index: ${index.name} when BillingMode is PAY_PER_REQUEST`,
      );
    }
    return maximum ? { onDemandMaximum: maximum } : {};
  }
  // Taken over with the billing mode already.
  if (!ProvisionedThroughput || input.BillingMode === 'PROVISIONED') return {};
  const units: Units = readUnits(ProvisionedThroughput, billing);
  return { provisioned: changeUnits(index.provisioned ?? NONE, units, at, `index ${index.name}`) };
}

function withSettings(definition: TableDefinition, input: UpdateTableInput, at: number): TableDefinition {
  const { DeletionProtectionEnabled, TableClass, OnDemandThroughput, WarmThroughput, SSESpecification } = input;
  if (SSESpecification && !SSESpecification.Enabled) throw wrong('Table is already encrypted by default');
  const onDemandMaximum = readOnDemandMaximum(OnDemandThroughput, definition.billing);
  return {
    ...definition,
    ...(DeletionProtectionEnabled !== undefined && { deletionProtection: DeletionProtectionEnabled }),
    ...(TableClass && { tableClass: { name: TableClass, updatedAt: at } }),
    ...(onDemandMaximum && { onDemandMaximum }),
    ...(WarmThroughput && { warmThroughput: warmer(definition.warmThroughput, WarmThroughput) }),
  };
}

function warmer(
  before: TableDefinition['warmThroughput'],
  { ReadUnitsPerSecond: read, WriteUnitsPerSecond: write }: NonNullable<UpdateTableInput['WarmThroughput']>,
): NonNullable<TableDefinition['warmThroughput']> {
  for (const [name, asked, current] of [
    ['ReadUnitsPerSecond', read, before?.read],
    ['WriteUnitsPerSecond', write, before?.write],
  ] as const) {
    if (asked === undefined || asked >= (current ?? 0)) continue;
    throw wrong(
      `Requested ${name} for WarmThroughput for table is lower than current WarmThroughput, decreasing WarmThroughput is not supported`,
    );
  }
  return { ...before, ...(read !== undefined && { read }), ...(write !== undefined && { write }) };
}
