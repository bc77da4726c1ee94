/** runtime: execution environments: sandbox, life cycle, pool, scaling, metering. */
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
