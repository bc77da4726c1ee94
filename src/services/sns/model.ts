/** What is stored of topics, subscriptions and those whom messages reach by webhook: plain data. */

/** Registry key: the ARN. */
export interface Topic {
  readonly arn: string;
  readonly name: string;
  readonly region: string;
  /** As SetTopicAttributes spells them. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
}

export const PROTOCOLS = ['sqs', 'lambda', 'http', 'https', 'email', 'email-json', 'sms', 'application'] as const;

export type Protocol = (typeof PROTOCOLS)[number];

/** Registry key: the ARN, which begins with that of its topic. */
export interface Subscription {
  readonly arn: string;
  readonly topicArn: string;
  readonly protocol: Protocol;
  /** ARN, URL, e-mail address or phone number. */
  readonly endpoint: string;
  readonly owner: string;
  /** Epoch milliseconds. */
  readonly createdAt?: number;
  /** Until it is confirmed: what the endpoint must bring back. */
  readonly token?: string;
  /** Confirmations asked for, and when the last one was, epoch milliseconds. */
  readonly asked?: { readonly times: number; readonly at: number };
  /** Only signed requests may end it. */
  readonly authenticateOnUnsubscribe?: true;
  /** Confirmed by a signed request, not by its link. */
  readonly authenticated?: true;
  /** As SetSubscriptionAttributes spells them. */
  readonly attributes: Readonly<Record<string, string>>;
}

/** A subscription that was ended and may be restored with a token for a while. Registry key: the subscription's ARN. */
export interface Ended {
  readonly subscription: Subscription;
  readonly token: string;
  /** Epoch milliseconds. */
  readonly endedAt: number;
}

/** A push service with its credentials. Registry key: the ARN. */
export interface PlatformApplication {
  readonly arn: string;
  readonly platform: string;
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** A device of a platform application. Registry key: the ARN. */
export interface PlatformEndpoint {
  readonly arn: string;
  readonly applicationArn: string;
  /** `Token`, `Enabled`, `CustomUserData`. */
  readonly attributes: Readonly<Record<string, string>>;
}

/** Numbers of SNS (S5). @see Amazon SNS developer guide, quotas */
export const SNS_LIMITS = {
  messageBytesMax: 262_144,
  subjectLengthMax: 100,
  batchMax: 10,
  pageMax: 100,
  subscriptionsPerTopicMax: 100_000,
  subscriptionsPerFifoTopicMax: 100,
  filterKeysMax: 5,
  filterCombinationsMax: 150,
  /** Text of a filter policy. */
  filterBytesMax: 262_144,
  filterPoliciesPerTopicMax: 200,
  attributeNameBytesMax: 256,
  tagsMax: 50,
  policyBytesMax: 30_720,
  /** A subscriber has this long to confirm, or to restore what was ended. */
  tokenMs: 2 * 86_400_000,
  /** Confirmations sent for one subscription, however often it is asked for. */
  confirmationsMax: 10,
  /** Time between two of them. */
  confirmationIntervalMs: 60_000,
  /** Ended subscriptions that can be restored; the oldest make place. */
  endedMax: 10_000,
  /** How often subscriptions whose token has expired are forgotten. */
  sweepMs: 3_600_000,
  /** A deduplication id is remembered this long. */
  deduplicationMs: 300_000,
  /** How often those that are older are forgotten. */
  deduplicationSweepMs: 60_000,
  /** All retries of a webhook together. */
  httpAgeMsMax: 3_600_000,
  smsLengthMax: 1600,
  platformApplicationsMax: 1000,
  platformEndpointsMax: 1_000_000,
  optedOutMax: 100_000,
  /** A number that has stopped text messages is let in again once in this time. */
  optInIntervalMs: 30 * 86_400_000,
  sandboxNumbersMax: 10,
  /** Tries at the one-time password of a number, and how long it is good for. */
  passwordAttemptsMax: 5,
  passwordMs: 86_400_000,
  /** The node's signing certificate, and how long before its end the next one signs. */
  certificateDays: 398,
  certificateRenewalDays: 30,
} as const;
