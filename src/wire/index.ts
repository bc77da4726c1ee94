/** wire: the AWS front door on one port: route -> decode -> authenticate -> authorize -> operation -> encode. */
export { AuthenticationFailure, Authenticator } from './authenticate.ts';
export { BodyReader } from './body.ts';
export { bucketOf } from './buckets.ts';
export type { CallRequest, CallResponse } from './call.ts';
export { traceOf } from './context.ts';
export type { Asked, Audit, Authorization, Authorize } from './dispatch.ts';
export { Gathered } from './gathered.ts';
export {
  authorityOf,
  type ClaimedHead,
  type DeviceDoor,
  type ExtraRoute,
  type HttpRequest,
  type HttpResponse,
  hostName,
  refuseUpgrade,
  type UpgradeRoute,
} from './http.ts';
export { WIRE_LIMITS } from './limits.ts';
export { foreignTo, isLoopback, isLoopbackPeer } from './loopback.ts';
export { originOf, sourceIpOf } from './origin.ts';
export { Room } from './send.ts';
export {
  createWireServer,
  type ListenErrorCode,
  type WireAddress,
  type WireOptions,
  type WireServer,
} from './server.ts';
