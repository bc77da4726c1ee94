import { formatXRay } from '../../telemetry/index.ts';
import { RUNTIME_LIMITS } from '../limits.ts';
import type { FunctionSpec, Invocation } from '../runtime.ts';
import type { Placement } from '../sandbox/sandbox.ts';

/** What a process is told to become the environment of a function: the `load` frame. */
export interface LoadConfig {
  readonly runtime: string;
  readonly variables: Readonly<Record<string, string>>;
  /** Folder of the code, as the function sees it. */
  readonly root: string;
  readonly layersRoot: string;
  readonly handler: string;
  readonly cacheDirectory: string;
  /** Invocations that run at once. */
  readonly concurrency: number;
  /**
   * Its event loop turns on after an answer, until it is frozen: X-Ray's SDK sends the last segment of an invocation only then.
   * Absent lets it stand still.
   */
  readonly attends?: boolean;
  /** File that the process starts from anew, unless it has already. */
  readonly snapshot?: string | undefined;
  /** Where it listens for a debugger; absent where it does not. */
  readonly inspectorPort?: number;
  /** Members of the context object that are the same in all invocations. */
  readonly context: Readonly<Record<string, string>>;
  /** The invocation that waits for it: begun at once by a process that has loaded the handler without waiting for anything. */
  readonly first?: FirstInvocation | undefined;
}

/** As the `invoke` frame would say it, but for its time, which begins when init is over. */
export interface FirstInvocation {
  readonly requestId: string;
  readonly traceHeader: string;
  readonly invokedFunctionArn: string;
  readonly clientContext: string;
  readonly payload: string;
  readonly timeoutMs: number;
}

/** Nothing where the payload is so large that a frame of its own is no loss. */
export function firstInvocation(
  { arn, timeoutMs }: FunctionSpec,
  { requestId, trace, invokedArn = arn, clientContext = '', payload }: Invocation,
): FirstInvocation | undefined {
  if (payload.length > RUNTIME_LIMITS.firstPayloadBytesMax) return undefined;
  const text = Buffer.from(payload.buffer, payload.byteOffset, payload.length).toString('utf8');
  const traceHeader = formatXRay(trace);
  return { requestId, traceHeader, invokedFunctionArn: invokedArn, clientContext, payload: text, timeoutMs };
}

export function loadConfig(
  spec: FunctionSpec,
  { taskRoot, layersRoot, cacheDirectory }: Placement,
  variables: Readonly<Record<string, string>>,
  logStream: string,
  snapshot?: string,
): LoadConfig {
  return {
    runtime: spec.runtime,
    variables,
    root: taskRoot,
    layersRoot,
    handler: spec.handler,
    cacheDirectory,
    concurrency: spec.environmentConcurrency,
    snapshot,
    ...(spec.traced === true && { attends: true }),
    ...(spec.inspectorPort !== undefined && { inspectorPort: spec.inspectorPort }),
    context: {
      functionName: spec.name,
      functionVersion: spec.version,
      memoryLimitInMB: String(spec.memoryMb),
      logGroupName: spec.logGroup,
      logStreamName: logStream,
    },
  };
}
