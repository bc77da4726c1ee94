import { DomainError } from '../../../base/index.ts';
import type { Json, JsonObject } from '../template/value.ts';
import { changes, pick, rename, replaces, required, TAGS, tagChanges, tagMap } from './properties.ts';
import {
  createOrAdopt,
  type Existing,
  ignoreMissing,
  label,
  type Made,
  nothingThere,
  type Reading,
  type ResourceType,
  type Work,
} from './resource-type.ts';

const logGroup: ResourceType = {
  properties: {
    LogGroupName: replaces('text'),
    LogGroupClass: replaces('text'),
    RetentionInDays: changes('number'),
    KmsKeyId: changes('text'),
    DeletionProtectionEnabled: changes('flag'),
    Tags: TAGS,
  },
  notBuilt: [
    'BearerTokenAuthenticationEnabled',
    'DataProtectionPolicy',
    'FieldIndexPolicies',
    'ResourcePolicyDocument',
  ],
  attributes: ['Arn'],
  naming: { property: 'LogGroupName', lengthMax: 512 },

  imports: {
    identifiers: ['LogGroupName'],
    async find({ LogGroupName }, work) {
      const { logGroups } = await work.call('logs', 'DescribeLogGroups', { logGroupNamePrefix: LogGroupName });
      if (!named(logGroups, 'logGroupName', LogGroupName)) throw nothingThere();
      return madeGroup(LogGroupName!, work);
    },
  },

  async create(properties, work) {
    const logGroupName = work.name;
    const tags = tagMap(properties.Tags);
    await createOrAdopt(work, () =>
      work.call('logs', 'CreateLogGroup', {
        logGroupName,
        ...(properties.KmsKeyId !== undefined && { kmsKeyId: properties.KmsKeyId }),
        ...(properties.LogGroupClass !== undefined && { logGroupClass: properties.LogGroupClass }),
        ...(properties.DeletionProtectionEnabled === true && { deletionProtectionEnabled: true }),
        ...(Object.keys(tags).length && { tags }),
      }),
    );
    await work.made(logGroupName);
    await setRetention(logGroupName, {}, properties, work);
    return madeGroup(logGroupName, work);
  },

  async update(existing, properties, work) {
    await setRetention(existing.physicalId, existing.properties, properties, work);
    await setKey(existing.physicalId, existing.properties, properties, work);
    await setProtection(existing.physicalId, existing.properties, properties, work);
    await setTags(existing, properties, work);
    return existing;
  },

  async delete({ physicalId: logGroupName }, work) {
    await ignoreMissing(() => work.call('logs', 'DeleteLogGroup', { logGroupName }));
  },
};

function madeGroup(logGroupName: string, { identity: { region, accountId } }: Reading): Made {
  return {
    physicalId: logGroupName,
    attributes: { Arn: `arn:aws:logs:${region}:${accountId}:log-group:${logGroupName}:*` },
  };
}

/** Whether a list that begins with a name holds one of this very name. */
const named = (list: readonly JsonObject[] | undefined, member: string, name: string | undefined) =>
  (list ?? []).some((one) => one[member] === name);

async function setRetention(logGroupName: string, before: JsonObject, after: JsonObject, work: Work): Promise<void> {
  const { RetentionInDays: retentionInDays } = pick(after, ['RetentionInDays']);
  if (before.RetentionInDays === retentionInDays) return;
  if (retentionInDays === undefined) await work.call('logs', 'DeleteRetentionPolicy', { logGroupName });
  else await work.call('logs', 'PutRetentionPolicy', { logGroupName, retentionInDays });
}

async function setKey(logGroupName: string, before: JsonObject, after: JsonObject, work: Work): Promise<void> {
  const { KmsKeyId: kmsKeyId } = pick(after, ['KmsKeyId']);
  if (before.KmsKeyId === kmsKeyId) return;
  if (kmsKeyId === undefined) await work.call('logs', 'DisassociateKmsKey', { logGroupName });
  else await work.call('logs', 'AssociateKmsKey', { logGroupName, kmsKeyId });
}

async function setProtection(logGroup: string, before: JsonObject, after: JsonObject, work: Work): Promise<void> {
  const isProtected = ({ DeletionProtectionEnabled }: JsonObject) => DeletionProtectionEnabled === true;
  if (isProtected(before) === isProtected(after)) return;
  await work.call('logs', 'PutLogGroupDeletionProtection', {
    logGroupIdentifier: logGroup,
    deletionProtectionEnabled: isProtected(after),
  });
}

async function setTags(existing: Existing, properties: JsonObject, work: Work): Promise<void> {
  const { set, remove } = tagChanges(existing.properties.Tags, properties.Tags);
  // The operation takes the ARN without its `:*`.
  const resourceArn = String(existing.attributes.Arn).replace(/:\*$/, '');
  if (Object.keys(set).length) await label(() => work.call('logs', 'TagResource', { resourceArn, tags: set }));
  if (remove.length) await label(() => work.call('logs', 'UntagResource', { resourceArn, tagKeys: remove }));
}

const logStream: ResourceType = {
  properties: { LogGroupName: required(replaces('text')), LogStreamName: replaces('text') },
  attributes: [],
  naming: { property: 'LogStreamName', within: 'LogGroupName', lengthMax: 512 },

  imports: {
    identifiers: ['LogGroupName', 'LogStreamName'],
    async find({ LogGroupName: logGroupName, LogStreamName: logStreamNamePrefix }, work) {
      const found = await work.call('logs', 'DescribeLogStreams', { logGroupName, logStreamNamePrefix, limit: 1 });
      if (!named(found.logStreams, 'logStreamName', logStreamNamePrefix)) throw nothingThere();
      return { physicalId: logStreamNamePrefix!, attributes: {} };
    },
  },

  async create({ LogGroupName: logGroupName }, work) {
    await createOrAdopt(work, () => work.call('logs', 'CreateLogStream', { logGroupName, logStreamName: work.name }));
    await work.made(work.name);
    return { physicalId: work.name, attributes: {} };
  },

  async delete({ physicalId: logStreamName, properties }, work) {
    const { LogGroupName: logGroupName } = properties;
    await ignoreMissing(() => work.call('logs', 'DeleteLogStream', { logGroupName, logStreamName }));
  },
};

/** What the service calls the properties of a subscription filter. */
const SUBSCRIPTION_NAMES = {
  LogGroupName: 'logGroupName',
  FilterPattern: 'filterPattern',
  DestinationArn: 'destinationArn',
  RoleArn: 'roleArn',
  Distribution: 'distribution',
  ApplyOnTransformedLogs: 'applyOnTransformedLogs',
};

const subscriptionFilter = filter({
  name: 'SubscriptionFilter',
  list: 'subscriptionFilters',
  properties: {
    FilterName: replaces('text'),
    LogGroupName: required(replaces('text')),
    FilterPattern: required(changes('text')),
    DestinationArn: required(changes('text')),
    RoleArn: changes('text'),
    Distribution: changes('text'),
    ApplyOnTransformedLogs: changes('flag'),
  },
  notBuilt: ['EmitSystemFields', 'FieldSelectionCriteria'],
  input: (properties) => rename(properties, SUBSCRIPTION_NAMES),
});

const metricFilter = filter({
  name: 'MetricFilter',
  list: 'metricFilters',
  properties: {
    FilterName: replaces('text'),
    LogGroupName: required(replaces('text')),
    FilterPattern: required(changes('text')),
    MetricTransformations: required(
      changes({
        list: {
          object: {
            MetricName: 'text',
            MetricNamespace: 'text',
            MetricValue: 'text',
            DefaultValue: 'number',
            Dimensions: { list: { object: { Key: 'text', Value: 'text' } } },
            Unit: 'text',
          },
        },
      }),
    ),
    ApplyOnTransformedLogs: changes('flag'),
  },
  notBuilt: ['EmitSystemFieldDimensions', 'FieldSelectionCriteria'],
  input: metricInput,
});

function metricInput(properties: JsonObject): JsonObject {
  const names = { LogGroupName: 'logGroupName', FilterPattern: 'filterPattern' };
  const transformations = properties.MetricTransformations as readonly JsonObject[];
  return {
    ...rename(properties, { ...names, ApplyOnTransformedLogs: 'applyOnTransformedLogs' }),
    metricTransformations: transformations.map(transformationInput),
  };
}

function transformationInput({ Dimensions, ...rest }: JsonObject): JsonObject {
  const names = { MetricName: 'metricName', MetricNamespace: 'metricNamespace', MetricValue: 'metricValue' };
  return {
    ...rename(rest, { ...names, DefaultValue: 'defaultValue', Unit: 'unit' }),
    ...(Dimensions !== undefined && { dimensions: tagMap(Dimensions) }),
  };
}

/** One that someone else has put is not overwritten, nor taken away by a rollback. @throws AlreadyExists */
async function checkFree(operation: string, list: string, { LogGroupName }: JsonObject, work: Work): Promise<void> {
  if (work.resuming) return;
  if (!(await hasFilter(operation, list, LogGroupName, work.name, work))) return;
  throw new DomainError('AlreadyExists', `${work.name}|${LogGroupName} already exists.`);
}

async function hasFilter(
  operation: string,
  list: string,
  logGroupName: Json | undefined,
  filterNamePrefix: string,
  work: Reading,
): Promise<boolean> {
  // In order of names: one of this very name is the first of those that begin with it.
  const found = await work.call('logs', operation, { logGroupName, filterNamePrefix, limit: 1 });
  return named(found[list], 'filterName', filterNamePrefix);
}

/** A filter of a log group. @param input  what the service is given for its properties */
function filter({
  name,
  list,
  input,
  ...type
}: Pick<ResourceType, 'properties' | 'notBuilt'> & {
  readonly name: 'SubscriptionFilter' | 'MetricFilter';
  readonly list: string;
  readonly input: (properties: JsonObject) => JsonObject;
}): ResourceType {
  /** Putting it again under its name changes it. */
  const put = async (properties: JsonObject, work: Work): Promise<Made> => {
    await work.call('logs', `Put${name}`, { ...input(properties), filterName: work.name });
    await work.made(work.name);
    return { physicalId: work.name, attributes: {} };
  };
  return {
    ...type,
    attributes: [],
    naming: { property: 'FilterName', within: 'LogGroupName', lengthMax: 512 },
    imports: {
      identifiers: name === 'MetricFilter' ? ['LogGroupName', 'FilterName'] : ['FilterName', 'LogGroupName'],
      async find({ LogGroupName, FilterName }, work) {
        if (!(await hasFilter(`Describe${name}s`, list, LogGroupName, FilterName!, work))) throw nothingThere();
        return { physicalId: FilterName!, attributes: {} };
      },
    },

    async create(properties, work) {
      await checkFree(`Describe${name}s`, list, properties, work);
      return put(properties, work);
    },
    update: (_existing, properties, work) => put(properties, work),

    async delete({ physicalId: filterName, properties: { LogGroupName: logGroupName } }, work) {
      await ignoreMissing(() => work.call('logs', `Delete${name}`, { logGroupName, filterName }));
    },
  };
}

const resourcePolicy: ResourceType = {
  properties: { PolicyName: required(replaces('text')), PolicyDocument: required(changes('any')) },
  attributes: [],
  naming: { property: 'PolicyName', lengthMax: 255 },

  imports: {
    identifiers: ['PolicyName'],
    async find({ PolicyName }, work) {
      const { resourcePolicies } = await work.call('logs', 'DescribeResourcePolicies', {});
      if (!named(resourcePolicies, 'policyName', PolicyName)) throw nothingThere();
      return { physicalId: PolicyName!, attributes: {} };
    },
  },

  create: (properties, work) => putPolicy(properties, work),
  update: (_existing, properties, work) => putPolicy(properties, work),

  async delete({ physicalId: policyName }, work) {
    await ignoreMissing(() => work.call('logs', 'DeleteResourcePolicy', { policyName }));
  },
};

async function putPolicy({ PolicyDocument }: JsonObject, work: Work): Promise<Made> {
  const policyDocument = typeof PolicyDocument === 'string' ? PolicyDocument : JSON.stringify(PolicyDocument);
  await work.call('logs', 'PutResourcePolicy', { policyName: work.name, policyDocument });
  await work.made(work.name);
  return { physicalId: work.name, attributes: {} };
}

export const LOGS_TYPES: Readonly<Record<string, ResourceType>> = {
  'AWS::Logs::LogGroup': logGroup,
  'AWS::Logs::LogStream': logStream,
  'AWS::Logs::MetricFilter': metricFilter,
  'AWS::Logs::ResourcePolicy': resourcePolicy,
  'AWS::Logs::SubscriptionFilter': subscriptionFilter,
};
