/** gateway/http: functions that are called by plain HTTP requests: function URLs. */
export { type FunctionUrlOptions, functionUrlRoutes, type UrlCaller } from './function-urls.ts';
export { HTTP_LIMITS } from './limits.ts';
