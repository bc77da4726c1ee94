import { invalidParameter } from './errors.ts';
import {
  type CodePackage,
  type FunctionVersion,
  LAMBDA_LIMITS,
  type LayerUse,
  type LoggingConfig,
  type VpcSettings,
} from './model.ts';

/** Runtimes that the node can run. Others are refused when the function is made, not when it is first called. */
const RUNTIMES = /^(nodejs(18|20|22|24)\.x|python3\.(8|9|1[0-4])|provided\.al2(023)?)$/;

/** Those that can start from a snapshot. */
const SNAPSHOT_RUNTIMES = /^(nodejs|python)/;

/**
 * What AWS has and this node has not, by member: a function that asks for it would not be what its owner believes. (`VpcConfig` and
 * `KMSKeyArn` are kept and have no effect: templates carry them everywhere.)
 */
const REFUSED: Readonly<Record<string, string>> = {
  CapacityProviderConfig:
    'there are no capacity providers here. For more than one invocation at once in an environment set the tag millrace:environment-concurrency',
  CodeSigningConfigArn: 'signatures of code are not checked here',
  DurableConfig: 'durable functions are not built',
  TenancyConfig: 'tenant isolation is not built',
};

/** Names that a function may not set. @see Lambda developer guide, "Defined runtime environment variables" */
const RESERVED = new Set([
  '_HANDLER',
  '_X_AMZN_TRACE_ID',
  'AWS_ACCESS_KEY',
  'AWS_ACCESS_KEY_ID',
  'AWS_DEFAULT_REGION',
  'AWS_EXECUTION_ENV',
  'AWS_LAMBDA_FUNCTION_MEMORY_SIZE',
  'AWS_LAMBDA_FUNCTION_NAME',
  'AWS_LAMBDA_FUNCTION_VERSION',
  'AWS_LAMBDA_INITIALIZATION_TYPE',
  'AWS_LAMBDA_LOG_GROUP_NAME',
  'AWS_LAMBDA_LOG_STREAM_NAME',
  'AWS_LAMBDA_RUNTIME_API',
  'AWS_REGION',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'LAMBDA_RUNTIME_DIR',
  'LAMBDA_TASK_ROOT',
]);

/** The settings of a function version that a caller may give, in CreateFunction or UpdateFunctionConfiguration. */
export interface SettingsInput {
  readonly Description?: string;
  readonly Runtime?: string;
  readonly Handler?: string;
  readonly Role?: string;
  readonly MemorySize?: number;
  readonly Timeout?: number;
  readonly EphemeralStorage?: { readonly Size: number };
  readonly Environment?: { readonly Variables?: Readonly<Record<string, string>> };
  readonly TracingConfig?: { readonly Mode?: 'Active' | 'PassThrough' };
  readonly DeadLetterConfig?: { readonly TargetArn?: string };
  readonly LoggingConfig?: {
    readonly LogFormat?: 'Text' | 'JSON';
    readonly LogGroup?: string;
    readonly ApplicationLogLevel?: string;
    readonly SystemLogLevel?: string;
  };
  readonly Layers?: readonly string[];
  readonly SnapStart?: { readonly ApplyOn?: 'PublishedVersions' | 'None' };
  readonly VpcConfig?: {
    readonly SubnetIds?: readonly string[];
    readonly SecurityGroupIds?: readonly string[];
    readonly Ipv6AllowedForDualStack?: boolean;
  };
  readonly KMSKeyArn?: string;
  readonly FileSystemConfigs?: readonly unknown[];
  readonly [member: string]: unknown;
}

/** Finds the layers that a request names. @throws invalid-parameter */
export type ResolveLayers = (arns: readonly string[]) => readonly LayerUse[];

export type Settings = Pick<
  FunctionVersion,
  | 'description'
  | 'runtime'
  | 'handler'
  | 'role'
  | 'memoryMb'
  | 'timeoutSeconds'
  | 'ephemeralStorageMb'
  | 'environment'
  | 'tracing'
  | 'logging'
  | 'deadLetterArn'
  | 'layers'
  | 'snapStart'
  | 'vpc'
  | 'kmsKeyArn'
>;

/** Settings of a new function called `name`, with AWS's defaults. @throws invalid-parameter */
export function newSettings(name: string, input: SettingsInput, resolveLayers: ResolveLayers): Settings {
  if (!input.Runtime || !input.Handler) {
    throw invalidParameter(
      'Runtime and Handler are mandatory parameters for functions created with deployment packages.',
    );
  }
  return changedSettings(
    {
      description: '',
      runtime: input.Runtime,
      handler: input.Handler,
      role: input.Role ?? '',
      memoryMb: 128,
      timeoutSeconds: 3,
      ephemeralStorageMb: 512,
      environment: {},
      tracing: 'PassThrough',
      logging: { format: 'Text', group: `/aws/lambda/${name}` },
    },
    input,
    resolveLayers,
  );
}

/** `before` with what `input` gives changed; what it leaves out stays. @throws invalid-parameter */
export function changedSettings(before: Settings, input: SettingsInput, resolveLayers: ResolveLayers): Settings {
  checkBuilt(input);
  const runtime = input.Runtime ?? before.runtime;
  checkRuntime(runtime);
  const environment = input.Environment ? (input.Environment.Variables ?? {}) : before.environment;
  checkEnvironment(environment);
  const deadLetterArn = input.DeadLetterConfig ? input.DeadLetterConfig.TargetArn : before.deadLetterArn;
  checkDeadLetter(deadLetterArn);
  const layers = input.Layers ? resolveLayers(input.Layers) : before.layers;
  const snapStart = (input.SnapStart?.ApplyOn ?? before.snapStart) === 'PublishedVersions';
  const ephemeralStorageMb = input.EphemeralStorage?.Size ?? before.ephemeralStorageMb;
  const vpc = changedVpc(before.vpc, input.VpcConfig);
  const kmsKeyArn = input.KMSKeyArn ?? before.kmsKeyArn;
  if (snapStart) checkSnapStart(runtime, ephemeralStorageMb);
  checkMost(input);
  return {
    description: input.Description ?? before.description,
    runtime,
    handler: input.Handler ?? before.handler,
    role: input.Role ?? before.role,
    memoryMb: input.MemorySize ?? before.memoryMb,
    timeoutSeconds: input.Timeout ?? before.timeoutSeconds,
    ephemeralStorageMb,
    environment,
    tracing: input.TracingConfig?.Mode ?? before.tracing,
    logging: changedLogging(before.logging, input.LoggingConfig),
    ...(deadLetterArn ? { deadLetterArn } : {}),
    ...(layers && layers.length > 0 ? { layers } : {}),
    ...(snapStart ? { snapStart: 'PublishedVersions' } : {}),
    ...(vpc && { vpc }),
    ...(kmsKeyArn && { kmsKeyArn }),
  };
}

/** A version with other settings. */
export function withSettings(version: FunctionVersion, settings: Settings): FunctionVersion {
  // What a function has or has not: `settings` says which of them it has now.
  const { deadLetterArn: _d, layers: _l, snapStart: _s, vpc: _v, kmsKeyArn: _k, ...rest } = version;
  return { ...rest, ...settings };
}

/** A package and its layers are unpacked together. @throws invalid-parameter */
export function checkUnzipped(code: CodePackage, layers: readonly LayerUse[] = []): void {
  const size = [code, ...layers.map((layer) => layer.code)].reduce((sum, one) => sum + (one.unzippedBytes ?? 0), 0);
  if (size <= LAMBDA_LIMITS.unzippedBytesMax) return;
  throw invalidParameter(
    `Function code combined with layers exceeds the maximum allowed size of ${LAMBDA_LIMITS.unzippedBytesMax} bytes. The actual size is ${size} bytes.`,
  );
}

function checkBuilt(input: SettingsInput): void {
  for (const [member, why] of Object.entries(REFUSED)) {
    if (input[member] !== undefined && input[member] !== '')
      throw invalidParameter(`${member} is not supported: ${why}.`);
  }
  if (input.FileSystemConfigs && input.FileSystemConfigs.length > 0) {
    throw invalidParameter('FileSystemConfigs is not supported: file systems are not mounted here.');
  }
}

/** AWS's model has higher ones, for functions on instances of their own. */
function checkMost({ MemorySize = 0, Timeout = 0 }: SettingsInput): void {
  const { memoryMbMax, timeoutSecondsMax } = LAMBDA_LIMITS;
  if (MemorySize > memoryMbMax) {
    throw invalidParameter(
      `'MemorySize' value failed to satisfy constraint: Member must have value less than or equal to ${memoryMbMax}`,
    );
  }
  if (Timeout > timeoutSecondsMax) {
    throw invalidParameter(
      `1 validation error detected: Value '${Timeout}' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to ${timeoutSecondsMax}`,
    );
  }
}

/** @see Lambda developer guide, "Improving startup performance with Lambda SnapStart" */
function checkSnapStart(runtime: string, ephemeralStorageMb: number): void {
  if (!SNAPSHOT_RUNTIMES.test(runtime)) {
    throw invalidParameter(`${runtime} is not supported for SnapStart enabled functions.`);
  }
  if (ephemeralStorageMb > 512) {
    throw invalidParameter('SnapStart does not support ephemeral storage greater than 512 MB.');
  }
}

/** One without subnets takes the function out of its network. */
function changedVpc(before: VpcSettings | undefined, input: SettingsInput['VpcConfig']): VpcSettings | undefined {
  if (!input) return before;
  const { SubnetIds: subnetIds = before?.subnetIds ?? [], Ipv6AllowedForDualStack } = input;
  if (subnetIds.length === 0) return undefined;
  return {
    subnetIds,
    securityGroupIds: input.SecurityGroupIds ?? before?.securityGroupIds ?? [],
    allowsIpv6: Ipv6AllowedForDualStack ?? before?.allowsIpv6 ?? false,
  };
}

function changedLogging(before: LoggingConfig, input: SettingsInput['LoggingConfig']): LoggingConfig {
  if (!input) return before;
  const format = input.LogFormat ?? before.format;
  const group = input.LogGroup ?? before.group;
  if (format === 'Text') {
    if (input.ApplicationLogLevel || input.SystemLogLevel) {
      throw invalidParameter('Log level configuration is only supported for log format JSON.');
    }
    return { format, group };
  }
  return {
    format,
    group,
    applicationLevel: input.ApplicationLogLevel ?? before.applicationLevel ?? 'INFO',
    systemLevel: input.SystemLogLevel ?? before.systemLevel ?? 'INFO',
  };
}

function checkRuntime(runtime: string): void {
  if (RUNTIMES.test(runtime)) return;
  throw invalidParameter(
    `The runtime ${runtime} is not supported by this node; it runs nodejs18.x, 20.x, 22.x and 24.x, python3.8 to python3.14, provided.al2 and provided.al2023.`,
  );
}

function checkEnvironment(variables: Readonly<Record<string, string>>): void {
  const reserved = Object.keys(variables).filter((name) => RESERVED.has(name));
  const intro =
    'Lambda was unable to configure your environment variables because the environment variables you have provided';
  if (reserved.length > 0) {
    throw invalidParameter(
      `${intro} contains reserved keys that are currently not supported for modification. Reserved keys used in this request: ${reserved.join(', ')}`,
    );
  }
  const measured = JSON.stringify(variables);
  if (Buffer.byteLength(measured) > LAMBDA_LIMITS.environmentBytesMax) {
    throw invalidParameter(`${intro} exceeded the 4KB limit. String measured: ${measured}`);
  }
}

function checkDeadLetter(arn: string | undefined): void {
  if (!arn || /^arn:aws[a-z-]*:(sqs|sns):/.test(arn)) return;
  throw invalidParameter(`${arn} is neither a queue nor a topic: dead letters go to one of these.`);
}
