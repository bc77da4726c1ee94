import type { CreateApiKeyCommandInput, CreateUsagePlanCommandInput } from '@aws-sdk/client-api-gateway';
import type { Operation } from '../../index.ts';
import type { RestApis } from '../apis.ts';
import { checkTags } from '../checks.ts';
import { badRequest, conflict, notFound, RestApiError } from '../errors.ts';
import { REST_API_LIMITS } from '../limits.ts';
import type { ApiKey, UsagePlan } from '../model.ts';
import { type Kind, type PatchOperation, patched } from '../patch.ts';
import { taken } from './changes.ts';
import { type PageInput, pageOf } from './paging.ts';

interface KeyInput extends PageInput {
  readonly apiKey: string;
  readonly includeValue?: boolean;
  readonly includeValues?: boolean;
  readonly nameQuery?: string;
  readonly customerId?: string;
  readonly patchOperations?: readonly PatchOperation[];
}

const KEY_KINDS: Readonly<Record<string, Kind>> = {
  name: 'text',
  description: 'text',
  enabled: 'flag',
  customerId: 'text',
  stages: 'set',
};

/** Operations of API keys. */
export function keyOperations(apis: RestApis): Record<string, Operation> {
  return {
    CreateApiKey: async (input: CreateApiKeyCommandInput, { region }) => {
      const { value = apis.newKeyValue(), tags = {}, stageKeys = [], enabled = false } = input;
      const { apiKeyLengthMin, apiKeyLengthMax } = REST_API_LIMITS;
      if (value.length < apiKeyLengthMin)
        throw badRequest(`API Key value should be at least ${apiKeyLengthMin} characters`);
      if (value.length > apiKeyLengthMax)
        throw badRequest(`API Key value should be at most ${apiKeyLengthMax} characters`);
      checkTags(tags);
      const now = apis.clock.now();
      const key = {
        ...(taken({ ...input }, ['name', 'description', 'customerId']) as Partial<ApiKey>),
        ...{ id: apis.newKeyId(), region, value, enabled, tags, createdAt: now, updatedAt: now },
        stageKeys: stageKeys.map(({ restApiId, stageName }) => `${restApiId}/${stageName}`),
      };
      await apis.createKey(key);
      return keyShape(key, true);
    },
    GetApiKey: ({ apiKey, includeValue = false }: KeyInput, { region }) =>
      keyShape(apis.key(region, apiKey), includeValue),
    GetApiKeys: ({ includeValues = false, nameQuery, customerId, ...page }: KeyInput, { region }) => {
      const all = apis
        .keys(region)
        .filter(({ name = '' }) => nameQuery === undefined || name.startsWith(nameQuery))
        .filter((key) => customerId === undefined || key.customerId === customerId);
      const { items, ...next } = pageOf(all, ({ id }) => id, page);
      return { items: items.map((key) => keyShape(key, includeValues)), ...next };
    },
    UpdateApiKey: async ({ apiKey, patchOperations }: KeyInput, { region }) =>
      keyShape(await apis.changeKey(region, apiKey, (before) => patched(before, patchOperations, KEY_KINDS)), false),
    DeleteApiKey: async ({ apiKey }: KeyInput, { region }) => {
      await apis.deleteKey(region, apiKey);
    },
  };
}

function keyShape({ region: _region, value, createdAt, updatedAt, ...key }: ApiKey, withValue: boolean) {
  const dates = { createdDate: new Date(createdAt), lastUpdatedDate: new Date(updatedAt) };
  return { ...key, ...(withValue && { value }), ...dates };
}

interface PlanInput extends PageInput {
  readonly usagePlanId: string;
  readonly keyId: string;
  readonly keyType?: string;
  readonly nameQuery?: string;
  readonly patchOperations?: readonly PatchOperation[];
}

const LIMITS: Kind = { object: { burstLimit: 'number', rateLimit: 'number' } };

const PLAN_KINDS: Readonly<Record<string, Kind>> = {
  name: 'text',
  description: 'text',
  productCode: 'text',
  throttle: LIMITS,
  quota: { object: { limit: 'number', offset: 'number', period: 'text' } },
};

/** Operations of usage plans and the keys in them. */
export function planOperations(apis: RestApis): Record<string, Operation> {
  return {
    CreateUsagePlan: async (input: CreateUsagePlanCommandInput, { region }) => {
      checkTags(input.tags ?? {});
      const members = taken({ ...input }, ['name', 'description', 'throttle', 'quota']);
      const stages = (input.apiStages ?? []) as UsagePlan['apiStages'];
      const more = { tags: input.tags ?? {}, apiStages: stages, keys: [] };
      const plan = { ...members, id: apis.newPartId(), region, ...more } as unknown as UsagePlan;
      checkPlan(apis, plan);
      await apis.createPlan(plan);
      return planShape(plan);
    },
    GetUsagePlan: ({ usagePlanId }: PlanInput, { region }) => planShape(apis.plan(region, usagePlanId)),
    GetUsagePlans: ({ keyId, ...page }: PlanInput, { region }) => {
      const all = apis.plans(region).filter(({ keys }) => keyId === undefined || keys.includes(keyId));
      const { items, ...next } = pageOf(all, ({ id }) => id, page);
      return { items: items.map(planShape), ...next };
    },
    UpdateUsagePlan: async ({ usagePlanId, patchOperations = [] }: PlanInput, { region }) => {
      const plan = await apis.changePlan(region, usagePlanId, (before) => {
        const after = patchedPlan(before, patchOperations);
        checkPlan(apis, after);
        return after;
      });
      return planShape(plan);
    },
    DeleteUsagePlan: async ({ usagePlanId }: PlanInput, { region }) => {
      await apis.deletePlan(region, usagePlanId);
    },
    CreateUsagePlanKey: async ({ usagePlanId, keyId, keyType }: PlanInput, { region }) => {
      if (keyType !== 'API_KEY') throw badRequest('Usage plan keys are of type API_KEY');
      const key = apis.key(region, keyId);
      await apis.changePlan(region, usagePlanId, (before) => {
        if (before.keys.includes(keyId)) throw conflict('This key is already associated with the usage plan');
        checkOnePlan(apis, region, keyId, before);
        return { ...before, keys: [...before.keys, keyId] };
      });
      return planKeyShape(key);
    },
    GetUsagePlanKey: ({ usagePlanId, keyId }: PlanInput, { region }) => {
      if (!apis.plan(region, usagePlanId).keys.includes(keyId)) throw planKeyMissing(usagePlanId);
      return planKeyShape(apis.key(region, keyId));
    },
    GetUsagePlanKeys: ({ usagePlanId, nameQuery, ...page }: PlanInput, { region }) => {
      const all = apis
        .plan(region, usagePlanId)
        .keys.map((id) => apis.key(region, id))
        .filter(({ name = '' }) => nameQuery === undefined || name.startsWith(nameQuery));
      const { items, ...next } = pageOf(all, ({ id }) => id, page);
      return { items: items.map(planKeyShape), ...next };
    },
    DeleteUsagePlanKey: async ({ usagePlanId, keyId }: PlanInput, { region }) => {
      await apis.changePlan(region, usagePlanId, (before) => {
        if (!before.keys.includes(keyId)) throw planKeyMissing(usagePlanId);
        return { ...before, keys: before.keys.filter((one) => one !== keyId) };
      });
    },
  };
}

/** @param planId  of a plan that a key is not in */
export const planKeyMissing = (planId: string) =>
  new RestApiError('not-found', `Invalid Usage Plan ID specified: ${planId} has no such key`);

/** A key may call a stage by one plan only. @throws conflict */
function checkOnePlan(apis: RestApis, region: string, keyId: string, plan: UsagePlan): void {
  const others = apis.plans(region).filter((one) => one.id !== plan.id && one.keys.includes(keyId));
  if (others.length >= REST_API_LIMITS.usagePlansPerKeyMax) throw conflict('The key is in too many usage plans');
  const stages = new Set(others.flatMap(({ apiStages }) => apiStages.map(({ apiId, stage }) => `${apiId}/${stage}`)));
  const taken = plan.apiStages.find(({ apiId, stage }) => stages.has(`${apiId}/${stage}`));
  if (taken) {
    throw conflict(
      `${keyId} cannot be added because it is in another usage plan of the API stage ${taken.apiId}:${taken.stage}`,
    );
  }
}

function checkPlan(apis: RestApis, { apiStages, region, quota }: UsagePlan): void {
  for (const { apiId, stage } of apiStages) {
    const api = apis.find(apiId);
    if (api?.region !== region) throw notFound('API');
    if (!Object.hasOwn(api.stages, stage))
      throw new RestApiError('not-found', `API Stage not found: ${apiId}:${stage}`);
  }
  if (quota !== undefined && !['DAY', 'WEEK', 'MONTH'].includes(quota.period ?? '')) {
    throw badRequest('Usage Plan quota period must be DAY, WEEK or MONTH');
  }
}

/** Stages are added and removed by name, `apiId:stage`, and throttled by it. */
function patchedPlan(before: UsagePlan, operations: readonly PatchOperation[]): UsagePlan {
  let plan = before;
  for (const operation of operations) {
    const { op, path = '', value = '' } = operation;
    if (path === '/apiStages') plan = { ...plan, apiStages: changedStages(plan.apiStages, op, value) };
    else if (path.startsWith('/apiStages/')) plan = { ...plan, apiStages: throttledStages(plan.apiStages, operation) };
    else plan = patched(plan, [operation], PLAN_KINDS);
  }
  return plan;
}

function changedStages(stages: UsagePlan['apiStages'], op: string | undefined, value: string): UsagePlan['apiStages'] {
  const [apiId, stage] = value.split(':');
  if (!apiId || !stage) throw badRequest(`Invalid API stage: ${value}`);
  const others = stages.filter((one) => one.apiId !== apiId || one.stage !== stage);
  return op === 'remove' ? others : [...others, { apiId, stage }];
}

function throttledStages(stages: UsagePlan['apiStages'], operation: PatchOperation): UsagePlan['apiStages'] {
  const match = /^\/apiStages\/([^/:]+):([^/]+)\/(throttle.*)$/.exec(operation.path ?? '');
  const found = match && stages.find(({ apiId, stage }) => apiId === match[1] && stage === match[2]);
  if (!match || !found) throw badRequest(`Invalid patch path '${operation.path}'`);
  const after = patched(found, [{ ...operation, path: `/${match[3]}` }], { throttle: { map: LIMITS } });
  return stages.map((one) => (one === found ? after : one));
}

function planShape({ region: _region, keys: _keys, ...plan }: UsagePlan) {
  return plan;
}

function planKeyShape({ id, name, value }: ApiKey) {
  return { id, type: 'API_KEY', value, ...(name !== undefined && { name }) };
}
