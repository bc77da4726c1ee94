/** What is stored of topics and subscriptions: plain data. */

/** Registry key: the ARN. */
export interface Topic {
  readonly arn: string;
  readonly name: string;
  readonly region: string;
  /** As SetTopicAttributes spells them. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
}

export type Protocol = 'sqs' | 'lambda' | 'http' | 'https';

/** Registry key: the ARN, which begins with that of its topic. */
export interface Subscription {
  readonly arn: string;
  readonly topicArn: string;
  readonly protocol: Protocol;
  /** ARN or URL. */
  readonly endpoint: string;
  readonly owner: string;
  /** Until it is confirmed: what the endpoint must bring back. */
  readonly token?: string;
  /** As SetSubscriptionAttributes spells them. */
  readonly attributes: Readonly<Record<string, string>>;
}

/** Numbers of SNS (S5). @see Amazon SNS developer guide, quotas */
export const SNS_LIMITS = {
  messageBytesMax: 262_144,
  batchMax: 10,
  pageMax: 100,
  subscriptionsPerTopicMax: 100_000,
  filterKeysMax: 5,
  filterCombinationsMax: 150,
  tagsMax: 50,
} as const;
