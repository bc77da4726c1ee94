import type { ApiKey, RestApis, UsagePlan } from '../../../services/apigateway/index.ts';
import type { Buckets } from './buckets.ts';
import type { ApiCall } from './call.ts';
import { restForbidden, restRefusal } from './rest-answers.ts';

/** Holds callers to the usage plans of their API keys. */
export class Usage {
  readonly #apis: RestApis;
  readonly #buckets: Buckets;

  constructor(apis: RestApis, buckets: Buckets) {
    this.#apis = apis;
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
    if (!this.#apis.usage.take(plan, key.id)) throw restRefusal('QUOTA_EXCEEDED', 'Limit Exceeded');
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
}
