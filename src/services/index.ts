/** services: one folder a service, under the name AWS signs it with. Each folder has a door of its own. */
export type { Caller, Operation, OperationContext, Service, WireAnswer } from './operation.ts';
