export const CURRENT = 'AWSCURRENT';
export const PREVIOUS = 'AWSPREVIOUS';
export const PENDING = 'AWSPENDING';

/** A version without its value. Times are epoch milliseconds. */
export interface VersionFacts {
  readonly createdAt: number;
  /** Staging labels; none: it may be forgotten. */
  readonly stages: readonly string[];
  readonly accessedAt?: number;
  /** A rotation has made it, and has not filled it yet. */
  readonly empty?: true;
}

export type Versions = Readonly<Record<string, VersionFacts>>;

/** When a secret is rotated. */
export interface RotationRules {
  readonly AutomaticallyAfterDays?: number;
  readonly Duration?: string;
  readonly ScheduleExpression?: string;
}

export const STEPS = ['createSecret', 'setSecret', 'testSecret', 'finishSecret'] as const;

/** A rotation that has begun and not ended. */
export interface Rotating {
  readonly versionId: string;
  /** Index of the step that is next. */
  readonly step: number;
  /** How often it has failed. */
  readonly failures: number;
  /** When it is tried (again). */
  readonly dueAt: number;
  /** Only `testSecret` is called, and the version goes again: the function is tried before it is needed. */
  readonly isTrial?: true;
}

/** A secret without its values. Times are epoch milliseconds. */
export interface Secret {
  readonly region: string;
  readonly name: string;
  /** Six characters behind the name in the ARN: a secret that is made anew is another one. */
  readonly suffix: string;
  readonly description?: string;
  readonly kmsKeyId?: string;
  readonly type?: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly policy?: string;
  readonly createdAt: number;
  readonly changedAt: number;
  /** Midnight of the day. */
  readonly accessedAt?: number;
  readonly versions: Versions;
  /** Asked to be deleted then, and gone at `deleteAt`. */
  readonly deletedAt?: number;
  readonly deleteAt?: number;
  readonly rotationEnabled?: boolean;
  readonly rotationFunction?: string;
  readonly rotationRules?: RotationRules;
  readonly rotatedAt?: number;
  readonly nextRotationAt?: number;
  readonly rotating?: Rotating;
}

/** A secret's value, one of both; sealed on disk. */
export interface SecretValue {
  readonly string?: string;
  /** Base64. */
  readonly binary?: string;
}
