import type { RetryPolicy, RetrySchedule } from '../../delivery/index.ts';
import { isObject, jsonObject } from './json.ts';
import { SNS_LIMITS } from './model.ts';

const DAY_MS = 86_400_000;

/** How often a webhook is tried again, in AWS's words. Seconds. */
interface HealthyRetryPolicy {
  readonly minDelayTarget: number;
  readonly maxDelayTarget: number;
  readonly numRetries: number;
  readonly numMaxDelayRetries: number;
  readonly numNoDelayRetries: number;
  readonly numMinDelayRetries: number;
  readonly backoffFunction: RetrySchedule['backoffFunction'];
}

/** A delivery policy as it is written: of a subscription, or the `http` of a topic's under other names. */
interface WrittenPolicy {
  readonly healthyRetryPolicy?: Partial<HealthyRetryPolicy> | null;
  readonly throttlePolicy?: { readonly maxReceivesPerSecond: number } | null;
  readonly requestPolicy?: { readonly headerContentType: string } | null;
}

/** A topic's policy: the same for all its webhooks, unless they have their own. */
interface TopicPolicy {
  readonly http?: {
    readonly defaultHealthyRetryPolicy?: Partial<HealthyRetryPolicy> | null;
    readonly disableSubscriptionOverrides?: boolean;
    readonly defaultThrottlePolicy?: { readonly maxReceivesPerSecond: number } | null;
    readonly defaultRequestPolicy?: { readonly headerContentType: string } | null;
  };
}

/** What holds for a webhook once topic, subscription and AWS's defaults are put together. */
interface EffectivePolicy {
  readonly retry: HealthyRetryPolicy;
  readonly maxReceivesPerSecond: number | undefined;
  readonly contentType: string;
}

const DEFAULT_RETRY: HealthyRetryPolicy = {
  minDelayTarget: 20,
  maxDelayTarget: 20,
  numRetries: 3,
  numMaxDelayRetries: 0,
  numNoDelayRetries: 0,
  numMinDelayRetries: 0,
  backoffFunction: 'linear',
};

const DEFAULT_CONTENT_TYPE = 'text/plain; charset=UTF-8';

/** The types a webhook may ask for. @see Amazon SNS developer guide, "Creating an HTTP/S delivery policy" */
const CONTENT_TYPES = new Set([
  ...['application/atom+xml', 'application/json', 'application/octet-stream', 'application/soap+xml'],
  ...['application/x-www-form-urlencoded', 'application/xhtml+xml', 'application/xml'],
  ...['text/css', 'text/csv', 'text/html', 'text/plain', 'text/xml'],
]);

const FUNCTIONS = new Set(['linear', 'arithmetic', 'exponential', 'geometric']);

/** Queues and functions: AWS tries for 23 days, soon every 20 seconds. */
export const MANAGED_RETRY: RetryPolicy = {
  attemptsMax: 100_000,
  ageMsMax: 23 * DAY_MS,
  backoffMsBase: 0,
  backoffMsMax: 0,
  schedule: {
    ...{ noDelay: 3, minDelay: 2, backoff: 10, maxDelay: 99_985, minDelayMs: 1000, maxDelayMs: 20_000 },
    backoffFunction: 'exponential',
  },
};

/** Mail, text messages and push: AWS tries 50 times over six hours. */
export const CUSTOMER_RETRY: RetryPolicy = {
  attemptsMax: 51,
  ageMsMax: DAY_MS / 4,
  backoffMsBase: 0,
  backoffMsMax: 0,
  schedule: {
    ...{ noDelay: 0, minDelay: 2, backoff: 10, maxDelay: 38, minDelayMs: 10_000, maxDelayMs: 600_000 },
    backoffFunction: 'exponential',
  },
};

/** Puts a webhook's policy together; what the topic forbids to override is the topic's. */
export function effectivePolicy(own: string | undefined, ofTopic: string | undefined): EffectivePolicy {
  const http = (ofTopic === undefined ? {} : (jsonObject(ofTopic) as TopicPolicy)).http ?? {};
  const overrides = http.disableSubscriptionOverrides !== true && own !== undefined;
  const written = overrides ? (jsonObject(own) as WrittenPolicy) : {};
  return {
    retry: { ...DEFAULT_RETRY, ...http.defaultHealthyRetryPolicy, ...written.healthyRetryPolicy },
    maxReceivesPerSecond: (written.throttlePolicy ?? http.defaultThrottlePolicy)?.maxReceivesPerSecond,
    contentType: (written.requestPolicy ?? http.defaultRequestPolicy)?.headerContentType ?? DEFAULT_CONTENT_TYPE,
  };
}

/** The same as the outbox wants it. */
export function retryPolicyOf({ retry }: EffectivePolicy): RetryPolicy {
  const { numRetries, numNoDelayRetries, numMinDelayRetries, numMaxDelayRetries } = retry;
  return {
    attemptsMax: numRetries + 1,
    ageMsMax: SNS_LIMITS.httpAgeMsMax,
    backoffMsBase: 0,
    backoffMsMax: 0,
    schedule: {
      noDelay: numNoDelayRetries,
      minDelay: numMinDelayRetries,
      backoff: Math.max(0, numRetries - numNoDelayRetries - numMinDelayRetries - numMaxDelayRetries),
      maxDelay: numMaxDelayRetries,
      minDelayMs: retry.minDelayTarget * 1000,
      maxDelayMs: retry.maxDelayTarget * 1000,
      backoffFunction: retry.backoffFunction,
    },
  };
}

/** `EffectiveDeliveryPolicy` of a topic. */
export function shownTopicPolicy(text: string | undefined): string {
  const { retry, maxReceivesPerSecond, contentType } = effectivePolicy(undefined, text);
  const http = (text === undefined ? {} : (jsonObject(text) as TopicPolicy)).http;
  return JSON.stringify({
    http: {
      defaultHealthyRetryPolicy: retry,
      disableSubscriptionOverrides: http?.disableSubscriptionOverrides ?? false,
      ...(maxReceivesPerSecond !== undefined && { defaultThrottlePolicy: { maxReceivesPerSecond } }),
      defaultRequestPolicy: { headerContentType: contentType },
    },
  });
}

/** `DeliveryPolicy` of a subscription, with the members that AWS shows whether they are set or not. */
export function shownPolicy(text: string): string {
  const { healthyRetryPolicy, throttlePolicy, requestPolicy } = jsonObject(text) as WrittenPolicy;
  return shown(healthyRetryPolicy ? { ...DEFAULT_RETRY, ...healthyRetryPolicy } : null, throttlePolicy, requestPolicy);
}

/** `EffectiveDeliveryPolicy` of a subscription. */
export function shownEffectivePolicy(own: string | undefined, ofTopic: string | undefined): string {
  const { retry, maxReceivesPerSecond, contentType } = effectivePolicy(own, ofTopic);
  const throttle = maxReceivesPerSecond === undefined ? null : { maxReceivesPerSecond };
  return shown(retry, throttle, { headerContentType: contentType });
}

function shown(
  healthyRetryPolicy: object | null,
  throttlePolicy?: object | null,
  requestPolicy?: object | null,
): string {
  return JSON.stringify({
    healthyRetryPolicy,
    sicklyRetryPolicy: null,
    throttlePolicy: throttlePolicy ?? null,
    requestPolicy: requestPolicy ?? null,
    guaranteed: false,
  });
}

/** Why a subscription's delivery policy is refused; `undefined` when it is not. */
export function subscriptionPolicyProblem(text: string): string | undefined {
  const policy = jsonObject(text);
  if (!policy) return 'failed to parse JSON.';
  const { healthyRetryPolicy, sicklyRetryPolicy: _, throttlePolicy, requestPolicy, guaranteed: __, ...rest } = policy;
  return (
    unknownProblem(rest) ??
    retryProblem(healthyRetryPolicy, 'healthyRetryPolicy') ??
    throttleProblem(throttlePolicy, 'throttlePolicy') ??
    requestProblem(requestPolicy, 'requestPolicy')
  );
}

/** Likewise, of a topic's. */
export function topicPolicyProblem(text: string): string | undefined {
  const policy = jsonObject(text);
  if (!policy) return 'failed to parse JSON.';
  const { http, ...others } = policy;
  if (http !== undefined && !isObject(http)) return 'http must be an object';
  const {
    defaultHealthyRetryPolicy,
    defaultSicklyRetryPolicy: _,
    disableSubscriptionOverrides = false,
    defaultThrottlePolicy,
    defaultRequestPolicy,
    ...rest
  } = http ?? {};
  if (typeof disableSubscriptionOverrides !== 'boolean') return 'disableSubscriptionOverrides must be true or false';
  return (
    unknownProblem(others) ??
    unknownProblem(rest) ??
    retryProblem(defaultHealthyRetryPolicy, 'defaultHealthyRetryPolicy') ??
    throttleProblem(defaultThrottlePolicy, 'defaultThrottlePolicy') ??
    requestProblem(defaultRequestPolicy, 'defaultRequestPolicy')
  );
}

function unknownProblem(rest: object): string | undefined {
  const [name] = Object.keys(rest);
  return name === undefined ? undefined : `${name} is not a member of a delivery policy`;
}

function retryProblem(value: unknown, name: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isObject(value)) return `${name} must be an object`;
  const unknown = Object.keys(value).find((member) => !Object.hasOwn(DEFAULT_RETRY, member));
  if (unknown !== undefined) return `${name}.${unknown} is not a member of a retry policy`;
  const policy = { ...DEFAULT_RETRY, ...value } as HealthyRetryPolicy;
  const counts = ['numRetries', 'numNoDelayRetries', 'numMinDelayRetries', 'numMaxDelayRetries'] as const;
  const bad = counts.find((member) => !isWhole(policy[member], 0, 100));
  if (bad) return `${name}.${bad} must be a whole number from 0 to 100`;
  const { minDelayTarget, maxDelayTarget, numRetries } = policy;
  if (!isWhole(maxDelayTarget, 1, 3600)) return `${name}.maxDelayTarget must be a whole number from 1 to 3600`;
  if (!isWhole(minDelayTarget, 1, maxDelayTarget)) {
    return `${name}.minDelayTarget must be a whole number from 1 to maxDelayTarget`;
  }
  const phases = policy.numNoDelayRetries + policy.numMinDelayRetries + policy.numMaxDelayRetries;
  if (phases > numRetries) return `${name}.numRetries must not be less than the retries of its phases`;
  if (!FUNCTIONS.has(policy.backoffFunction)) {
    return `${name}.backoffFunction must be one of ${[...FUNCTIONS].join(', ')}`;
  }
  return undefined;
}

function throttleProblem(value: unknown, name: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isObject(value) || !isWhole(value.maxReceivesPerSecond, 1, 1_000_000)) {
    return `${name}.maxReceivesPerSecond must be a whole number of at least 1`;
  }
  return undefined;
}

function requestProblem(value: unknown, name: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  const type = isObject(value) ? value.headerContentType : undefined;
  const known =
    typeof type === 'string' &&
    CONTENT_TYPES.has(type.split(';')[0]!.trim().toLowerCase()) &&
    /^[\w/+.-]+(\s*;\s*charset=[\w-]+)?$/i.test(type);
  return known ? undefined : `${name}.headerContentType must be one of ${[...CONTENT_TYPES].join(', ')}`;
}

function isWhole(value: unknown, min: number, max: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;
}
