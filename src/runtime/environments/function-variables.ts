import type { FunctionSpec } from '../runtime.ts';
import type { Placement } from '../sandbox/sandbox.ts';
import type { Launch } from '../starts/launch.ts';
import { PROCESS_VARIABLES } from '../starts/process-variables.ts';

/** Credentials that a function's SDKs sign with. */
export interface FunctionCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  /** Epoch milliseconds; absent for those that do not end. */
  readonly expiresAt?: number;
}

/** Variables that only a new process can take: a function that sets one of these is not served by a blank environment. */
const START_ONLY = /^(NODE_OPTIONS|NODE_EXTRA_CA_CERTS|NODE_ICU_DATA|PYTHON|UV_|LD_)/;

/** The part of the function's variables that must be there when its process starts. */
export function startVariables(spec: FunctionSpec): Readonly<Record<string, string>> | undefined {
  const entries = Object.entries(spec.environment).filter(([name]) => START_ONLY.test(name));
  return entries.length > 0 ? Object.fromEntries(entries) : undefined;
}

/** `AWS_LAMBDA_INITIALIZATION_TYPE`. */
export type InitializationType = 'on-demand' | 'provisioned-concurrency' | 'snap-start';

/**
 * Variables of an environment as Lambda defines them, and the function's own. Reserved names were refused when the function
 * was made, so that the order here decides nothing but TZ, LANG and the like, which a function may set.
 *
 * @see Lambda developer guide, "Defined runtime environment variables"
 */
export function functionVariables(
  spec: FunctionSpec,
  logStream: string,
  endpoint: string,
  { accessKeyId, secretAccessKey, sessionToken }: FunctionCredentials,
  { taskRoot, layersRoot, modules }: Placement & Pick<Launch, 'modules'>,
  initializationType: InitializationType = 'on-demand',
): Readonly<Record<string, string>> {
  const region = spec.arn.split(':')[3]!;
  const defaults = {
    LANG: 'en_US.UTF-8',
    TZ: 'UTC',
    PATH: `${PROCESS_VARIABLES.PATH}:${layersRoot}/bin`,
    LD_LIBRARY_PATH: `${taskRoot}:${taskRoot}/lib:${layersRoot}/lib`,
    ...nodePath(spec, taskRoot, layersRoot, modules),
    AWS_EXECUTION_ENV: `AWS_Lambda_${spec.runtime}`,
    AWS_XRAY_CONTEXT_MISSING: 'LOG_ERROR',
    AWS_ENDPOINT_URL: endpoint,
  };
  const reserved = {
    _HANDLER: spec.handler,
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_SESSION_TOKEN: sessionToken,
    AWS_LAMBDA_FUNCTION_NAME: spec.name,
    AWS_LAMBDA_FUNCTION_VERSION: spec.version,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(spec.memoryMb),
    AWS_LAMBDA_LOG_GROUP_NAME: spec.logGroup,
    AWS_LAMBDA_LOG_STREAM_NAME: logStream,
    AWS_LAMBDA_INITIALIZATION_TYPE: initializationType,
    ...(spec.environmentConcurrency > 1 ? { AWS_LAMBDA_MAX_CONCURRENCY: String(spec.environmentConcurrency) } : {}),
    LAMBDA_TASK_ROOT: taskRoot,
    LAMBDA_RUNTIME_DIR: '/var/runtime',
  };
  // The function's own stand behind those that all have: blank environments have rehearsed these in this order (`preload.js`).
  return { ...defaults, ...reserved, ...spec.environment, ...reserved };
}

/** Where `require` looks beside the function's own packages: the layers, what the runtime brings, and the code itself, as on Lambda. */
function nodePath(
  { runtime }: FunctionSpec,
  taskRoot: string,
  layersRoot: string,
  modules?: string,
): Record<string, string> {
  const major = /^nodejs(\d+)/.exec(runtime)?.[1];
  if (!major) return {};
  const layers = [`${layersRoot}/nodejs/node${major}/node_modules`, `${layersRoot}/nodejs/node_modules`];
  return { NODE_PATH: [...layers, ...(modules === undefined ? [] : [modules]), taskRoot].join(':') };
}
