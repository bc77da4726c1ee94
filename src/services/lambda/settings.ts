import { invalidParameter } from './errors.ts';
import { type FunctionVersion, LAMBDA_LIMITS, type LoggingConfig } from './model.ts';

/** Runtimes that the node can run. Others are refused when the function is made, not when it is first called. */
const RUNTIMES = /^(nodejs(18|20|22|24)\.x|python3\.(8|9|1[0-4])|provided\.al2(023)?)$/;

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
}

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
>;

/** Settings of a new function called `name`, with AWS's defaults. @throws invalid-parameter */
export function newSettings(name: string, input: SettingsInput): Settings {
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
  );
}

/** `before` with what `input` gives changed; what it leaves out stays. @throws invalid-parameter */
export function changedSettings(before: Settings, input: SettingsInput): Settings {
  if (input.Layers && input.Layers.length > 0) throw invalidParameter('Layers are not supported by this node yet.');
  const runtime = input.Runtime ?? before.runtime;
  checkRuntime(runtime);
  const environment = input.Environment ? (input.Environment.Variables ?? {}) : before.environment;
  checkEnvironment(environment);
  const deadLetterArn = input.DeadLetterConfig ? input.DeadLetterConfig.TargetArn : before.deadLetterArn;
  checkDeadLetter(deadLetterArn);
  return {
    description: input.Description ?? before.description,
    runtime,
    handler: input.Handler ?? before.handler,
    role: input.Role ?? before.role,
    memoryMb: input.MemorySize ?? before.memoryMb,
    timeoutSeconds: input.Timeout ?? before.timeoutSeconds,
    ephemeralStorageMb: input.EphemeralStorage?.Size ?? before.ephemeralStorageMb,
    environment,
    tracing: input.TracingConfig?.Mode ?? before.tracing,
    logging: changedLogging(before.logging, input.LoggingConfig),
    ...(deadLetterArn ? { deadLetterArn } : {}),
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
