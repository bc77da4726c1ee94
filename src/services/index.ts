/** services: one folder a service, under the name AWS signs it with; what all of them share is here. */
export { type AccessKey, type Credentials, combineCredentials, isAccount, rootCredentials } from './credentials.ts';
export { type FifoIds, fifoIdsOf } from './fifo-ids.ts';
export { lazyOperations, lazyPermissions } from './lazy-operations.ts';
export { opening } from './opening.ts';
export type {
  Caller,
  CallerSession,
  CallOrigin,
  CallPlace,
  DeviceCaller,
  EntryKey,
  Operation,
  OperationContext,
  Permission,
  PermissionsOf,
  RefusedEntry,
  Service,
  ServiceCaller,
  StreamedBody,
  WireAnswer,
} from './operation.ts';
export { pageOf } from './pages.ts';
export {
  anything,
  both,
  type Conditions,
  each,
  free,
  madeWithTags,
  permission,
  requestTags,
  resourceTags,
  right,
  type Target,
  type TargetOf,
  tagging,
} from './rights.ts';
