/** runtime: execution environments: sandbox, life cycle, pool, scaling, metering. */
export type { FunctionCredentials } from './environments/function-variables.ts';
export { InspectableRuntime } from './inspection/inspectable-runtime.ts';
export { RUNTIME_LIMITS } from './limits.ts';
export type { Machine, Memory } from './machine/machine.ts';
export type { ManagedRuntime, NodeDoor, RuntimeOptions } from './managed-runtime.ts';
export { openRuntime } from './open.ts';
export type {
  FunctionLogSink,
  FunctionSpec,
  Invocation,
  InvocationAnswer,
  InvocationResult,
  Metering,
  PoolState,
  ProvisionedState,
  Provisioning,
  ResponseStream,
  Runtime,
  RuntimeErrorCode,
  Slot,
  SnapshotOutcome,
  ThrottleCause,
  Wait,
} from './runtime.ts';
export {
  type OpenedSandbox,
  openSandbox,
  type SandboxOptions,
  type SandboxSurvey,
  surveySandbox,
} from './sandbox/open.ts';
export type {
  Door,
  Egress,
  Exit,
  Placement,
  Sandbox,
  SandboxEngine,
  SandboxErrorCode,
  SandboxProcess,
  SandboxRequest,
  Tenant,
} from './sandbox/sandbox.ts';
export type { Wall } from './sandbox/survey.ts';
