import { isConflict } from '../calls.ts';
import type { Json, JsonObject } from '../template/value.ts';
import { changes, type Properties, pick, replaces, required, TAGS, tagChanges, tagMap } from './properties.ts';
import { type Existing, ignoreMissing, isGone, type Made, type ResourceType, type Work } from './resource-type.ts';

const DESTINATION = { object: { OnFailure: { object: { Destination: 'text' } } } } as const;

const PROPERTIES: Properties = {
  FunctionName: required(changes('text')),
  EventSourceArn: replaces('text'),
  StartingPosition: replaces('text'),
  StartingPositionTimestamp: replaces('number'),
  BatchSize: changes('number'),
  Enabled: changes('flag'),
  MaximumBatchingWindowInSeconds: changes('number'),
  MaximumRetryAttempts: changes('number'),
  BisectBatchOnFunctionError: changes('flag'),
  MaximumRecordAgeInSeconds: changes('number'),
  ParallelizationFactor: changes('number'),
  TumblingWindowInSeconds: changes('number'),
  FunctionResponseTypes: changes({ list: 'text' }),
  FilterCriteria: changes({ object: { Filters: { list: { object: { Pattern: 'text' } } } } }),
  DestinationConfig: changes(DESTINATION),
  ScalingConfig: changes({ object: { MaximumConcurrency: 'number' } }),
  KmsKeyArn: changes('text'),
  MetricsConfig: changes({ object: { Metrics: { list: 'text' } } }),
  ProvisionedPollerConfig: changes({ object: { MinimumPollers: 'number', MaximumPollers: 'number' } }),
  Tags: TAGS,
};

/** What a setting goes back to when it leaves the template. */
const UNSET: Readonly<Record<string, Json>> = {
  Enabled: true,
  MaximumBatchingWindowInSeconds: 0,
  MaximumRetryAttempts: -1,
  MaximumRecordAgeInSeconds: -1,
  BisectBatchOnFunctionError: false,
  ParallelizationFactor: 1,
  TumblingWindowInSeconds: 0,
  FunctionResponseTypes: [],
  FilterCriteria: { Filters: [] },
  DestinationConfig: { OnFailure: {} },
  ScalingConfig: {},
  KmsKeyArn: '',
  MetricsConfig: { Metrics: [] },
  ProvisionedPollerConfig: {},
};

/** Of event sources that Millrace has not. */
const NOT_BUILT = [
  'AmazonManagedKafkaEventSourceConfig',
  'DocumentDBEventSourceConfig',
  'LoggingConfig',
  'Queues',
  'SelfManagedEventSource',
  'SelfManagedKafkaEventSourceConfig',
  'SourceAccessConfigurations',
  'Topics',
];

const BATCH_SIZE_OF_QUEUES = 10;
const BATCH_SIZE_OF_STREAMS = 100;

/** States in which nothing more is going on. */
const SETTLED = new Set(['Enabled', 'Disabled']);

const eventSourceMapping: ResourceType = {
  properties: PROPERTIES,
  notBuilt: NOT_BUILT,
  attributes: ['Id', 'EventSourceMappingArn'],

  imports: {
    identifiers: ['Id'],
    async find({ Id }, work) {
      const { UUID, EventSourceMappingArn } = await work.call('lambda', 'GetEventSourceMapping', { UUID: Id });
      return { physicalId: UUID, attributes: { Id: UUID, EventSourceMappingArn } };
    },
  },

  async create(properties, work) {
    const uuid = await createMapping(properties, work);
    await work.made(uuid);
    return settled(uuid, work);
  },

  async update(existing, properties, work) {
    const UUID = existing.physicalId;
    const { Tags: _tags, ...settings } = operationInput({ ...unsetSettings(existing, properties), ...properties });
    for (const fixed of ON_CREATE_ONLY) delete settings[fixed];
    await work.call('lambda', 'UpdateEventSourceMapping', { UUID, ...settings });
    await setTags(existing, properties, work);
    return settled(UUID, work);
  },

  async delete({ physicalId: UUID }, work) {
    await ignoreMissing(() => work.call('lambda', 'DeleteEventSourceMapping', { UUID }));
    await work.until(`mapping ${UUID} to be gone`, () =>
      isGone(() => work.call('lambda', 'GetEventSourceMapping', { UUID })),
    );
  },
};

const ON_CREATE_ONLY = ['EventSourceArn', 'StartingPosition', 'StartingPositionTimestamp'];

/** What left the template, as it is without. */
function unsetSettings({ properties: before }: Existing, after: JsonObject): JsonObject {
  const unset: JsonObject = {
    ...UNSET,
    BatchSize: String(before.EventSourceArn).split(':')[2] === 'sqs' ? BATCH_SIZE_OF_QUEUES : BATCH_SIZE_OF_STREAMS,
  };
  const removed = Object.keys(before).filter((name) => after[name] === undefined && unset[name] !== undefined);
  return pick(unset, removed);
}

async function setTags(existing: Existing, properties: JsonObject, work: Work): Promise<void> {
  const { set, remove } = tagChanges(existing.properties.Tags, properties.Tags);
  const Resource = existing.attributes.EventSourceMappingArn;
  if (Object.keys(set).length) await work.call('lambda', 'TagResource', { Resource, Tags: set });
  if (remove.length) await work.call('lambda', 'UntagResource', { Resource, TagKeys: remove });
}

/** The members of CreateEventSourceMapping. */
function operationInput(properties: JsonObject): Record<string, unknown> {
  const { Tags, KmsKeyArn, StartingPositionTimestamp: at, ...rest } = properties;
  const tags = tagMap(Tags);
  return {
    ...rest,
    ...(KmsKeyArn !== undefined && { KMSKeyArn: KmsKeyArn }),
    ...(at !== undefined && { StartingPositionTimestamp: new Date(Number(at) * 1000) }),
    ...(Object.keys(tags).length && { Tags: tags }),
  };
}

/** The service gives the id, so a step that a crash cut off looks for the mapping it may have made. */
async function createMapping(properties: JsonObject, work: Work): Promise<string> {
  try {
    return (await work.call('lambda', 'CreateEventSourceMapping', operationInput(properties))).UUID;
  } catch (error) {
    if (!work.resuming || !isConflict(error)) throw error;
    const { EventSourceMappings: found = [] } = await work.call('lambda', 'ListEventSourceMappings', {
      EventSourceArn: properties.EventSourceArn,
      FunctionName: properties.FunctionName,
    });
    if (!found[0]) throw error;
    return found[0].UUID;
  }
}

async function settled(UUID: string, work: Work): Promise<Made> {
  let arn: Json = null;
  await work.until(`mapping ${UUID} to be ready`, async () => {
    const { State, EventSourceMappingArn } = await work.call('lambda', 'GetEventSourceMapping', { UUID });
    arn = EventSourceMappingArn ?? null;
    return SETTLED.has(State);
  });
  return { physicalId: UUID, attributes: { Id: UUID, EventSourceMappingArn: arn } };
}

export const EVENT_SOURCE_MAPPING_TYPES: Readonly<Record<string, ResourceType>> = {
  'AWS::Lambda::EventSourceMapping': eventSourceMapping,
};
