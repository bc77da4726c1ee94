import type { Clock } from '../../../base/index.ts';
import type { ApiKey, RestApis, UsagePlan } from '../../../services/apigateway/index.ts';
import { API_LIMITS } from '../limits.ts';
import type { Buckets } from './buckets.ts';
import type { ApiCall } from './call.ts';
import { restForbidden, restRefusal } from './rest-answers.ts';

interface Count {
  /** When the period began, epoch milliseconds. */
  readonly since: number;
  used: number;
}

/** Holds callers to the usage plans of their API keys. Counts are kept in memory: they begin anew with the node. */
export class Usage {
  readonly #apis: RestApis;
  readonly #clock: Clock;
  readonly #buckets: Buckets;
  readonly #counts = new Map<string, Count>();

  constructor(apis: RestApis, clock: Clock, buckets: Buckets) {
    this.#apis = apis;
    this.#clock = clock;
    this.#buckets = buckets;
  }

  /**
   * Lets a call with a key in, and counts it.
   * @param methodKey  `path/METHOD`, by which plans throttle methods of their own
   * @throws Refusal
   */
  admit(call: ApiCall, region: string, value: string | undefined, methodKey: string): void {
    const key = value === undefined ? undefined : this.#apis.keyByValue(value);
    if (!key?.enabled || key.region !== region) throw restRefusal('INVALID_API_KEY', 'Forbidden');
    const plan = this.#apis.planFor(key.id, call.apiId, call.stage);
    if (!plan) throw restForbidden();
    call.more['identity.apiKey'] = key.value;
    call.more['identity.apiKeyId'] = key.id;
    this.#throttle(call, plan, key, methodKey);
    this.#count(plan, key);
  }

  #throttle(call: ApiCall, plan: UsagePlan, key: ApiKey, methodKey: string): void {
    const stage = plan.apiStages.find((one) => one.apiId === call.apiId && one.stage === call.stage);
    const own = stage?.throttle?.[methodKey] ?? plan.throttle;
    if (!own) return;
    const { rateLimit, burstLimit } = own;
    if (rateLimit === undefined && burstLimit === undefined) return;
    const rate = { perSecond: rateLimit ?? burstLimit!, burst: burstLimit ?? Math.ceil(rateLimit!) };
    const name = `plan/${plan.id}/${key.id}/${own === plan.throttle ? '' : methodKey}`;
    if (!this.#buckets.take(name, rate)) throw restRefusal('THROTTLED', 'Too Many Requests');
  }

  #count({ id, quota }: UsagePlan, key: ApiKey): void {
    if (quota?.limit === undefined) return;
    const since = periodStart(this.#clock.now(), quota.period ?? 'DAY');
    const name = `${id}/${key.id}`;
    let count = this.#counts.get(name);
    if (count?.since !== since) {
      if (this.#counts.size >= API_LIMITS.bucketsMax) this.#counts.clear();
      count = { since, used: quota.offset ?? 0 };
      this.#counts.set(name, count);
    }
    if (count.used >= quota.limit) throw restRefusal('QUOTA_EXCEEDED', 'Limit Exceeded');
    count.used++;
  }
}

const DAY_MS = 86_400_000;

/** Midnight of the day, of Sunday, or of the first of the month, in UTC. */
function periodStart(now: number, period: string): number {
  const date = new Date(now);
  if (period === 'MONTH') return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1);
  const day = Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate());
  return period === 'WEEK' ? day - date.getUTCDay() * DAY_MS : day;
}
