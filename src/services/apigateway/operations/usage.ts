import type { Operation } from '../../index.ts';
import type { RestApis } from '../apis.ts';
import { badRequest } from '../errors.ts';
import { REST_API_LIMITS } from '../limits.ts';
import type { UsagePlan } from '../model.ts';
import { type PatchOperation, patched } from '../patch.ts';
import { planKeyMissing } from './keys.ts';
import { type PageInput, pageOf } from './paging.ts';

interface GetUsageInput extends PageInput {
  readonly usagePlanId: string;
  readonly keyId?: string;
  readonly startDate: string;
  readonly endDate: string;
}

interface UpdateUsageInput {
  readonly usagePlanId: string;
  readonly keyId: string;
  readonly patchOperations?: readonly PatchOperation[];
}

const DAY_MS = 86_400_000;

/** GetUsage, UpdateUsage. */
export function usageOperations(apis: RestApis): Record<string, Operation> {
  return {
    GetUsage: ({ usagePlanId, keyId, startDate, endDate, ...page }: GetUsageInput, { region }) => {
      const plan = apis.plan(region, usagePlanId);
      const [from, to] = [dayOf('startDate', startDate), dayOf('endDate', endDate)];
      if (to < from) throw badRequest('endDate must not be before startDate');
      const { usageDaysMax } = REST_API_LIMITS;
      if (to - from >= usageDaysMax * DAY_MS) throw badRequest(`At most ${usageDaysMax} days can be asked for`);
      if (keyId !== undefined) checkKey(plan, keyId);
      const keys = keyId === undefined ? plan.keys : [keyId];
      const { items, ...next } = pageOf(keys, (id) => id, page);
      const values = items.map((id) => [id, apis.usage.days(plan, id, from, to)] as const);
      return { usagePlanId, startDate, endDate, items: Object.fromEntries(values), ...next };
    },
    UpdateUsage: async ({ usagePlanId, keyId, patchOperations }: UpdateUsageInput, { region }) => {
      const plan = apis.plan(region, usagePlanId);
      checkKey(plan, keyId);
      const { quota } = plan;
      if (quota === undefined) throw badRequest('Usage Plan has no quota');
      const { remaining }: { remaining?: number } = patched({}, patchOperations, { remaining: 'number' });
      if (remaining === undefined || !Number.isSafeInteger(remaining) || remaining < 0) {
        throw badRequest('Invalid patch value for path /remaining: it must be a whole number of requests');
      }
      await apis.usage.grant({ ...plan, quota }, keyId, remaining);
      const today = apis.clock.now();
      const date = new Date(today).toISOString().slice(0, 10);
      const items = { [keyId]: apis.usage.days(plan, keyId, today, today) };
      return { usagePlanId, startDate: date, endDate: date, items };
    },
  };
}

/** Midnight of a date. @throws bad-request */
function dayOf(what: string, date: string): number {
  const at = /^\d{4}-\d{2}-\d{2}$/.test(date) ? Date.parse(date) : Number.NaN;
  if (Number.isNaN(at)) throw badRequest(`Invalid ${what}: ${date}. Dates are written YYYY-MM-DD`);
  return at;
}

/** @throws not-found */
function checkKey({ id, keys }: UsagePlan, keyId: string): void {
  if (!keys.includes(keyId)) throw planKeyMissing(id);
}
