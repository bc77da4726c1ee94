/** runtime: execution environments: sandbox, life cycle, pool, scaling, metering. */
export type { FunctionCredentials } from './function-variables.ts';
export { RUNTIME_LIMITS } from './limits.ts';
export type { ManagedRuntime, RuntimeOptions } from './managed-runtime.ts';
export { openRuntime } from './open.ts';
export { ProcessSandbox } from './process-sandbox.ts';
export type {
  FunctionLogSink,
  FunctionSpec,
  Invocation,
  InvocationResult,
  Metering,
  PoolState,
  Runtime,
  RuntimeErrorCode,
  Slot,
} from './runtime.ts';
export type { Exit, Sandbox, SandboxProcess, SandboxRequest } from './sandbox.ts';
