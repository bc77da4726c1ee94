export type ParameterType = 'String' | 'StringList' | 'SecureString';
export type Tier = 'Standard' | 'Advanced';

/** A policy of a parameter. */
export interface ParameterPolicy {
  readonly type: 'Expiration' | 'ExpirationNotification' | 'NoChangeNotification';
  /** JSON, as it was given. */
  readonly text: string;
}

/** What is known of a version beside its value. */
export interface VersionFacts {
  readonly version: number;
  /** Epoch milliseconds. */
  readonly modifiedAt: number;
  /** ARN of who made it. */
  readonly modifiedBy: string;
  readonly tier: Tier;
  /** `text`, `aws:ec2:image`, `aws:ssm:integration` */
  readonly dataType: string;
  readonly description?: string;
  readonly allowedPattern?: string;
  readonly policies?: readonly ParameterPolicy[];
}

/** A parameter without its values. */
export interface Parameter {
  readonly region: string;
  readonly name: string;
  readonly type: ParameterType;
  /** Of the newest version. */
  readonly latest: VersionFacts;
  /** Number of the oldest version that is kept; all up to the newest are. */
  readonly oldest: number;
  /** Versions by label. */
  readonly labels: Readonly<Record<string, number>>;
  readonly tags: Readonly<Record<string, string>>;
  /** When the parameter is deleted by its own policy, epoch milliseconds. */
  readonly expiresAt?: number;
}

/** A version with its value; sealed on disk. */
export interface ParameterVersion extends VersionFacts {
  readonly value: string;
  /** What is answered in place of a `SecureString`'s value to whoever does not ask for decryption: random, it tells nothing. */
  readonly cipher?: string;
}

/** The key that seals a `SecureString`, in AWS's words: there are no others here. */
export const DEFAULT_KEY_ID = 'alias/aws/ssm';
