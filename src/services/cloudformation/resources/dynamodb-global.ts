import type { Json, JsonObject } from '../template/value.ts';
import { TABLE } from './dynamodb.ts';
import { changes, type Kind, pick, replaces, required } from './properties.ts';
import type { Existing, Made, Reading, ResourceType, Work } from './resource-type.ts';

const KEY_SCHEMA: Kind = { list: { object: { AttributeName: 'text', KeyType: 'text' } } };
const PROJECTION: Kind = { object: { ProjectionType: 'text', NonKeyAttributes: { list: 'text' } } };
const SCALING: Kind = {
  object: {
    MinCapacity: 'number',
    MaxCapacity: 'number',
    SeedCapacity: 'number',
    TargetTrackingScalingPolicyConfiguration: {
      object: {
        TargetValue: 'number',
        DisableScaleIn: 'flag',
        ScaleInCooldown: 'number',
        ScaleOutCooldown: 'number',
      },
    },
  },
};
const READS = {
  ReadOnDemandThroughputSettings: { object: { MaxReadRequestUnits: 'number' } },
  ReadProvisionedThroughputSettings: {
    object: { ReadCapacityUnits: 'number', ReadCapacityAutoScalingSettings: SCALING },
  },
} as const satisfies Readonly<Record<string, Kind>>;
const WRITES = {
  WriteOnDemandThroughputSettings: { object: { MaxWriteRequestUnits: 'number' } },
  WriteProvisionedThroughputSettings: { object: { WriteCapacityAutoScalingSettings: SCALING } },
} as const satisfies Readonly<Record<string, Kind>>;

/**
 * A global table with one replica, which is in the stack's own region: a table. A node is one region, and a second replica is
 * refused before anything is made. Units that scale by themselves on AWS are where they begin.
 */
const globalTable: ResourceType = {
  properties: {
    TableName: replaces('text'),
    KeySchema: required(replaces(KEY_SCHEMA)),
    AttributeDefinitions: required(changes({ list: { object: { AttributeName: 'text', AttributeType: 'text' } } })),
    BillingMode: changes('text'),
    GlobalSecondaryIndexes: changes({
      list: { object: { IndexName: 'text', KeySchema: KEY_SCHEMA, Projection: PROJECTION, ...WRITES } },
    }),
    LocalSecondaryIndexes: replaces({
      list: { object: { IndexName: 'text', KeySchema: KEY_SCHEMA, Projection: PROJECTION } },
    }),
    Replicas: required(
      changes({
        list: {
          object: {
            Region: 'text',
            DeletionProtectionEnabled: 'flag',
            TableClass: 'text',
            PointInTimeRecoverySpecification: { object: { PointInTimeRecoveryEnabled: 'flag' } },
            GlobalSecondaryIndexes: { list: { object: { IndexName: 'text', ...READS } } },
            Tags: { list: { object: { Key: 'text', Value: 'text' } } },
            ...READS,
          },
        },
      }),
    ),
    StreamSpecification: changes({ object: { StreamViewType: 'text' } }),
    TimeToLiveSpecification: changes({ object: { AttributeName: 'text', Enabled: 'flag' } }),
    WriteOnDemandThroughputSettings: changes(WRITES.WriteOnDemandThroughputSettings),
    WriteProvisionedThroughputSettings: changes(WRITES.WriteProvisionedThroughputSettings),
  },
  notBuilt: ['SSESpecification'],
  attributes: ['Arn', 'StreamArn', 'TableId'],
  naming: { property: 'TableName', lengthMax: 255 },

  imports: {
    identifiers: ['TableName'],
    find: async (named, work) => withId(await TABLE.imports!.find(named, work), work),
  },

  async create(properties, work) {
    checkReplicas(properties, work);
    return withId(await TABLE.create(tableOf(properties, work), work), work);
  },

  async update(existing, properties, work) {
    checkReplicas(properties, work);
    const before = { ...existing, properties: tableOf(existing.properties, work) };
    return withId(await TABLE.update!(before, tableOf(properties, work), work), work);
  },

  delete: (existing: Existing, work) => TABLE.delete(existing, work),
};

async function withId(made: Made, work: Reading): Promise<Made> {
  const { Table } = await work.call('dynamodb', 'DescribeTable', { TableName: made.physicalId });
  return { ...made, attributes: { ...made.attributes, TableId: Table.TableId } };
}

/** @throws Error  more replicas, or one elsewhere */
function checkReplicas({ Replicas }: JsonObject, { identity }: Work): void {
  const replicas = Replicas as readonly JsonObject[];
  if (replicas.length === 1 && replicas[0]!.Region === identity.region) return;
  throw new Error(`Replicas in other regions are not built in Millrace: a node is one region, ${identity.region} here`);
}

/** The properties of the table that the replica in the stack's region is; what was refused may come back in a rollback. */
function tableOf(properties: JsonObject, { identity }: Work): JsonObject {
  const replicas = properties.Replicas as readonly JsonObject[];
  const replica = replicas.find(({ Region }) => Region === identity.region) ?? {};
  const indexes = properties.GlobalSecondaryIndexes as readonly JsonObject[] | undefined;
  return {
    ...pick(properties, [
      'TableName',
      'KeySchema',
      'AttributeDefinitions',
      'BillingMode',
      'LocalSecondaryIndexes',
      'StreamSpecification',
      'TimeToLiveSpecification',
    ]),
    ...pick(replica, ['DeletionProtectionEnabled', 'TableClass', 'PointInTimeRecoverySpecification', 'Tags']),
    ...unitsOf(replica, properties, properties.BillingMode),
    ...(indexes && { GlobalSecondaryIndexes: indexes.map((index) => indexOf(index, replica, properties.BillingMode)) }),
  };
}

function indexOf(index: JsonObject, replica: JsonObject, billing: Json | undefined): JsonObject {
  const reads = ((replica.GlobalSecondaryIndexes ?? []) as readonly JsonObject[]).find(
    ({ IndexName }) => IndexName === index.IndexName,
  );
  // An index without reads of its own has those of its table.
  return { ...pick(index, ['IndexName', 'KeySchema', 'Projection']), ...unitsOf(reads ?? replica, index, billing) };
}

/** Units: reads are the replica's, writes the table's. */
function unitsOf(reads: JsonObject, writes: JsonObject, billing: Json | undefined): JsonObject {
  if (billing === 'PAY_PER_REQUEST') {
    const maximum = {
      ...(reads.ReadOnDemandThroughputSettings as JsonObject | undefined),
      ...(writes.WriteOnDemandThroughputSettings as JsonObject | undefined),
    };
    return Object.keys(maximum).length > 0 ? { OnDemandThroughput: maximum } : {};
  }
  const read = reads.ReadProvisionedThroughputSettings as JsonObject | undefined;
  const write = writes.WriteProvisionedThroughputSettings as JsonObject | undefined;
  return {
    ProvisionedThroughput: {
      ReadCapacityUnits: read?.ReadCapacityUnits ?? beginning(read?.ReadCapacityAutoScalingSettings),
      WriteCapacityUnits: beginning(write?.WriteCapacityAutoScalingSettings),
    },
  };
}

/** Where units that scale by themselves begin. */
function beginning(scaling: Json | undefined): number {
  const { SeedCapacity, MinCapacity } = (scaling ?? {}) as { SeedCapacity?: number; MinCapacity?: number };
  return SeedCapacity ?? MinCapacity ?? 1;
}

export const DYNAMODB_GLOBAL_TYPES: Readonly<Record<string, ResourceType>> = {
  'AWS::DynamoDB::GlobalTable': globalTable,
};
