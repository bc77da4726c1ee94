/** lambda: functions: code, versions, aliases, invocation. */
export { ASYNC_LIMITS } from './event-fate.ts';
export {
  type EventSourceMappings,
  type MappingDependencies,
  type MappingStatus,
  type MappingView,
  openEventSourceMappings,
  WINDOW_TAG,
} from './event-source-mappings/index.ts';
export type { FunctionUrls } from './function-urls.ts';
export { type FunctionState, type Lambda, type LambdaOptions, type MoreOperations, openLambda } from './lambda.ts';
export { type CorsRules, type FunctionUrl, LAMBDA_LIMITS } from './model.ts';
export { type FunctionReference, functionArn, parseReference } from './names.ts';
export { URL_PATH } from './operations/function-urls.ts';
export type { StreamedResponse } from './response-stream.ts';
export type { RefusalToSend } from './sending.ts';
export type { UsageRow, UsageSink } from './usage.ts';
