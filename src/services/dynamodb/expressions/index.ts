/** The expression language of DynamoDB, and the legacy parameters in its place. */
export { Bindings, type DocumentPath } from './bindings.ts';
export { equalAttributes, equalValues, orderOf } from './compare.ts';
export { type BoundCondition, type CompiledCondition, compileCondition } from './condition.ts';
export {
  type BoundKeyCondition,
  type CompiledKeyCondition,
  compileKeyCondition,
  type KeyCondition,
  type RangeCondition,
} from './key-condition.ts';
export type { LegacyCondition, LegacyExpectation, LegacyUpdate } from './legacy.ts';
export { EXPRESSION_LIMITS } from './limits.ts';
export { type AllowedParameters, type ExpressionRequest, type Expressions, readExpressions } from './parameters.ts';
export { checkKeyPaths } from './paths.ts';
export { type BoundProjection, type CompiledProjection, compileProjection } from './projection.ts';
export { type BoundUpdate, type CompiledUpdate, compileUpdate, tooLarge, type Updated } from './update.ts';
