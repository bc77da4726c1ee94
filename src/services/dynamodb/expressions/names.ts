import { kept } from './cache.ts';
import { type ConditionNode, parseCondition } from './condition-syntax.ts';
import { Cursor, type ExpressionParameter, type OperandNode, type PathNode } from './syntax.ts';
import { type ClauseNode, parseUpdate, type SetValueNode } from './update-syntax.ts';

/**
 * The attributes that an expression speaks of, what it reads as well as what it writes: names, or `#name` placeholders.
 * @throws DynamodbError `validation-failed`
 */
export const refsIn = kept((text, parameter: Exclude<ExpressionParameter, 'Statement'>): readonly string[] => {
  if (parameter === 'UpdateExpression') return distinct(parseUpdate(text).flatMap(refsOfClause));
  if (parameter !== 'ProjectionExpression') return distinct(refsOfCondition(parseCondition(text, parameter)));
  const cursor = new Cursor(text, parameter, []);
  const paths = cursor.list(() => cursor.path());
  cursor.finish(() => undefined);
  return distinct(paths.map(refOfPath));
});

export function refsOfCondition(node: ConditionNode): readonly string[] {
  if (node.kind === 'not') return refsOfCondition(node.term);
  if ('terms' in node) return node.terms.flatMap(refsOfCondition);
  return (node.kind === 'function' ? node.args : node.operands).flatMap(refsOfOperand);
}

export function refsOfClause(clause: ClauseNode): readonly string[] {
  const read = clause.action === 'SET' ? refsOfValue(clause.value) : [];
  return [refOfPath(clause.path), ...read];
}

/** An attribute is named by the first member of a path. */
export function refOfPath({ parts }: PathNode): string {
  return String(parts[0]);
}

function refsOfValue(value: SetValueNode): readonly string[] {
  if (value.kind === 'arithmetic') return [...refsOfOperand(value.left), ...refsOfOperand(value.right)];
  return refsOfOperand(value);
}

function refsOfOperand(operand: OperandNode): readonly string[] {
  if (operand.kind === 'path') return [refOfPath(operand)];
  return operand.kind === 'function' ? operand.args.flatMap(refsOfOperand) : [];
}

function distinct(refs: readonly string[]): readonly string[] {
  return [...new Set(refs)];
}
