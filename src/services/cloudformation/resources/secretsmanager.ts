import { createHash } from 'node:crypto';
import type { Json, JsonObject } from '../template/value.ts';
import { changes, pick, rename, replaces, required, TAGS, tagChanges, tagMap } from './properties.ts';
import {
  createOrAdopt,
  type Existing,
  ignoreMissing,
  type Made,
  nothingThere,
  type Reading,
  type ResourceType,
  type Work,
} from './resource-type.ts';

const GENERATED = {
  object: {
    ExcludeCharacters: 'text',
    ExcludeLowercase: 'flag',
    ExcludeNumbers: 'flag',
    ExcludePunctuation: 'flag',
    ExcludeUppercase: 'flag',
    GenerateStringKey: 'text',
    IncludeSpace: 'flag',
    PasswordLength: 'number',
    RequireEachIncludedType: 'flag',
    SecretStringTemplate: 'text',
  },
} as const;

const secret: ResourceType = {
  properties: {
    Description: changes('text'),
    GenerateSecretString: changes(GENERATED),
    KmsKeyId: changes('text'),
    Name: replaces('text'),
    SecretString: changes('text'),
    Tags: TAGS,
    Type: changes('text'),
  },
  notBuilt: ['ReplicaRegions'],
  attributes: ['Id'],
  naming: { property: 'Name', lengthMax: 512 },

  imports: { identifiers: ['Id'], find: ({ Id }, work) => findSecret(Id!, work, () => true) },

  async create(properties, work) {
    const Name = work.name;
    const value = await givenValue(properties, work);
    const Tags = Object.entries(tagMap(properties.Tags)).map(([Key, Value]) => ({ Key, Value }));
    const input = { Name, ...pick(properties, ['Description', 'KmsKeyId', 'Type']), ...value, Tags };
    await createOrAdopt(work, () => work.call('secretsmanager', 'CreateSecret', input));
    const { ARN } = await work.call('secretsmanager', 'DescribeSecret', { SecretId: Name });
    await work.made(ARN);
    return { physicalId: ARN, attributes: { Id: ARN } };
  },

  async update(existing, properties, work) {
    const SecretId = existing.physicalId;
    const { properties: before } = existing;
    const differs = (name: string) => JSON.stringify(before[name]) !== JSON.stringify(properties[name]);
    const renewed = differs('SecretString') || differs('GenerateSecretString');
    const { Description = '', KmsKeyId, Type } = properties;
    await work.call('secretsmanager', 'UpdateSecret', {
      SecretId,
      Description,
      ...(KmsKeyId !== undefined && { KmsKeyId }),
      ...(Type !== undefined && { Type }),
      ...(renewed && (await givenValue(properties, work))),
    });
    await setTags(existing, properties, work);
    return existing;
  },

  async delete({ physicalId: SecretId }, work) {
    const input = { SecretId, ForceDeleteWithoutRecovery: true };
    await ignoreMissing(() => work.call('secretsmanager', 'DeleteSecret', input));
  },
};

async function findSecret(SecretId: string, work: Reading, isIt: (secret: JsonObject) => boolean): Promise<Made> {
  const found = await work.call('secretsmanager', 'DescribeSecret', { SecretId });
  if (!isIt(found)) throw nothingThere();
  return { physicalId: found.ARN, attributes: { Id: found.ARN } };
}

/** The value that the template gives, or one that is drawn as it asks. */
async function givenValue(properties: JsonObject, work: Work): Promise<{ readonly SecretString?: string }> {
  const { SecretString, GenerateSecretString } = properties;
  if (SecretString !== undefined && GenerateSecretString !== undefined) {
    throw new TypeError('You must specify either SecretString or GenerateSecretString, not both.');
  }
  if (typeof SecretString === 'string') return { SecretString };
  if (GenerateSecretString === undefined) return {};
  const { SecretStringTemplate, GenerateStringKey, ...wishes } = GenerateSecretString as JsonObject;
  const { RandomPassword } = await work.call('secretsmanager', 'GetRandomPassword', wishes);
  if (SecretStringTemplate === undefined && GenerateStringKey === undefined) return { SecretString: RandomPassword };
  if (typeof SecretStringTemplate !== 'string' || typeof GenerateStringKey !== 'string') {
    throw new TypeError('SecretStringTemplate and GenerateStringKey must be given together.');
  }
  return { SecretString: JSON.stringify({ ...templateOf(SecretStringTemplate), [GenerateStringKey]: RandomPassword }) };
}

function templateOf(text: string): Readonly<Record<string, unknown>> {
  let members: unknown;
  try {
    members = JSON.parse(text);
  } catch {
    members = undefined;
  }
  if (typeof members === 'object' && members !== null && !Array.isArray(members)) return { ...members };
  throw new TypeError('SecretStringTemplate must be a JSON object.');
}

async function setTags({ physicalId: SecretId, properties }: Existing, after: JsonObject, work: Work): Promise<void> {
  const { set, remove } = tagChanges(properties.Tags, after.Tags);
  const Tags = Object.entries(set).map(([Key, Value]) => ({ Key, Value }));
  if (Tags.length) await work.call('secretsmanager', 'TagResource', { SecretId, Tags });
  if (remove.length) await work.call('secretsmanager', 'UntagResource', { SecretId, TagKeys: remove });
}

const resourcePolicy: ResourceType = {
  properties: {
    BlockPublicPolicy: changes('flag'),
    ResourcePolicy: required(changes('any')),
    SecretId: required(replaces('text')),
  },
  attributes: ['Id'],

  imports: {
    identifiers: ['Id'],
    async find({ Id }, work) {
      const { ResourcePolicy } = await work.call('secretsmanager', 'GetResourcePolicy', { SecretId: Id });
      return findSecret(Id!, work, () => ResourcePolicy !== undefined);
    },
  },

  async create(properties, work) {
    const ARN = await putPolicy(properties, work);
    await work.made(ARN);
    return { physicalId: ARN, attributes: { Id: ARN } };
  },

  async update(existing, properties, work) {
    await putPolicy(properties, work);
    return existing;
  },

  async delete({ physicalId: SecretId }, work) {
    await ignoreMissing(() => work.call('secretsmanager', 'DeleteResourcePolicy', { SecretId }));
  },
};

async function putPolicy(properties: JsonObject, work: Work): Promise<string> {
  const { ResourcePolicy: policy } = properties;
  const { ARN } = await work.call('secretsmanager', 'PutResourcePolicy', {
    ...pick(properties, ['SecretId', 'BlockPublicPolicy']),
    ResourcePolicy: typeof policy === 'string' ? policy : JSON.stringify(policy),
  });
  return ARN;
}

const rotationSchedule: ResourceType = {
  properties: {
    RotateImmediatelyOnUpdate: changes('flag'),
    RotationLambdaARN: changes('text'),
    RotationRules: changes({
      object: { AutomaticallyAfterDays: 'number', Duration: 'text', ScheduleExpression: 'text' },
    }),
    SecretId: required(replaces('text')),
  },
  notBuilt: ['ExternalSecretRotationMetadata', 'ExternalSecretRotationRoleArn', 'HostedRotationLambda'],
  attributes: ['Id'],

  imports: {
    identifiers: ['Id'],
    find: ({ Id }, work) => findSecret(Id!, work, ({ RotationEnabled }) => RotationEnabled === true),
  },

  async create(properties, work) {
    const ARN = await rotate(properties, work);
    await work.made(ARN);
    return { physicalId: ARN, attributes: { Id: ARN } };
  },

  async update(existing, properties, work) {
    await rotate(properties, work);
    return existing;
  },

  async delete({ physicalId: SecretId }, work) {
    await ignoreMissing(() => work.call('secretsmanager', 'CancelRotateSecret', { SecretId }));
  },
};

async function rotate(properties: JsonObject, work: Work): Promise<string> {
  const { ARN } = await work.call('secretsmanager', 'RotateSecret', {
    ...rename(properties, {
      SecretId: 'SecretId',
      RotationLambdaARN: 'RotationLambdaARN',
      RotationRules: 'RotationRules',
      RotateImmediatelyOnUpdate: 'RotateImmediately',
    }),
    // A step that a crash cut off makes the same call again.
    ClientRequestToken: tokenOf([work.identity.id, work.logicalId, work.name, properties]),
  });
  return ARN;
}

function tokenOf(parts: readonly Json[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 36);
}

export const SECRETS_MANAGER_TYPES: Readonly<Record<string, ResourceType>> = {
  'AWS::SecretsManager::ResourcePolicy': resourcePolicy,
  'AWS::SecretsManager::RotationSchedule': rotationSchedule,
  'AWS::SecretsManager::Secret': secret,
};
