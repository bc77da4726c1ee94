import { invalid, RequestRefusal } from '../errors.ts';
import type { Attributes } from '../model/attribute-value.ts';
import { Bindings } from './bindings.ts';
import { type BoundCondition, compileCondition } from './condition.ts';
import { type BoundKeyCondition, compileKeyCondition } from './key-condition.ts';
import {
  type LegacyCondition,
  type LegacyExpectation,
  type LegacyUpdate,
  legacyCondition,
  legacyExpectations,
  legacyKeyConditions,
  legacyProjection,
  legacyUpdate,
} from './legacy.ts';
import { type BoundProjection, compileProjection } from './projection.ts';
import type { ExpressionParameter } from './syntax.ts';
import { type BoundUpdate, compileUpdate } from './update.ts';

/** The parameters of a request that say what is read, written and asked of items. */
export interface ExpressionRequest {
  readonly ConditionExpression?: string | undefined;
  readonly FilterExpression?: string | undefined;
  readonly KeyConditionExpression?: string | undefined;
  readonly ProjectionExpression?: string | undefined;
  readonly UpdateExpression?: string | undefined;
  readonly ExpressionAttributeNames?: Readonly<Record<string, string>> | undefined;
  readonly ExpressionAttributeValues?: Attributes | undefined;
  readonly AttributesToGet?: readonly string[] | undefined;
  readonly AttributeUpdates?: Readonly<Record<string, LegacyUpdate>> | undefined;
  readonly ConditionalOperator?: string | undefined;
  readonly Expected?: Readonly<Record<string, LegacyExpectation>> | undefined;
  readonly KeyConditions?: Readonly<Record<string, LegacyCondition>> | undefined;
  readonly QueryFilter?: Readonly<Record<string, LegacyCondition>> | undefined;
  readonly ScanFilter?: Readonly<Record<string, LegacyCondition>> | undefined;
}

type RequestParameter = Exclude<ExpressionParameter, 'Statement'>;

type LegacyParameter =
  | 'AttributesToGet'
  | 'AttributeUpdates'
  | 'ConditionalOperator'
  | 'Expected'
  | 'KeyConditions'
  | 'QueryFilter'
  | 'ScanFilter';

/** Which of them an operation has, in the order in which AWS names them. */
export interface AllowedParameters {
  readonly expressions: readonly RequestParameter[];
  readonly legacy?: readonly LegacyParameter[];
  /** Parts of transactions may bring names and values without an expression: nobody looks at them. */
  readonly inTransaction?: true;
}

/** What a request asks for, whichever parameters it said it with. */
export interface Expressions {
  readonly condition?: BoundCondition;
  readonly filter?: BoundCondition;
  readonly keyCondition?: BoundKeyCondition;
  readonly projection?: BoundProjection;
  readonly update?: BoundUpdate;
}

/**
 * Reads all expressions of a request, or the legacy parameters in their place.
 * @throws DynamodbError `validation-failed`, as AWS words it and in its order
 */
export function readExpressions(request: ExpressionRequest, allowed: AllowedParameters): Expressions {
  if (allowed.inTransaction && allowed.expressions.every((name) => request[name] === undefined)) return {};
  checkMixed(request, allowed);
  const legacy = readLegacy(request);
  const bindings = Bindings.read(request.ExpressionAttributeNames, request.ExpressionAttributeValues);
  const update = compiled(request, 'UpdateExpression', compileUpdate)?.bind(bindings) ?? legacy.update;
  const condition = compiled(request, 'ConditionExpression', compileCondition)?.bind(bindings) ?? legacy.condition;
  const keyCondition =
    compiled(request, 'KeyConditionExpression', compileKeyCondition)?.bind(bindings) ?? legacy.keyCondition;
  const filter = compiled(request, 'FilterExpression', compileCondition)?.bind(bindings) ?? legacy.filter;
  const projection = compiled(request, 'ProjectionExpression', compileProjection)?.bind(bindings) ?? legacy.projection;
  bindings.checkAllUsed();
  return {
    ...(update && { update }),
    ...(condition && { condition }),
    ...(keyCondition && { keyCondition }),
    ...(filter && { filter }),
    ...(projection && { projection }),
  };
}

function compiled<Parameter extends RequestParameter, Compiled>(
  request: ExpressionRequest,
  parameter: Parameter,
  compile: (text: string, parameter: Parameter) => Compiled,
): Compiled | undefined {
  const text = request[parameter];
  return text === undefined ? undefined : compile(text, parameter);
}

function checkMixed(request: ExpressionRequest, { expressions, legacy = [] }: AllowedParameters): void {
  const given = expressions.filter((name) => request[name] !== undefined);
  const others = legacy.filter((name) => request[name] !== undefined && !isKeyOfExpressions(name, request));
  if (given.length > 0 && others.length > 0)
    throw invalid(
      `Can not use both expression and non-expression parameters in the same request: ` +
        `Non-expression parameters: {${others.join(', ')}} Expression parameters: {${given.join(', ')}}`,
    );
  if (request.ExpressionAttributeNames !== undefined && given.length === 0)
    throw invalid('ExpressionAttributeNames can only be specified when using expressions');
  const withValues = expressions.filter((name) => name !== 'ProjectionExpression');
  if (request.ExpressionAttributeValues === undefined || withValues.some((name) => request[name] !== undefined)) return;
  if (withValues.length === 0) return;
  const newer = 'ExpressionAttributeValues can only be specified when using expressions';
  throw new RequestRefusal(`${newer}: ${withValues.join(' and ')} ${withValues.length > 1 ? 'are' : 'is'} null`, newer);
}

/** `KeyConditions` go with a filter and a projection that are expressions. */
function isKeyOfExpressions(name: LegacyParameter, request: ExpressionRequest): boolean {
  return name === 'KeyConditions' && request.KeyConditionExpression === undefined;
}

function readLegacy(request: ExpressionRequest): Expressions {
  const { ConditionalOperator: operator, Expected, QueryFilter, ScanFilter, KeyConditions } = request;
  const filter = QueryFilter ?? ScanFilter;
  if (operator !== undefined && !Expected && !filter)
    throw invalid('ConditionalOperator cannot be used without Filter or Expected');
  return {
    ...(request.AttributesToGet && { projection: legacyProjection(request.AttributesToGet) }),
    ...(request.AttributeUpdates && { update: legacyUpdate(request.AttributeUpdates) }),
    ...(Expected && { condition: legacyExpectations(Expected, operator) }),
    ...(filter && { filter: legacyCondition(filter, operator) }),
    ...(KeyConditions && { keyCondition: legacyKeyConditions(KeyConditions) }),
  };
}
