/** gateway/http: functions that are called by plain HTTP requests: function URLs and APIs. */
export { type ApiRoutes, type ApiRoutesOptions, apiRoutes } from './api-routes.ts';
export type { CallingApi, FunctionCaller } from './apis/functions.ts';
export type { ApiGround, ProvenRequest, Signer } from './apis/ground.ts';
export { type CallFacts, INVOKE } from './apis/policies.ts';
export { type BucketRoutesOptions, bucketRoutes, type PostSigner } from './buckets/routes.ts';
export { type FunctionUrlOptions, functionUrlRoutes, type UrlCaller, type UrlSigner } from './function-urls.ts';
export { HTTP_LIMITS } from './limits.ts';
