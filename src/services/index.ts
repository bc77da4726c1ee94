/** services: one folder a service, under the name AWS signs it with; what all of them share is here. */
export { type AccessKey, type Credentials, combineCredentials, rootCredentials } from './credentials.ts';
export { type FifoIds, fifoIdsOf } from './fifo-ids.ts';
export type {
  Caller,
  CallPlace,
  DeviceCaller,
  Operation,
  OperationContext,
  Permission,
  PermissionsOf,
  Service,
  WireAnswer,
} from './operation.ts';
