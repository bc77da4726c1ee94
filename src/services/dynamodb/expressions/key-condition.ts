import { invalid } from '../errors.ts';
import type { AttributeValue } from '../model/attribute-value.ts';
import { hashAttributes, type KeyAttribute, type KeySchema, keyAttributes, rangeAttributes } from '../model/table.ts';
import type { Bindings } from './bindings.ts';
import { kept } from './cache.ts';
import { compileNode } from './condition.ts';
import { type ComparisonNode, type ConditionNode, parseCondition } from './condition-syntax.ts';
import { type PathNode, refused, type ValueNode } from './syntax.ts';

/** What is asked of a sort key: `between` has two values, the others one. */
export interface RangeCondition {
  readonly op: '=' | '<' | '<=' | '>' | '>=' | 'between' | 'begins_with';
  readonly values: readonly AttributeValue[];
}

/** Which items of a table or index a query is for. */
export interface KeyCondition {
  readonly hash: AttributeValue;
  /** Of the other attributes of the partition key, where it has several. */
  readonly moreHash?: readonly AttributeValue[];
  /** What the first attributes of the sort key are, where it has several and {@link range} is of one behind them. */
  readonly equal?: readonly AttributeValue[];
  readonly range?: RangeCondition;
}

/** A key condition with the names and values of a request. */
export interface BoundKeyCondition {
  /** @throws DynamodbError `validation-failed`: it is none for this key */
  bind(key: KeySchema): KeyCondition;
}

/** A key condition, whatever names and values come with it. */
export interface CompiledKeyCondition {
  /** @throws DynamodbError `validation-failed`: names or values that are not there, what no key condition may have */
  bind(bindings: Bindings): BoundKeyCondition;
}

const PARAMETER = 'KeyConditionExpression';

/**
 * Compiles a key condition, or finds what was made of its text before.
 * @throws DynamodbError `validation-failed`, as AWS words it
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.KeyConditionExpressions.html
 */
export const compileKeyCondition = kept((text, _parameter: typeof PARAMETER): CompiledKeyCondition => {
  const node = parseCondition(text, PARAMETER);
  const checked = compileNode(node, PARAMETER);
  return {
    bind: (bindings) => {
      checked.bind(bindings);
      const conditions = conditionsOf(node, bindings);
      return {
        bind: (key) => {
          checkCount(conditions.size, keyAttributes(key).length);
          return forKey(conditions, key);
        },
      };
    },
  };
});

/** AWS says of an expression with too many conditions another thing than of `KeyConditions`. */
function checkCount(conditions: number, attributes: number): void {
  if (conditions <= Math.max(attributes, SIMPLE_MAX)) return;
  throw invalid(
    `The number of query conditions (${conditions}) exceeds the number of key attributes defined in the schema (${attributes})`,
  );
}

/** Conditions by the attribute they are for. */
export type KeyConditions = ReadonlyMap<string, RangeCondition>;

export function keyConditionOf(conditions: KeyConditions): BoundKeyCondition {
  return { bind: (key) => forKey(conditions, key) };
}

/** Conditions of a key whose partition key and sort key have one attribute each. */
const SIMPLE_MAX = 2;

/** Each attribute of the partition key is named, and those of the sort key from the first one on: only the last of them by a range. */
function forKey(conditions: KeyConditions, key: KeySchema): KeyCondition {
  const partition = hashAttributes(key);
  const count = keyAttributes(key).length;
  if (conditions.size === 0 || conditions.size > Math.max(count, SIMPLE_MAX))
    throw invalid(
      `Conditions can be of length 1 ${count > SIMPLE_MAX ? 'to' : 'or'} ${Math.max(count, SIMPLE_MAX)} only`,
    );
  if (conditions.size > count) throw notSupported();
  const [hash, ...moreHash] = partition.map((attribute) => equalTo(conditionOn(attribute, conditions)));
  const sort = rangeAttributes(key);
  const named = sort.filter(({ name }) => conditions.has(name));
  if (partition.length + named.length < conditions.size) throw missed(sort.find(({ name }) => !conditions.has(name))!);
  checkPrefix(sort, named.at(-1), conditions);
  const onSort = named.map((attribute) => conditionOn(attribute, conditions));
  const equal = onSort.slice(0, -1).map(equalTo);
  const range = onSort.at(-1);
  return {
    hash: hash!,
    ...(moreHash.length > 0 && { moreHash }),
    ...(equal.length > 0 && { equal }),
    ...(range && { range }),
  };
}

/** Whether all attributes of the sort key before the last one with a condition have values. */
function checkPrefix(sort: readonly KeyAttribute[], last: KeyAttribute | undefined, conditions: KeyConditions): void {
  if (last === undefined) return;
  const loose = sort.slice(0, sort.indexOf(last)).filter(({ name }) => conditions.get(name)?.op !== '=');
  if (loose.length === 0) return;
  throw invalid(
    `RANGE key attributes ${loose.map(({ name }) => name).join(', ')} must have equality conditions specified in the query ` +
      `because a condition is present on key attribute ${last.name}`,
  );
}

function conditionOn(attribute: KeyAttribute, conditions: KeyConditions): RangeCondition {
  const found = conditions.get(attribute.name);
  if (found === undefined) throw missed(attribute);
  checkTypes(found, attribute);
  return found;
}

function equalTo({ op, values }: RangeCondition): AttributeValue {
  if (op !== '=') throw notSupported();
  return values[0]!;
}

const missed = ({ name }: KeyAttribute) => invalid(`Query condition missed key schema element: ${name}`);
const notSupported = () => invalid('Query key condition not supported');

function checkTypes({ values }: RangeCondition, { type }: KeyAttribute): void {
  if (values.every((value) => type in value)) return;
  throw invalid('One or more parameter values were invalid: Condition parameter type does not match schema type');
}

const NO_KEY_FUNCTIONS: ReadonlySet<string> = new Set([
  'attribute_exists',
  'attribute_not_exists',
  'attribute_type',
  'contains',
]);

function conditionsOf(node: ConditionNode, bindings: Bindings): KeyConditions {
  const conditions = new Map<string, RangeCondition>();
  for (const comparison of comparisonsOf(node)) {
    const [name, condition] = conditionOf(comparison, bindings);
    if (conditions.has(name))
      throw refused(PARAMETER, 'KeyConditionExpressions must only contain one condition per key');
    conditions.set(name, condition);
  }
  return conditions;
}

function* comparisonsOf(node: ConditionNode): Iterable<ComparisonNode> {
  if (node.kind === 'or' || node.kind === 'not') throw invalidOperator(node.kind.toUpperCase());
  if (node.kind === 'and') for (const term of node.terms) yield* comparisonsOf(term);
  else yield node;
}

const invalidOperator = (name: string) => invalid(`Invalid operator used in KeyConditionExpression: ${name}`);
const invalidCondition = (what: string) => invalid(`Invalid condition in KeyConditionExpression: ${what}`);

function conditionOf(node: ComparisonNode, bindings: Bindings): readonly [name: string, condition: RangeCondition] {
  checkOperator(node);
  const operands = node.kind === 'function' ? node.args : node.operands;
  const paths = operands.filter((operand): operand is PathNode => operand.kind === 'path');
  if (paths.length > 1) throw invalidCondition('Multiple attribute names used in one condition');
  if (operands.some(({ kind }) => kind === 'function'))
    throw invalid('KeyConditionExpressions cannot contain nested operations');
  const [path] = paths;
  if (path === undefined) throw invalidCondition('No key attribute specified');
  if (path.parts.length > 1) throw invalid('KeyConditionExpressions cannot have conditions on nested attributes');
  const values = operands.filter((operand): operand is ValueNode => operand.kind === 'value');
  return [
    bindings.path(path, PARAMETER)[0] as string,
    { op: operatorOf(node, operands[0] === path), values: values.map(({ ref }) => bindings.value(ref, PARAMETER)) },
  ];
}

function checkOperator(node: ComparisonNode): void {
  if (node.kind === 'in') throw invalidOperator('IN');
  if (node.kind === 'compare' && node.op === '<>') throw invalidOperator('<>');
  if (node.kind === 'function' && NO_KEY_FUNCTIONS.has(node.name)) throw invalidOperator(node.name);
  if (node.kind === 'compare') return;
  const [first] = node.kind === 'function' ? node.args : node.operands;
  const name = node.kind === 'function' ? node.name : 'BETWEEN';
  if (first!.kind !== 'path')
    throw invalidCondition(`${name} operator must have the key attribute as its first operand`);
}

const MIRRORED = { '=': '=', '<': '>', '<=': '>=', '>': '<', '>=': '<=' } as const;

function operatorOf(node: ComparisonNode, attributeFirst: boolean): RangeCondition['op'] {
  if (node.kind === 'between') return 'between';
  if (node.kind !== 'compare') return 'begins_with';
  const op = node.op as keyof typeof MIRRORED;
  return attributeFirst ? op : MIRRORED[op];
}
