import type { RetryPolicy } from '../../delivery/index.ts';
import { CUSTOMER_RETRY, effectivePolicy, MANAGED_RETRY, retryPolicyOf } from './delivery-policy.ts';
import { compileFilter, type Filter } from './filter.ts';
import { jsonObject } from './json.ts';
import type { Subscription, Topic } from './model.ts';

/** A confirmed subscription, worked out once a change instead of once a message. */
export interface Route {
  readonly subscription: Subscription;
  readonly filter: Filter | undefined;
  readonly raw: boolean;
  readonly policy: RetryPolicy;
  readonly deadLetterArn: string | undefined;
  /** Of webhooks. */
  readonly contentType: string | undefined;
  readonly ratePerSecond: number | undefined;
}

/** @throws what a policy that was stored unchecked would throw: there is none */
export function routeOf(subscription: Subscription, topic: Topic): Route {
  const { protocol, attributes } = subscription;
  const { RawMessageDelivery, RedrivePolicy, DeliveryPolicy } = attributes;
  const common = {
    subscription,
    filter: compileFilter(attributes),
    raw: RawMessageDelivery === 'true',
    deadLetterArn: RedrivePolicy === undefined ? undefined : (jsonObject(RedrivePolicy)!.deadLetterTargetArn as string),
  };
  if (protocol !== 'http' && protocol !== 'https') {
    const policy = protocol === 'sqs' || protocol === 'lambda' ? MANAGED_RETRY : CUSTOMER_RETRY;
    return { ...common, policy, contentType: undefined, ratePerSecond: undefined };
  }
  const effective = effectivePolicy(DeliveryPolicy, topic.attributes.DeliveryPolicy);
  const { contentType, maxReceivesPerSecond: ratePerSecond } = effective;
  return { ...common, policy: retryPolicyOf(effective), contentType, ratePerSecond };
}
