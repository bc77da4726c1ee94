/*
 * Which rows a statement is for: what its WHERE says of the key.
 */
import { invalid } from '../errors.ts';
import type { Bindings } from '../expressions/bindings.ts';
import { equalValues, orderOf } from '../expressions/compare.ts';
import type { ComparisonNode, ConditionNode } from '../expressions/condition-syntax.ts';
import type { RangeCondition } from '../expressions/key-condition.ts';
import type { OperandNode } from '../expressions/syntax.ts';
import type { Attributes, AttributeValue } from '../model/attribute-value.ts';
import type { KeyAttribute, KeySchema } from '../model/table.ts';
import type { OrderTerm } from './statement.ts';

/** Conditions that all must hold. */
function conjuncts(node: ConditionNode | undefined): readonly ConditionNode[] {
  if (node === undefined) return [];
  return node.kind === 'and' ? node.terms.flatMap(conjuncts) : [node];
}

/** The attribute that an operand is, when it is one of the item itself. */
function nameOf(operand: OperandNode | undefined, bindings: Bindings): string | undefined {
  if (operand?.kind !== 'path' || operand.parts.length > 1) return undefined;
  return bindings.path(operand, 'Statement')[0] as string;
}

function valueIn(operand: OperandNode | undefined, bindings: Bindings): AttributeValue | undefined {
  return operand?.kind === 'value' ? bindings.value(operand.ref, 'Statement') : undefined;
}

const MIRRORED = { '=': '=', '<>': '<>', '<': '>', '<=': '>=', '>': '<', '>=': '<=' } as const;

/** A comparison of an attribute with values, whichever side it stands on. */
interface KeyComparison {
  readonly name: string;
  readonly op: RangeCondition['op'] | 'in';
  readonly values: readonly AttributeValue[];
}

function comparisonOf(node: ConditionNode, bindings: Bindings): KeyComparison | undefined {
  const found = sidesOf(node);
  if (found === undefined) return undefined;
  const name = nameOf(found.attribute, bindings);
  const values = found.values.map((operand) => valueIn(operand, bindings));
  if (name === undefined || !values.every((value) => value !== undefined)) return undefined;
  return { name, op: found.op, values };
}

interface Sides {
  readonly attribute: OperandNode | undefined;
  readonly op: KeyComparison['op'];
  readonly values: readonly (OperandNode | undefined)[];
}

function sidesOf(node: ConditionNode): Sides | undefined {
  if (node.kind === 'compare') return comparedSides(node);
  if (node.kind === 'in' || node.kind === 'between') {
    const [attribute, ...values] = node.operands;
    return { attribute, op: node.kind, values };
  }
  if (node.kind !== 'function' || node.name !== 'begins_with') return undefined;
  return { attribute: node.args[0], op: 'begins_with', values: [node.args[1]] };
}

function comparedSides({ op, operands }: Extract<ComparisonNode, { kind: 'compare' }>): Sides | undefined {
  const [left, right] = operands;
  const attributeFirst = left!.kind === 'path';
  const towards = attributeFirst ? op : MIRRORED[op];
  if (towards === '<>') return undefined;
  return attributeFirst
    ? { attribute: left, op: towards, values: [right] }
    : { attribute: right, op: towards, values: [left] };
}

/**
 * The key that a WHERE names whole.
 * @throws DynamodbError `validation-failed` when it does not
 */
export function keyOf(where: ConditionNode | undefined, schema: KeySchema, bindings: Bindings): Attributes {
  const equal = equalities(where, bindings);
  const key = attributesOf(schema).map(({ name }) => [name, equal.get(name)] as const);
  if (key.some(([, value]) => value === undefined))
    throw invalid('Where clause does not contain a mandatory equality on all key attributes');
  return Object.fromEntries(key as [string, AttributeValue][]);
}

/** Whether a WHERE names a key whole and asks nothing else. */
export function isOnlyKey(where: ConditionNode | undefined, schema: KeySchema, bindings: Bindings): boolean {
  const names = attributesOf(schema).map(({ name }) => name);
  const equal = equalities(where, bindings);
  return conjuncts(where).length === names.length && names.every((name) => equal.has(name));
}

function equalities(where: ConditionNode | undefined, bindings: Bindings): ReadonlyMap<string, AttributeValue> {
  const found = conjuncts(where).flatMap((node) => {
    const comparison = comparisonOf(node, bindings);
    return comparison?.op === '=' ? [[comparison.name, comparison.values[0]!] as const] : [];
  });
  return new Map(found);
}

function attributesOf({ hash, range }: KeySchema): readonly KeyAttribute[] {
  return range ? [hash, range] : [hash];
}

/** What a SELECT reads: rows of each of `hashes`, or all. */
export interface ReadPlan {
  /** Absent: all rows are looked at. */
  readonly hashes?: readonly AttributeValue[];
  readonly range?: RangeCondition;
  readonly reverse: boolean;
}

/** @throws DynamodbError `validation-failed`: an order that cannot be had, a value of another type than the key's */
export function planOf(
  where: ConditionNode | undefined,
  order: readonly OrderTerm[],
  key: KeySchema,
  bindings: Bindings,
): ReadPlan {
  const hashes = hashesOf(where, key.hash.name, bindings);
  for (const value of hashes ?? []) checkType(value, key.hash);
  const directions = orderBy(order, key, hashes !== undefined, bindings);
  const reverse = directions.get(key.range?.name) ?? false;
  if (hashes === undefined) return { reverse };
  const range = key.range && rangeOn(where, key.range, bindings);
  return {
    hashes: inOrder(distinct(hashes), directions.get(key.hash.name)),
    ...(range && { range }),
    reverse,
  };
}

function checkType(value: AttributeValue, { type }: KeyAttribute): void {
  if (type in value) return;
  throw invalid('One or more parameter values were invalid: Condition parameter type does not match schema type');
}

/** Values of the partition key without which the condition cannot hold; `undefined` when it can with any. */
function hashesOf(
  node: ConditionNode | undefined,
  name: string,
  bindings: Bindings,
): readonly AttributeValue[] | undefined {
  if (node?.kind === 'or') {
    const all = node.terms.map((term) => hashesOf(term, name, bindings));
    return all.every((hashes) => hashes !== undefined) ? all.flat() : undefined;
  }
  for (const term of conjuncts(node)) {
    const hashes = term.kind === 'or' ? hashesOf(term, name, bindings) : namedHashes(term, name, bindings);
    if (hashes !== undefined) return hashes;
  }
  return undefined;
}

function namedHashes(node: ConditionNode, name: string, bindings: Bindings): readonly AttributeValue[] | undefined {
  const comparison = comparisonOf(node, bindings);
  if (comparison?.name !== name || (comparison.op !== '=' && comparison.op !== 'in')) return undefined;
  return comparison.values;
}

function distinct(values: readonly AttributeValue[]): AttributeValue[] {
  return values.filter((value, at) => values.findIndex((other) => equalValues(value, other)) === at);
}

function inOrder(values: AttributeValue[], descending: boolean | undefined): readonly AttributeValue[] {
  if (descending === undefined) return values;
  return values.sort((a, b) => (descending ? orderOf(b, a)! : orderOf(a, b)!));
}

/** The narrowest of what is asked of the sort key is left to the filter: any one narrows the read. */
function rangeOn(
  where: ConditionNode | undefined,
  attribute: KeyAttribute,
  bindings: Bindings,
): RangeCondition | undefined {
  for (const node of conjuncts(where)) {
    const comparison = comparisonOf(node, bindings);
    if (comparison?.name !== attribute.name || comparison.op === 'in') continue;
    for (const value of comparison.values) checkType(value, attribute);
    return { op: comparison.op, values: comparison.values };
  }
  return undefined;
}

/** Whether rows go down, by the names of key attributes. */
function orderBy(
  order: readonly OrderTerm[],
  key: KeySchema,
  isKeyed: boolean,
  bindings: Bindings,
): ReadonlyMap<string | undefined, boolean> {
  const directions = new Map<string | undefined, boolean>();
  for (const { path, descending } of order) {
    if (!isKeyed)
      throw invalid(
        'Must have at least one non-optional hash key condition in WHERE clause when using ORDER BY clause.',
      );
    const name = nameOf(path, bindings);
    if (name === undefined || !attributesOf(key).some((attribute) => attribute.name === name)) {
      const shown = bindings.path(path, 'Statement').join('.');
      throw invalid(`Variable reference ${shown} in ORDER BY clause must be part of the primary key`);
    }
    directions.set(name, descending);
  }
  return directions;
}
