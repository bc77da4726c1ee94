import type { FunctionSpec } from '../runtime.ts';
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
  /** File that the process starts from anew, unless it has already. */
  readonly snapshot?: string | undefined;
  /** Where it listens for a debugger; absent where it does not. */
  readonly inspectorPort?: number;
  /** Members of the context object that are the same in all invocations. */
  readonly context: Readonly<Record<string, string>>;
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
