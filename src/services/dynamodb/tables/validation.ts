import type {
  AttributeDefinition,
  CreateTableInput,
  GlobalSecondaryIndex,
  KeySchemaElement,
  LocalSecondaryIndex,
  ProvisionedThroughput,
  Projection as WireProjection,
} from '@aws-sdk/client-dynamodb';
import { DynamodbError, invalid } from '../errors.ts';
import { TABLE_LIMITS } from '../limits.ts';
import { keyNames } from '../model/projection.ts';
import type { KeyAttribute, KeySchema } from '../model/table.ts';
import type { BillingMode, OnDemandMaximum, Projection } from './definition.ts';

export const wrong = (message: string) => invalid(`One or more parameter values were invalid: ${message}`);

/** @throws DynamodbError `validation-failed` */
export function checkName(name: string): void {
  const { nameMin, nameMax } = TABLE_LIMITS;
  if (name.length >= nameMin && name.length <= nameMax && /^[a-zA-Z0-9_.-]+$/.test(name)) return;
  throw invalid(
    "Invalid table/index name.  Table/index names must be between 3 and 255 characters long, and may contain only the characters a-z, A-Z, 0-9, '_', '-', and '.'",
  );
}

/** What a request says of an index. */
export interface IndexRequest {
  readonly name: string;
  readonly key: KeySchema;
  readonly projection: Projection;
}

/** What CreateTable asks for, checked. */
export interface TableRequest {
  readonly attributes: readonly KeyAttribute[];
  readonly key: KeySchema;
  readonly local: readonly IndexRequest[];
  readonly global: readonly (IndexRequest & {
    readonly provisioned?: Units;
    readonly onDemandMaximum?: OnDemandMaximum;
  })[];
  readonly billing: BillingMode;
  readonly provisioned: Units;
}

export interface Units {
  readonly read: number;
  readonly write: number;
}

/** Reads the shape of a table in AWS's order of checks. @throws DynamodbError `validation-failed` */
export function readTable(input: CreateTableInput): TableRequest {
  const billing = input.BillingMode ?? 'PROVISIONED';
  const provisioned = readUnits(input.ProvisionedThroughput, billing);
  const attributes = readAttributes(input.AttributeDefinitions);
  const key = readKeySchema(input.KeySchema, attributes);
  const { LocalSecondaryIndexes, GlobalSecondaryIndexes } = input;
  checkUse(attributes, key, [...(LocalSecondaryIndexes ?? []), ...(GlobalSecondaryIndexes ?? [])]);
  const local = LocalSecondaryIndexes ? readLocalIndexes(LocalSecondaryIndexes, key, attributes) : [];
  const global = GlobalSecondaryIndexes ? readGlobalIndexes(GlobalSecondaryIndexes, attributes, billing) : [];
  checkIndexNames([...local, ...global]);
  checkProjected([...local, ...global].map(({ projection }) => projection));
  return { attributes, key, local, global, billing, provisioned };
}

/** @param what  for the message: ` for index: NAME`, or nothing */
export function readUnits(units: ProvisionedThroughput | undefined, billing: BillingMode): Units {
  if (billing === 'PAY_PER_REQUEST') {
    if (!units) return { read: 0, write: 0 };
    throw wrong(
      'Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST',
    );
  }
  if (!units) {
    throw wrong('ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED');
  }
  return {
    read: boundedUnits('Read', units.ReadCapacityUnits),
    write: boundedUnits('Write', units.WriteCapacityUnits),
  };
}

function boundedUnits(kind: 'Read' | 'Write', units: number | undefined): number {
  const value = units ?? 0;
  if (value <= 1_000_000_000_000) return value;
  throw invalid(`Given value ${value} for ${kind}CapacityUnits is out of bounds`);
}

/** @throws DynamodbError `limit-exceeded`: more than a table or an account of AWS may have unless it asks for more */
export function checkUnitLimits(
  region: string,
  one: readonly Units[],
  accountBefore: Units,
  added: Units = { read: 0, write: 0 },
): void {
  const { tableUnitsMax, accountUnitsMax } = TABLE_LIMITS;
  for (const [name, member] of [
    ['ReadCapacityUnits', 'read'],
    ['WriteCapacityUnits', 'write'],
  ] as const) {
    const over = one.find((units) => units[member] > tableUnitsMax);
    if (over) {
      throw new DynamodbError(
        'limit-exceeded',
        `The requested ${name}, ${over[member]}, is above the per table maximum for the account in ${region}. Per table maximum: ${tableUnitsMax}. Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits.`,
      );
    }
    if (added[member] > 0 && accountBefore[member] + added[member] > accountUnitsMax) {
      throw new DynamodbError(
        'limit-exceeded',
        `This request would have caused the ${name} limit to be exceeded for the account in ${region}. Current ${name} reserved by the account: ${accountBefore[member]}. Limit: ${accountUnitsMax}. Requested: ${added[member]}. Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits.`,
      );
    }
  }
}

/** @throws DynamodbError `validation-failed` */
export function readAttributes(definitions: readonly AttributeDefinition[] | undefined): readonly KeyAttribute[] {
  if (!definitions) throw missing('attributeDefinitions');
  const attributes = definitions.map(({ AttributeName: name, AttributeType: type }) => ({ name: name!, type: type! }));
  const names = new Set<string>();
  for (const { name } of attributes) {
    if (names.has(name)) throw invalid(`Attribute Name is duplicated: ${name}`);
    names.add(name);
  }
  return attributes as readonly KeyAttribute[];
}

function missing(member: string): DynamodbError {
  return invalid(
    `1 validation error detected: Value null at '${member}' failed to satisfy constraint: Member must not be null`,
  );
}

/**
 * @param most  attributes that the partition key may have, and the sort key as well
 * @throws DynamodbError `validation-failed`
 */
export function readKeySchema(
  elements: readonly KeySchemaElement[] | undefined,
  attributes: readonly KeyAttribute[],
  most = 1,
): KeySchema {
  if (!elements) throw missing('keySchema');
  const names = elements.map(({ AttributeName }) => AttributeName!);
  const types = new Map(attributes.map((attribute) => [attribute.name, attribute]));
  if (names.length > attributes.length) {
    throw invalid('Invalid KeySchema: Some index key attribute have no definition');
  }
  if (names.some((name) => !types.has(name))) {
    throw wrong(
      `Some index key attributes are not defined in AttributeDefinitions. Keys: [${names.join(', ')}], AttributeDefinitions: [${[...types.keys()].join(', ')}]`,
    );
  }
  if (elements[0]!.KeyType !== 'HASH') {
    throw invalid('Invalid KeySchema: The first KeySchemaElement is not a HASH key type');
  }
  if (most === 1 && elements[1] && elements[1].KeyType !== 'RANGE') {
    throw invalid('Invalid KeySchema: The second KeySchemaElement is not a RANGE key type');
  }
  if (new Set(names).size < names.length) {
    throw invalid(
      names.length === 2
        ? 'Both the Hash Key and the Range Key element in the KeySchema have the same name'
        : 'Invalid KeySchema: Duplicate attribute names',
    );
  }
  return keySchemaOf(
    elements.map(({ AttributeName, KeyType }) => ({ ...types.get(AttributeName!)!, isHash: KeyType === 'HASH' })),
    most,
  );
}

function keySchemaOf(elements: readonly (KeyAttribute & { readonly isHash: boolean })[], most: number): KeySchema {
  const [hash, ...moreHash] = elements.filter(({ isHash }) => isHash).map(keyAttribute);
  const [range, ...moreRange] = elements.filter(({ isHash }) => !isHash).map(keyAttribute);
  if (elements.slice(0, 1 + moreHash.length).some(({ isHash }) => !isHash)) {
    throw invalid('Invalid KeySchema: HASH keys must come before RANGE keys');
  }
  if (moreHash.length >= most || moreRange.length >= most) {
    throw invalid(`Invalid KeySchema: At most ${most} HASH and ${most} RANGE key elements are allowed`);
  }
  return {
    hash: hash!,
    ...(range && { range }),
    ...(moreHash.length > 0 && { moreHash }),
    ...(moreRange.length > 0 && { moreRange }),
  };
}

const keyAttribute = ({ name, type }: KeyAttribute): KeyAttribute => ({ name, type });

/** Every definition is of a key: AWS refuses those that nothing uses. */
function checkUse(
  attributes: readonly KeyAttribute[],
  key: KeySchema,
  indexes: readonly { readonly KeySchema?: readonly KeySchemaElement[] | undefined }[],
): void {
  const ofTable = keyNames(key);
  if (indexes.length === 0 && attributes.length !== ofTable.length) {
    throw wrong(
      'Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions',
    );
  }
  const used = new Set([
    ...ofTable,
    ...indexes.flatMap(({ KeySchema = [] }) => KeySchema.map(({ AttributeName }) => AttributeName!)),
  ]);
  if (attributes.every(({ name }) => used.has(name))) return;
  const list = (names: Iterable<string>) => `[${[...names].sort().join(', ')}]`;
  throw wrong(
    `Some AttributeDefinitions are not used. AttributeDefinitions: ${list(attributes.map(({ name }) => name))}, keys used: ${list(used)}`,
  );
}

function readLocalIndexes(
  indexes: readonly LocalSecondaryIndex[],
  key: KeySchema,
  attributes: readonly KeyAttribute[],
): readonly IndexRequest[] {
  if (indexes.length === 0) throw wrong('List of LocalSecondaryIndexes is empty');
  if (!key.range) {
    throw wrong('Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex');
  }
  const read = indexes.map((index) => readLocalIndex(index, key, attributes));
  const { localIndexesMax } = TABLE_LIMITS;
  if (read.length > localIndexesMax) {
    throw wrong(`Number of LocalSecondaryIndexes exceeds per-table limit of ${localIndexesMax}`);
  }
  return read;
}

function readLocalIndex(
  { IndexName: name, KeySchema: elements, Projection }: LocalSecondaryIndex,
  table: KeySchema,
  attributes: readonly KeyAttribute[],
): IndexRequest {
  checkName(name!);
  const key = readKeySchema(elements, attributes);
  if (!key.range) throw wrong(`Index KeySchema does not have a range key for index: ${name}`);
  if (key.hash.name !== table.hash.name) {
    throw wrong(
      `Index KeySchema does not have the same leading hash key as table KeySchema for index: ${name}. index hash key: ${key.hash.name}, table hash key: ${table.hash.name}`,
    );
  }
  return { name: name!, key, projection: readProjection(Projection) };
}

function readGlobalIndexes(
  indexes: readonly GlobalSecondaryIndex[],
  attributes: readonly KeyAttribute[],
  billing: BillingMode,
): TableRequest['global'] {
  if (indexes.length === 0) throw wrong('List of GlobalSecondaryIndexes is empty');
  const read = indexes.map((index) => readGlobalIndex(index, attributes, billing));
  const { globalIndexesMax } = TABLE_LIMITS;
  if (read.length > globalIndexesMax) {
    throw wrong(`GlobalSecondaryIndex count exceeds the per-table limit of ${globalIndexesMax}`);
  }
  return read;
}

/** An index of CreateTable, or of an update that creates one. @throws DynamodbError `validation-failed` */
export function readGlobalIndex(
  { IndexName: name, KeySchema: elements, Projection, ProvisionedThroughput, OnDemandThroughput }: GlobalSecondaryIndex,
  attributes: readonly KeyAttribute[],
  billing: BillingMode,
): TableRequest['global'][number] {
  checkName(name!);
  const key = readKeySchema(elements, attributes, TABLE_LIMITS.attributesPerKeyMax);
  const projection = readProjection(Projection);
  const onDemandMaximum = readOnDemandMaximum(OnDemandThroughput, billing, `index : ${name}`);
  return {
    name: name!,
    key,
    projection,
    ...(onDemandMaximum && { onDemandMaximum }),
    ...readIndexUnits(name!, ProvisionedThroughput, billing),
  };
}

function readIndexUnits(
  name: string,
  units: ProvisionedThroughput | undefined,
  billing: BillingMode,
): { readonly provisioned?: Units } {
  if (billing === 'PAY_PER_REQUEST') {
    if (!units) return {};
    throw wrong(`ProvisionedThroughput should not be specified for index: ${name} when BillingMode is PAY_PER_REQUEST`);
  }
  if (!units) throw wrong(`ProvisionedThroughput is not specified for index: ${name}`);
  return { provisioned: readUnits(units, billing) };
}

/**
 * @param what  for the message: `table`, or `index : NAME`
 * @throws DynamodbError `validation-failed`
 */
export function readOnDemandMaximum(
  maximum: { MaxReadRequestUnits?: number | undefined; MaxWriteRequestUnits?: number | undefined } | undefined,
  billing: BillingMode,
  what = 'table',
): OnDemandMaximum | undefined {
  if (!maximum) return undefined;
  const { MaxReadRequestUnits: read, MaxWriteRequestUnits: write } = maximum;
  for (const [name, value] of Object.entries({ MaxReadRequestUnits: read, MaxWriteRequestUnits: write })) {
    if (value === undefined) continue;
    if (billing !== 'PAY_PER_REQUEST') {
      throw wrong(`${name} for OnDemandThroughput cannot be specified when the table BillingMode is PROVISIONED`);
    }
    if (value !== -1 && value < 1) {
      throw wrong(`Requested ${name} for OnDemandThroughput for ${what} is outside of valid range`);
    }
  }
  return { ...(read !== undefined && read !== -1 && { read }), ...(write !== undefined && write !== -1 && { write }) };
}

/** @throws DynamodbError `validation-failed` */
export function readProjection(projection: WireProjection | undefined): Projection {
  const type = projection?.ProjectionType;
  if (type === undefined) throw wrong('Unknown ProjectionType: null');
  const names = projection?.NonKeyAttributes;
  if (names && type !== 'INCLUDE') {
    throw wrong(`ProjectionType is ${type}, but NonKeyAttributes is specified`);
  }
  if (type !== 'INCLUDE') return { type: type as 'ALL' | 'KEYS_ONLY' };
  if (!names?.length) throw wrong('ProjectionType is INCLUDE, but NonKeyAttributes is not specified');
  for (const [at, name] of names.entries()) {
    if (names.indexOf(name) !== at) throw wrong(`Duplicate element in NonKeyAttributes: ${name}`);
  }
  return { type, names };
}

function checkIndexNames(indexes: readonly IndexRequest[]): void {
  const names = new Set<string>();
  for (const { name } of indexes) {
    if (names.has(name)) throw wrong(`Duplicate index name: ${name}`);
    names.add(name);
  }
}

/** @throws DynamodbError `validation-failed`: all `INCLUDE` projections of a table together name too many */
export function checkProjected(projections: readonly Projection[]): void {
  const count = projections.reduce((sum, one) => sum + (one.type === 'INCLUDE' ? one.names.length : 0), 0);
  if (count <= TABLE_LIMITS.projectedAttributesMax) return;
  throw wrong(
    `Total number of NonKeyAttributes projected in all secondary indexes exceeds the per-table limit of ${TABLE_LIMITS.projectedAttributesMax}`,
  );
}
