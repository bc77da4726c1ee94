/** lambda: functions: code, versions, aliases, invocation. */
export { ASYNC_POLICY } from './asynchronous.ts';
export { type FunctionState, type Lambda, type LambdaOptions, type MoreOperations, openLambda } from './lambda.ts';
export { type FunctionReference, functionArn, parseReference } from './names.ts';
