import { invalid } from '../errors.ts';
import type { Attributes, AttributeType, AttributeValue } from '../model/attribute-value.ts';
import { checkedValue, typeOf } from '../model/values.ts';
import { beginsWith, containsValue, equalValues, orderOf } from './compare.ts';
import type { BoundCondition } from './condition.ts';
import type { Change } from './edits.ts';
import { type BoundKeyCondition, keyConditionOf, type RangeCondition } from './key-condition.ts';
import { EXPRESSION_LIMITS } from './limits.ts';
import { type BoundProjection, projectionOf } from './projection.ts';
import { added, type BoundUpdate, deleted, updateOf } from './update.ts';

/** A condition of `KeyConditions`, `QueryFilter` and `ScanFilter`. */
export interface LegacyCondition {
  readonly AttributeValueList?: readonly AttributeValue[] | undefined;
  readonly ComparisonOperator?: string | undefined;
}

/** A condition of `Expected`. */
export interface LegacyExpectation extends LegacyCondition {
  readonly Exists?: boolean | undefined;
  readonly Value?: AttributeValue | undefined;
}

/** A member of `AttributeUpdates`. */
export interface LegacyUpdate {
  readonly Action?: string | undefined;
  readonly Value?: AttributeValue | undefined;
}

const wrong = (message: string) => invalid(`One or more parameter values were invalid: ${message}`);

/** `AttributesToGet`: names of attributes, not paths. @throws DynamodbError `validation-failed` when one comes twice */
export function legacyProjection(names: readonly string[]): BoundProjection {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) throw wrong(`Duplicate value in attribute name: ${name}`);
    seen.add(name);
  }
  return projectionOf(names.map((name) => [name]));
}

type Test = (value: AttributeValue | undefined) => boolean;

/** `QueryFilter` and `ScanFilter`. @throws DynamodbError `validation-failed` */
export function legacyCondition(
  conditions: Readonly<Record<string, LegacyCondition>>,
  operator: string | undefined,
): BoundCondition {
  return conditionOf(
    Object.entries(conditions).map(([name, condition]) => [name, testOf(comparisonOf(condition))]),
    operator,
  );
}

/** `Expected`. @throws DynamodbError `validation-failed` */
export function legacyExpectations(
  expected: Readonly<Record<string, LegacyExpectation>>,
  operator: string | undefined,
): BoundCondition {
  return conditionOf(
    Object.entries(expected).map(([name, expectation]) => [name, expectationTest(name, expectation)]),
    operator,
  );
}

function conditionOf(tests: readonly (readonly [string, Test])[], operator: string | undefined): BoundCondition {
  const holds = (attributes: Attributes, name: string, test: Test) =>
    test(Object.hasOwn(attributes, name) ? attributes[name] : undefined);
  return {
    paths: tests.map(([name]) => [name]),
    evaluate: (attributes = {}) =>
      operator === 'OR'
        ? tests.some(([name, test]) => holds(attributes, name, test))
        : tests.every(([name, test]) => holds(attributes, name, test)),
  };
}

function expectationTest(name: string, expectation: LegacyExpectation): Test {
  const { AttributeValueList: list, ComparisonOperator: operator, Exists: exists, Value: value } = expectation;
  if (list !== undefined && value !== undefined)
    throw wrong(`Value and AttributeValueList cannot be used together for Attribute: ${name}`);
  if (operator !== undefined) {
    if (exists !== undefined)
      throw wrong(`Exists and ComparisonOperator cannot be used together for Attribute: ${name}`);
    if (list === undefined && value === undefined && operator !== 'NULL' && operator !== 'NOT_NULL')
      throw wrong(
        `Value or AttributeValueList must be used with ComparisonOperator: ${operator} for Attribute: ${name}`,
      );
    return testOf(comparisonOf({ ComparisonOperator: operator, AttributeValueList: list ?? (value ? [value] : []) }));
  }
  if (list !== undefined)
    throw wrong(`AttributeValueList can only be used with a ComparisonOperator for Attribute: ${name}`);
  return existenceTest(name, expectation);
}

function existenceTest(name: string, { Exists: exists, Value: value }: LegacyExpectation): Test {
  if (exists === false) {
    if (value !== undefined) throw wrong(`Value cannot be used when Exists is false for Attribute: ${name}`);
    return (found) => found === undefined;
  }
  if (value === undefined)
    throw wrong(`Value must be provided when Exists is ${exists ?? 'null'} for Attribute: ${name}`);
  const wanted = checkedValue(value);
  return (found) => found !== undefined && equalValues(found, wanted);
}

interface Comparison {
  readonly operator: string;
  readonly values: readonly AttributeValue[];
}

interface OperatorRule {
  readonly count: (count: number) => boolean;
  /** Types of its values; any when absent. */
  readonly types?: readonly AttributeType[];
}

const none: OperatorRule = { count: (count) => count === 0 };
const one = (types?: readonly AttributeType[]): OperatorRule => ({
  count: (count) => count === 1,
  ...(types && { types }),
});
const SCALARS = ['S', 'N', 'B'] as const;

const RULES: ReadonlyMap<string, OperatorRule> = new Map([
  ['NULL', none],
  ['NOT_NULL', none],
  ['EQ', one()],
  ['NE', one()],
  ['LE', one(SCALARS)],
  ['LT', one(SCALARS)],
  ['GE', one(SCALARS)],
  ['GT', one(SCALARS)],
  ['CONTAINS', one(SCALARS)],
  ['NOT_CONTAINS', one(SCALARS)],
  ['BEGINS_WITH', one(['S', 'B'])],
  ['IN', { count: (count: number) => count > 0 && count <= EXPRESSION_LIMITS.valuesOfIn, types: SCALARS }],
  ['BETWEEN', { count: (count: number) => count === 2, types: SCALARS }],
]);

function comparisonOf({
  ComparisonOperator: operator = '',
  AttributeValueList: list = [],
}: LegacyCondition): Comparison {
  const values = list.map(checkedValue);
  const rule = RULES.get(operator);
  if (rule === undefined) throw wrong(`Unsupported operator on ExpectedAttributeValue: ${operator}`);
  if (!rule.count(values.length)) throw wrong(`Invalid number of argument(s) for the ${operator} ComparisonOperator`);
  if (new Set(values.map(typeOf)).size > 1)
    throw wrong('AttributeValues inside AttributeValueList must be of same type');
  const refused = values.map(typeOf).find((type) => rule.types && !rule.types.includes(type));
  if (refused !== undefined)
    throw wrong(`ComparisonOperator ${operator} is not valid for ${refused} AttributeValue type`);
  if (operator === 'BETWEEN' && orderOf(values[0]!, values[1]!)! > 0)
    throw invalid('The BETWEEN condition was provided a range where the lower bound is greater than the upper bound');
  return { operator, values };
}

type ValueTest = (found: AttributeValue, values: readonly AttributeValue[]) => boolean;

const ordered =
  (holds: (order: number) => boolean): ValueTest =>
  (found, [value]) => {
    const order = orderOf(found, value!);
    return order !== undefined && holds(order);
  };

/** Tests of an attribute that is there. */
const TESTS: ReadonlyMap<string, ValueTest> = new Map<string, ValueTest>([
  ['NOT_NULL', () => true],
  ['EQ', (found, [value]) => equalValues(found, value!)],
  ['LE', ordered((order) => order <= 0)],
  ['LT', ordered((order) => order < 0)],
  ['GE', ordered((order) => order >= 0)],
  ['GT', ordered((order) => order > 0)],
  ['CONTAINS', (found, [value]) => containsValue(found, value!)],
  ['NOT_CONTAINS', (found, [value]) => !containsValue(found, value!)],
  ['BEGINS_WITH', (found, [value]) => beginsWith(found, value!)],
  ['IN', (found, values) => values.some((value) => equalValues(found, value))],
  ['BETWEEN', (found, [low, high]) => orderOf(found, low!)! >= 0 && orderOf(found, high!)! <= 0],
]);

function testOf({ operator, values }: Comparison): Test {
  if (operator === 'NULL') return (found) => found === undefined;
  if (operator === 'NE') return (found) => found === undefined || !equalValues(found, values[0]!);
  const holds = TESTS.get(operator)!;
  return (found) => found !== undefined && holds(found, values);
}

const KEY_OPERATORS: ReadonlyMap<string, RangeCondition['op']> = new Map([
  ['EQ', '='],
  ['LT', '<'],
  ['LE', '<='],
  ['GT', '>'],
  ['GE', '>='],
  ['BETWEEN', 'between'],
  ['BEGINS_WITH', 'begins_with'],
]);

/** `KeyConditions`. @throws DynamodbError `validation-failed` */
export function legacyKeyConditions(conditions: Readonly<Record<string, LegacyCondition>>): BoundKeyCondition {
  const entries = Object.entries(conditions).map(([name, condition]) => {
    const { operator, values } = comparisonOf(condition);
    return [name, { op: KEY_OPERATORS.get(operator), values }] as const;
  });
  const isIndexable = (entry: (typeof entries)[number]): entry is readonly [string, RangeCondition] =>
    entry[1].op !== undefined;
  if (entries.every(isIndexable)) {
    const condition = keyConditionOf(new Map(entries));
    return {
      bind: (key) => {
        if (key.moreHash || key.moreRange)
          throw invalid('KeyConditions cannot be used with keys of several attributes');
        return condition.bind(key);
      },
    };
  }
  return {
    bind: () => {
      throw invalid('Attempted conditional constraint is not an indexable operation');
    },
  };
}

/** `AttributeUpdates`. @throws DynamodbError `validation-failed` */
export function legacyUpdate(updates: Readonly<Record<string, LegacyUpdate>>): BoundUpdate {
  const entries = Object.entries(updates);
  return updateOf(
    entries.map(([name]) => [name]),
    entries.map(([name, update]) => clauseOf(name, update)),
  );
}

const SETS: readonly AttributeType[] = ['SS', 'NS', 'BS'];

function clauseOf(name: string, { Action: action = 'PUT', Value }: LegacyUpdate): (item: Attributes) => Change {
  if (Value === undefined) {
    if (action !== 'DELETE') throw wrong('Only DELETE action is allowed when no attribute value is specified');
    return () => ({ kind: 'remove' });
  }
  const value = checkedValue(Value);
  const type = typeOf(value);
  const old = (item: Attributes) => (Object.hasOwn(item, name) ? item[name] : undefined);
  if (action === 'PUT') return () => ({ kind: 'set', value });
  if (action === 'DELETE') {
    if (!SETS.includes(type)) throw wrong(`DELETE action with value is not supported for the type ${type}`);
    return (item) => deleted(old(item), value, typeMismatch);
  }
  if (![...SETS, 'N', 'L'].includes(type)) throw wrong(`ADD action is not supported for the type ${type}`);
  return (item) => ('L' in value ? appended(old(item), value) : added(old(item), value, typeMismatch));
}

const typeMismatch = () => invalid('Type mismatch for attribute to update');

/** `ADD` of a list puts its members at the end: legacy parameters only. */
function appended(old: AttributeValue | undefined, value: { readonly L: readonly AttributeValue[] }): Change {
  if (old === undefined) return { kind: 'set', value };
  if (!('L' in old)) throw typeMismatch();
  return { kind: 'set', value: { L: [...old.L, ...value.L] } };
}
