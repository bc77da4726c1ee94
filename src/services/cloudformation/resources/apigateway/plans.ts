import { isObject, type Json, type JsonObject } from '../../template/value.ts';
import { changes, rename, replaces, required, TAGS, tagMap } from '../properties.ts';
import { createOrAdopt, ignoreMissing, type ResourceType, type Work } from '../resource-type.ts';
import { camel, changeTags, listOf, ownerTags, type Patch, patchesOf, SERVICE } from './support.ts';

export const apiKey: ResourceType = {
  properties: {
    CustomerId: changes('text'),
    Description: changes('text'),
    Enabled: changes('flag'),
    GenerateDistinctId: replaces('flag'),
    Name: replaces('text'),
    StageKeys: changes({ list: { object: { RestApiId: 'text', StageName: 'text' } } }),
    Tags: TAGS,
    Value: replaces('text'),
  },
  attributes: ['APIKeyId'],
  naming: { property: 'Name', lengthMax: 128 },

  imports: {
    identifiers: ['APIKeyId'],
    async find({ APIKeyId: apiKey }, work) {
      const { id } = await work.call(SERVICE, 'GetApiKey', { apiKey });
      return { physicalId: id, attributes: { APIKeyId: id } };
    },
  },

  async create(properties, work) {
    const { items = [] } = work.resuming ? await work.call(SERVICE, 'GetApiKeys', { nameQuery: work.name }) : {};
    const own = (items as JsonObject[]).find(({ name }) => name === work.name);
    const stageKeys = listOf(properties.StageKeys).map((one) => camel(one, ['RestApiId', 'StageName']));
    const members = ['CustomerId', 'Description', 'Enabled', 'GenerateDistinctId', 'Value'];
    const input = { ...camel(properties, members), name: work.name, stageKeys, tags: tagMap(properties.Tags) };
    const id = String((own ?? (await work.call(SERVICE, 'CreateApiKey', input))).id);
    await work.made(id);
    return { physicalId: id, attributes: { APIKeyId: id } };
  },

  async update({ physicalId, properties: before }, properties, work) {
    const names = { CustomerId: 'customerId', Description: 'description', Enabled: 'enabled' };
    const patchOperations = patchesOf(before, properties, names);
    if (patchOperations.length > 0) await work.call(SERVICE, 'UpdateApiKey', { apiKey: physicalId, patchOperations });
    await changeTags(`/apikeys/${physicalId}`, before.Tags, properties.Tags, work);
    return { physicalId, attributes: { APIKeyId: physicalId } };
  },

  async delete({ physicalId }, work) {
    await ignoreMissing(() => work.call(SERVICE, 'DeleteApiKey', { apiKey: physicalId }));
  },
};

const RATE = { object: { BurstLimit: 'number', RateLimit: 'number' } } as const;

export const usagePlan: ResourceType = {
  properties: {
    ApiStages: changes({ list: { object: { ApiId: 'text', Stage: 'text', Throttle: { map: RATE } } } }),
    Description: changes('text'),
    Quota: changes({ object: { Limit: 'number', Offset: 'number', Period: 'text' } }),
    Tags: TAGS,
    Throttle: changes(RATE),
    UsagePlanName: changes('text'),
  },
  attributes: ['Id'],

  imports: {
    identifiers: ['Id'],
    async find({ Id: usagePlanId }, work) {
      const { id } = await work.call(SERVICE, 'GetUsagePlan', { usagePlanId });
      return { physicalId: id, attributes: { Id: id } };
    },
  },

  async create(properties, work) {
    const { items = [] } = work.resuming ? await work.call(SERVICE, 'GetUsagePlans', { limit: 500 }) : {};
    const owner = ownerTags(work);
    const own = (items as { id: string; tags: Record<string, string> }[]).find(({ tags }) =>
      Object.entries(owner).every(([key, value]) => tags[key] === value),
    );
    const id = String((own ?? (await work.call(SERVICE, 'CreateUsagePlan', planInput(properties, work)))).id);
    await work.made(id);
    return { physicalId: id, attributes: { Id: id } };
  },

  async update({ physicalId, properties: before }, properties, work) {
    const patchOperations = [
      ...patchesOf(before, properties, { Description: 'description', UsagePlanName: 'name' }),
      ...nestedPatches(before.Throttle, properties.Throttle, 'throttle', RATE_MEMBERS),
      ...nestedPatches(before.Quota, properties.Quota, 'quota', QUOTA_MEMBERS),
      ...stageMembership(before.ApiStages, properties.ApiStages),
    ];
    if (patchOperations.length > 0) {
      await work.call(SERVICE, 'UpdateUsagePlan', { usagePlanId: physicalId, patchOperations });
    }
    await changeTags(`/usageplans/${physicalId}`, before.Tags, properties.Tags, work);
    return { physicalId, attributes: { Id: physicalId } };
  },

  async delete({ physicalId: usagePlanId, properties: { ApiStages } }, work) {
    const patchOperations = stageMembership(ApiStages, undefined);
    await ignoreMissing(async () => {
      if (patchOperations.length > 0) await work.call(SERVICE, 'UpdateUsagePlan', { usagePlanId, patchOperations });
      await work.call(SERVICE, 'DeleteUsagePlan', { usagePlanId });
    });
  },
};

const RATE_MEMBERS = { BurstLimit: 'burstLimit', RateLimit: 'rateLimit' };

const QUOTA_MEMBERS = { Limit: 'limit', Offset: 'offset', Period: 'period' };

function planInput({ ApiStages, Description, Quota, Tags, Throttle, UsagePlanName }: JsonObject, work: Work): object {
  return {
    name: UsagePlanName ?? work.logicalId,
    ...(Description !== undefined && { description: Description }),
    ...(isObject(Quota) && { quota: rename(Quota, QUOTA_MEMBERS) }),
    ...(isObject(Throttle) && { throttle: rename(Throttle, RATE_MEMBERS) }),
    apiStages: listOf(ApiStages).map(({ ApiId, Stage, Throttle: own }) => ({
      ...{ apiId: ApiId, stage: Stage },
      ...(isObject(own) && {
        throttle: Object.fromEntries(
          Object.entries(own).map(([key, one]) => [key, rename(one as JsonObject, RATE_MEMBERS)]),
        ),
      }),
    })),
    tags: { ...tagMap(Tags), ...ownerTags(work) },
  };
}

function nestedPatches(
  before: Json | undefined,
  after: Json | undefined,
  member: string,
  names: Readonly<Record<string, string>>,
): Patch[] {
  if (after === undefined) return before === undefined ? [] : [{ op: 'remove', path: `/${member}` }];
  const paths = Object.fromEntries(Object.entries(names).map(([from, to]) => [from, `${member}/${to}`]));
  return patchesOf(isObject(before) ? before : {}, after as JsonObject, paths);
}

function stageMembership(before: Json | undefined, after: Json | undefined): Patch[] {
  const names = (stages: Json | undefined) => listOf(stages).map(({ ApiId, Stage }) => `${ApiId}:${Stage}`);
  const [old, now] = [names(before), names(after)];
  const gone = old.filter((name) => !now.includes(name));
  const added = now.filter((name) => !old.includes(name));
  return [
    ...gone.map((value): Patch => ({ op: 'remove', path: '/apiStages', value })),
    ...added.map((value): Patch => ({ op: 'add', path: '/apiStages', value })),
  ];
}

export const usagePlanKey: ResourceType = {
  properties: {
    KeyId: required(replaces('text')),
    KeyType: required(replaces('text')),
    UsagePlanId: required(replaces('text')),
  },
  attributes: ['Id'],

  imports: {
    identifiers: ['Id'],
    async find({ Id }, work) {
      const [keyId, usagePlanId] = Id!.split(':');
      await work.call(SERVICE, 'GetUsagePlanKey', { keyId, usagePlanId });
      return { physicalId: Id!, attributes: { Id: Id! } };
    },
  },

  async create(properties, work) {
    const Id = `${properties.KeyId}:${properties.UsagePlanId}`;
    const input = camel(properties, ['KeyId', 'KeyType', 'UsagePlanId']);
    await createOrAdopt(work, () => work.call(SERVICE, 'CreateUsagePlanKey', input));
    await work.made(Id);
    return { physicalId: Id, attributes: { Id } };
  },

  async delete({ properties }, work) {
    const place = camel(properties, ['KeyId', 'UsagePlanId']);
    await ignoreMissing(() => work.call(SERVICE, 'DeleteUsagePlanKey', place));
  },
};
