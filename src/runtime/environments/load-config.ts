import type { FunctionSpec } from '../runtime.ts';
import type { Placement } from '../sandbox/sandbox.ts';

/** What a process is told when it becomes the environment of a function: the body of the `load` frame. */
export function loadConfig(
  spec: FunctionSpec,
  logStream: string,
  { taskRoot, layersRoot, cacheDirectory }: Placement,
  variables: Readonly<Record<string, string>>,
) {
  return {
    runtime: spec.runtime,
    variables,
    root: taskRoot,
    layersRoot,
    handler: spec.handler,
    cacheDirectory,
    concurrency: spec.environmentConcurrency,
    context: {
      functionName: spec.name,
      functionVersion: spec.version,
      memoryLimitInMB: String(spec.memoryMb),
      logGroupName: spec.logGroup,
      logStreamName: logStream,
    },
  };
}
