/** What is stored of functions: plain data. Registries hold it under `region/name` and what follows. */

/** One version of a function, `$LATEST` included: everything that decides what runs. */
export interface FunctionVersion {
  readonly region: string;
  readonly name: string;
  /** `$LATEST`, or a number from 1 on. */
  readonly version: string;
  readonly description: string;
  readonly runtime: string;
  readonly handler: string;
  readonly role: string;
  readonly memoryMb: number;
  readonly timeoutSeconds: number;
  readonly ephemeralStorageMb: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly code: CodePackage;
  readonly architectures: readonly string[];
  readonly tracing: 'Active' | 'PassThrough';
  readonly logging: LoggingConfig;
  /** Queue or topic that takes events of asynchronous invocations that were given up. */
  readonly deadLetterArn?: string;
  /** As AWS writes it: `2026-11-21T08:00:00.000+0000`. */
  readonly lastModified: string;
  readonly revisionId: string;
}

export interface CodePackage {
  /** SHA-256 of the zip, base64. */
  readonly sha256: string;
  /** Size of the zip, bytes. */
  readonly sizeBytes: number;
}

export interface LoggingConfig {
  readonly format: 'Text' | 'JSON';
  readonly group: string;
  readonly applicationLevel?: string;
  readonly systemLevel?: string;
}

/** A function: its `$LATEST`, and what belongs to all its versions. */
export interface FunctionRecord {
  readonly latest: FunctionVersion;
  /** Number that the next published version gets. */
  readonly nextVersion: number;
  readonly tags: Readonly<Record<string, string>>;
  readonly reservedConcurrency?: number;
  /** Resource policies by qualifier; the unqualified function's stands under ''. */
  readonly policies: Readonly<Record<string, ResourcePolicy>>;
}

export interface ResourcePolicy {
  readonly revisionId: string;
  readonly statements: readonly PolicyStatement[];
}

export interface PolicyStatement {
  readonly Sid: string;
  readonly Effect: 'Allow';
  readonly Principal: unknown;
  readonly Action: string;
  readonly Resource: string;
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export interface Alias {
  readonly region: string;
  readonly functionName: string;
  readonly name: string;
  readonly version: string;
  readonly description: string;
  /** Shares of other versions, 0 to 1 each; the alias's own version gets the rest. */
  readonly weights: Readonly<Record<string, number>>;
  readonly revisionId: string;
}

/** What becomes of asynchronous invocations of one function version or alias. */
export interface EventInvokeConfig {
  readonly region: string;
  readonly functionName: string;
  readonly qualifier: string;
  /** 0 to 2. */
  readonly retriesMax?: number;
  /** 60 to 21,600. */
  readonly ageSecondsMax?: number;
  readonly onSuccess?: string;
  readonly onFailure?: string;
  /** Epoch milliseconds. */
  readonly lastModified: number;
}

/** Numbers of the Lambda API (S5). @see Lambda developer guide, "Lambda quotas" */
export const LAMBDA_LIMITS = {
  requestBytesMax: 6 * 1024 * 1024,
  eventBytesMax: 1024 * 1024,
  environmentBytesMax: 4096,
  zipBytesMax: 50 * 1024 * 1024,
  zipFromStoreBytesMax: 250 * 1024 * 1024,
  unzippedBytesMax: 262_144_000,
  filesMax: 20_000,
  policyBytesMax: 20 * 1024,
  codeBytesTotalMax: 75 * 1024 ** 3,
  /** Concurrency that must stay unreserved. */
  unreservedConcurrencyMin: 100,
  tagsMax: 50,
} as const;
