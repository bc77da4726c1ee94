import { isObject, type Json } from '../template/value.ts';
import { changes, replaces, required, TAGS, tagMap } from './properties.ts';
import { createOrAdopt, ignoreMissing, type Made, type Reading, type ResourceType } from './resource-type.ts';
import { setTags } from './tags.ts';

const topicRule: ResourceType = {
  properties: {
    RuleName: replaces('text'),
    TopicRulePayload: required(
      changes({
        object: {
          Sql: 'text',
          AwsIotSqlVersion: 'text',
          Description: 'text',
          RuleDisabled: 'flag',
          Actions: 'any',
          ErrorAction: 'any',
        },
      }),
    ),
    Tags: TAGS,
  },
  attributes: ['Arn'],
  naming: { property: 'RuleName', lengthMax: 128, style: 'underscore' },

  imports: { identifiers: ['RuleName'], find: ({ RuleName }, work) => describe(RuleName!, work) },

  async create(properties, work) {
    const ruleName = work.name;
    const topicRulePayload = camelKeys(properties.TopicRulePayload!);
    const tags = new URLSearchParams(tagMap(properties.Tags)).toString();
    await createOrAdopt(work, () =>
      work.call('iot', 'CreateTopicRule', { ruleName, topicRulePayload, ...(tags && { tags }) }),
    );
    await work.made(ruleName);
    return describe(ruleName, work);
  },

  async update(existing, properties, work) {
    const ruleName = existing.physicalId;
    const topicRulePayload = camelKeys(properties.TopicRulePayload!);
    await work.call('iot', 'ReplaceTopicRule', { ruleName, topicRulePayload });
    await setTags('iot', existing.attributes.Arn!, existing.properties.Tags, properties.Tags, work);
    return describe(ruleName, work);
  },

  async delete({ physicalId: ruleName }, work) {
    await ignoreMissing(() => work.call('iot', 'DeleteTopicRule', { ruleName }));
  },
};

async function describe(ruleName: string, work: Reading): Promise<Made> {
  const { ruleArn } = await work.call('iot', 'GetTopicRule', { ruleName });
  return { physicalId: ruleName, attributes: { Arn: ruleArn } };
}

/** Tags as the operations take them, where there are any. */
export function iotTags(tags: Json | undefined): { readonly tags?: Json } {
  const given = Object.entries(tagMap(tags)).map(([Key, Value]) => ({ Key, Value }));
  return given.length > 0 ? { tags: given } : {};
}

/** Templates write `FunctionArn` where the operation takes `functionArn`. */
export function camelKeys(value: Json): Json {
  if (Array.isArray(value)) return value.map((item) => camelKeys(item as Json));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key.charAt(0).toLowerCase() + key.slice(1), camelKeys(member)]),
  );
}

export const IOT_TYPES: Readonly<Record<string, ResourceType>> = { 'AWS::IoT::TopicRule': topicRule };
