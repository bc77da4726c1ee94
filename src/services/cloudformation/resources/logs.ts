import type { JsonObject } from '../template/value.ts';
import { changes, pick, replaces, TAGS, tagChanges, tagMap } from './properties.ts';
import { createOrAdopt, type Existing, ignoreMissing, label, type ResourceType, type Work } from './resource-type.ts';

const logGroup: ResourceType = {
  properties: {
    LogGroupName: replaces('text'),
    LogGroupClass: replaces('text'),
    RetentionInDays: changes('number'),
    KmsKeyId: changes('text'),
    Tags: TAGS,
  },
  notBuilt: [
    'BearerTokenAuthenticationEnabled',
    'DataProtectionPolicy',
    'DeletionProtectionEnabled',
    'FieldIndexPolicies',
    'ResourcePolicyDocument',
  ],
  attributes: ['Arn'],
  naming: { property: 'LogGroupName', lengthMax: 512 },

  async create(properties, work) {
    const logGroupName = work.name;
    const tags = tagMap(properties.Tags);
    await createOrAdopt(work, () =>
      work.call('logs', 'CreateLogGroup', {
        logGroupName,
        ...(properties.KmsKeyId !== undefined && { kmsKeyId: properties.KmsKeyId }),
        ...(properties.LogGroupClass !== undefined && { logGroupClass: properties.LogGroupClass }),
        ...(Object.keys(tags).length && { tags }),
      }),
    );
    await work.made(logGroupName);
    await setRetention(logGroupName, {}, properties, work);
    const { region, accountId } = work.identity;
    return {
      physicalId: logGroupName,
      attributes: { Arn: `arn:aws:logs:${region}:${accountId}:log-group:${logGroupName}:*` },
    };
  },

  async update(existing, properties, work) {
    await setRetention(existing.physicalId, existing.properties, properties, work);
    await setTags(existing, properties, work);
    return existing;
  },

  async delete({ physicalId: logGroupName }, work) {
    await ignoreMissing(() => work.call('logs', 'DeleteLogGroup', { logGroupName }));
  },
};

async function setRetention(logGroupName: string, before: JsonObject, after: JsonObject, work: Work): Promise<void> {
  const { RetentionInDays: retentionInDays } = pick(after, ['RetentionInDays']);
  if (before.RetentionInDays === retentionInDays) return;
  if (retentionInDays === undefined) await work.call('logs', 'DeleteRetentionPolicy', { logGroupName });
  else await work.call('logs', 'PutRetentionPolicy', { logGroupName, retentionInDays });
}

async function setTags(existing: Existing, properties: JsonObject, work: Work): Promise<void> {
  const { set, remove } = tagChanges(existing.properties.Tags, properties.Tags);
  // The operation takes the ARN without its `:*`.
  const resourceArn = String(existing.attributes.Arn).replace(/:\*$/, '');
  if (Object.keys(set).length) await label(() => work.call('logs', 'TagResource', { resourceArn, tags: set }));
  if (remove.length) await label(() => work.call('logs', 'UntagResource', { resourceArn, tagKeys: remove }));
}

export const LOGS_TYPES: Readonly<Record<string, ResourceType>> = { 'AWS::Logs::LogGroup': logGroup };
