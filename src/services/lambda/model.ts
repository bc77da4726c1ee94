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
  /** In the order of their application; absent where there are none. */
  readonly layers?: readonly LayerUse[];
  /** Published versions start from a snapshot that is taken after init. */
  readonly snapStart?: 'PublishedVersions';
  /** Of a published version whose snapshot is being made or could not be; absent means `Active`. */
  readonly state?: VersionState;
  /** Queue or topic that takes events of asynchronous invocations that were given up. */
  readonly deadLetterArn?: string;
  /** Shown, without effect: there are no subnets here. */
  readonly vpc?: VpcSettings;
  /** Shown, without effect: the disk is its owner's to encrypt. */
  readonly kmsKeyArn?: string;
  /** As AWS writes it: `2026-11-21T08:00:00.000+0000`. */
  readonly lastModified: string;
  readonly revisionId: string;
}

export interface VpcSettings {
  readonly subnetIds: readonly string[];
  readonly securityGroupIds: readonly string[];
  readonly allowsIpv6: boolean;
}

export interface CodePackage {
  /** SHA-256 of the zip, base64. */
  readonly sha256: string;
  /** Size of the zip, bytes. */
  readonly sizeBytes: number;
  /** Size of its files; absent in what was stored before it was counted. */
  readonly unzippedBytes?: number;
}

/** A layer version as a function uses it. The package stays with the function when the layer version is deleted. */
export interface LayerUse {
  readonly arn: string;
  readonly code: CodePackage;
}

export interface VersionState {
  /** `Active` only where there is something to say: its environments start without a snapshot, and why. */
  readonly kind: 'Pending' | 'Failed' | 'Active';
  readonly reason: string;
  /** As AWS spells it: `Creating`, `FunctionError.InitTimedOut`, ... */
  readonly reasonCode: string;
}

/** A layer: what belongs to all its versions. */
export interface LayerRecord {
  readonly region: string;
  readonly name: string;
  /** Number that the next version gets: numbers of deleted ones do not come back. */
  readonly nextVersion: number;
}

export interface LayerVersion {
  readonly region: string;
  readonly name: string;
  readonly version: number;
  readonly description: string;
  readonly code: CodePackage;
  readonly runtimes: readonly string[];
  readonly architectures: readonly string[];
  readonly licenseInfo: string;
  /** As AWS writes it: `2026-11-21T08:00:00.000+0000`. */
  readonly created: string;
  readonly policy?: ResourcePolicy;
}

/** Environments that are kept initialised for a version or an alias. */
export interface ProvisionedConfig {
  readonly region: string;
  readonly functionName: string;
  readonly qualifier: string;
  readonly requested: number;
  readonly lastModified: string;
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
  /** Invoked again and again in one chain of requests it is not stopped; absent stops it. */
  readonly allowsLoops?: true;
  /** How the runtimes of versions are kept up to date, by version; absent means `Auto`. */
  readonly runtimeManagement?: Readonly<Record<string, RuntimeManagement>>;
  /** Resource policies by qualifier; the unqualified function's stands under ''. */
  readonly policies: Readonly<Record<string, ResourcePolicy>>;
}

/** Kept and told; what runs is the runtime of the machine, whatever it says. */
export interface RuntimeManagement {
  readonly updateRuntimeOn: 'Auto' | 'Manual' | 'FunctionUpdate';
  /** Of `Manual`. */
  readonly runtimeVersionArn?: string;
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

/** A URL of a function or an alias, and what may be done with it. */
export interface FunctionUrl {
  /** 32 letters and digits, never used again: the first part of its host. */
  readonly id: string;
  readonly region: string;
  readonly functionName: string;
  /** Alias; absent for the function itself. */
  readonly qualifier?: string;
  readonly authType: 'NONE' | 'AWS_IAM';
  readonly invokeMode: 'BUFFERED' | 'RESPONSE_STREAM';
  readonly cors?: CorsRules;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly modifiedAt: number;
}

/** Which pages of other sites may call a URL, and how. */
export interface CorsRules {
  readonly allowCredentials?: boolean;
  readonly allowHeaders?: readonly string[];
  readonly allowMethods?: readonly string[];
  readonly allowOrigins?: readonly string[];
  readonly exposeHeaders?: readonly string[];
  readonly maxAgeSeconds?: number;
}

/** Numbers of the Lambda API (S5). @see Lambda developer guide, "Lambda quotas" */
export const LAMBDA_LIMITS = {
  requestBytesMax: 6 * 1024 * 1024,
  eventBytesMax: 1024 * 1024,
  environmentBytesMax: 4096,
  /** Of a streamed response. */
  streamBytesMax: 200 * 1024 * 1024,
  /** Of a streamed response that its client has not read yet: the function waits beyond it. */
  streamBufferBytes: 256 * 1024,
  zipBytesMax: 50 * 1024 * 1024,
  zipFromStoreBytesMax: 250 * 1024 * 1024,
  unzippedBytesMax: 262_144_000,
  memoryMbMax: 10_240,
  timeoutSecondsMax: 900,
  /** Files and folders of one package. */
  filesMax: 20_000,
  /** Folders that one file stands in, one inside the other. */
  foldersDeepMax: 64,
  /** Path of a file within its package, UTF-8 bytes. */
  pathBytesMax: 1024,
  layersMax: 5,
  policyBytesMax: 20 * 1024,
  codeBytesTotalMax: 75 * 1024 ** 3,
  /** Concurrency that must stay unreserved. */
  unreservedConcurrencyMin: 100,
  tagsMax: 50,
  /** `millrace:environment-concurrency`. */
  environmentConcurrencyMax: 1_000,
  /** Destinations of `millrace:egress`. */
  egressDestinationsMax: 50,
  /** How long the address of a package that GetFunction gives can be used. */
  packageAddressMs: 600_000,
} as const;
