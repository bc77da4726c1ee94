import type { Json, JsonObject } from '../template/value.ts';
import { changes, pick, replaces, required } from './properties.ts';
import { createOrAdopt, ignoreMissing, label, type Reading, type ResourceType, type Work } from './resource-type.ts';

const SETTINGS = ['Type', 'Value', 'Description', 'AllowedPattern', 'DataType', 'Policies', 'Tier'];

const parameter: ResourceType = {
  properties: {
    Name: replaces('text'),
    Type: required(changes('text')),
    Value: required(changes('text')),
    Description: changes('text'),
    AllowedPattern: changes('text'),
    DataType: changes('text'),
    Policies: changes('text'),
    Tier: changes('text'),
    Tags: changes({ map: 'text' }),
  },
  attributes: ['Type', 'Value', 'Arn'],
  naming: { property: 'Name', lengthMax: 1_011 },

  imports: {
    identifiers: ['Name'],
    async find({ Name }, work) {
      const { Parameter } = await work.call('ssm', 'GetParameter', { Name });
      return { physicalId: Parameter.Name, attributes: attributesOf(Parameter.Name, Parameter, work) };
    },
  },

  async create(properties, work) {
    const Name = work.name;
    // A secret stands in no template: AWS refuses the type likewise.
    if (properties.Type === 'SecureString')
      throw new TypeError('SSM Secure String parameters cannot be made by a template');
    await createOrAdopt(work, () => work.call('ssm', 'PutParameter', { Name, ...pick(properties, SETTINGS) }));
    await work.made(Name);
    await setTags(Name, {}, properties, work);
    return { physicalId: Name, attributes: attributesOf(Name, properties, work) };
  },

  async update(existing, properties, work) {
    const Name = existing.physicalId;
    await work.call('ssm', 'PutParameter', { Name, Overwrite: true, ...pick(properties, SETTINGS) });
    await setTags(Name, existing.properties, properties, work);
    return { physicalId: Name, attributes: attributesOf(Name, properties, work) };
  },

  async delete({ physicalId: Name }, work) {
    await ignoreMissing(() => work.call('ssm', 'DeleteParameter', { Name }));
  },
};

function attributesOf(name: string, { Type, Value }: JsonObject, work: Reading): Record<string, Json> {
  const { region, accountId } = work.identity;
  const Arn = `arn:aws:ssm:${region}:${accountId}:parameter${name.startsWith('/') ? '' : '/'}${name}`;
  return { Type: Type!, Value: Value!, Arn };
}

async function setTags(ResourceId: string, before: JsonObject, after: JsonObject, work: Work): Promise<void> {
  const [old, now] = [before.Tags ?? {}, after.Tags ?? {}] as [JsonObject, JsonObject];
  const resource = { ResourceType: 'Parameter', ResourceId };
  const Tags = Object.entries(now).flatMap(([Key, Value]) => (old[Key] === Value ? [] : [{ Key, Value }]));
  const TagKeys = Object.keys(old).filter((key) => !Object.hasOwn(now, key));
  if (Tags.length) await label(() => work.call('ssm', 'AddTagsToResource', { ...resource, Tags }));
  if (TagKeys.length) await label(() => work.call('ssm', 'RemoveTagsFromResource', { ...resource, TagKeys }));
}

export const SSM_TYPES: Readonly<Record<string, ResourceType>> = { 'AWS::SSM::Parameter': parameter };
