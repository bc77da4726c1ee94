import { Buffer } from 'node:buffer';
import type { Attributes, AttributeType, AttributeValue } from '../model/attribute-value.ts';
import { typeOf } from '../model/values.ts';
import type { Bindings, DocumentPath } from './bindings.ts';
import { kept } from './cache.ts';
import { beginsWith, containsValue, equalValues, orderOf, sizeOf } from './compare.ts';
import {
  CONDITION_FUNCTIONS,
  type Comparator,
  type ComparisonNode,
  type ConditionNode,
  parseCondition,
} from './condition-syntax.ts';
import { EXPRESSION_LIMITS } from './limits.ts';
import { pathText } from './paths.ts';
import { type Bind, bindAll, type Read, readPath, readValue, type Scope, Slots } from './slots.ts';
import { type ExpressionParameter, type FunctionNode, type OperandNode, refused } from './syntax.ts';

/** A condition or filter with the names and values of a request. */
export interface BoundCondition {
  /** @param attributes  the item, or nothing when there is none: then no attribute exists */
  evaluate(attributes: Attributes | undefined): boolean;
  /** All paths in it, in the order of the text. */
  readonly paths: readonly DocumentPath[];
}

/** A condition or filter, whatever names and values come with it. */
export interface CompiledCondition {
  /** @throws DynamodbError `validation-failed`: names or values that are not there or do not fit, as AWS words it */
  bind(bindings: Bindings): BoundCondition;
}

type Test = (item: Attributes, scope: Scope) => boolean;

const NO_ITEM: Attributes = {};

/**
 * Compiles a condition or filter, or finds what was made of its text before.
 * @throws DynamodbError `validation-failed`, as AWS words it
 */
export const compileCondition = kept((text, parameter: 'ConditionExpression' | 'FilterExpression') =>
  compileNode(parseCondition(text, parameter), parameter),
);

/** Compiles a parsed condition. @param parameter  where it came from: what its errors begin with */
export function compileNode(node: ConditionNode, parameter: ExpressionParameter): CompiledCondition {
  const compiler = new ConditionCompiler(parameter);
  const test = compiler.condition(node);
  return {
    bind: (bindings) => {
      const scope = bindAll(compiler.steps, bindings);
      return { paths: scope.paths, evaluate: (attributes) => test(attributes ?? NO_ITEM, scope) };
    },
  };
}

class ConditionCompiler {
  readonly steps: Bind[] = [];
  readonly #slots: Slots;
  readonly #parameter: ExpressionParameter;

  constructor(parameter: ExpressionParameter) {
    this.#parameter = parameter;
    this.#slots = new Slots(parameter);
  }

  condition(node: ConditionNode): Test {
    if (node.kind === 'not') {
      const test = this.condition(node.term);
      return (item, scope) => !test(item, scope);
    }
    if (node.kind === 'and' || node.kind === 'or') {
      const tests = node.terms.map((term) => this.condition(term));
      return node.kind === 'and' ? allOf(tests) : anyOf(tests);
    }
    return this.#comparison(node);
  }

  /** Its names and values come first, then what is wrong with its operands. */
  #comparison(node: ComparisonNode): Test {
    const nodes = node.kind === 'function' ? node.args : node.operands;
    const operands = nodes.map((operand) => this.#operand(operand));
    this.steps.push((_, scope) => this.#check(node, operands, scope));
    const reads = operands.map(({ read }) => read);
    if (node.kind === 'compare') return comparison(node.op, reads[0]!, reads[1]!);
    if (node.kind === 'between') return between(reads[0]!, reads[1]!, reads[2]!);
    if (node.kind === 'in') return membership(reads[0]!, reads.slice(1));
    return predicate(node.name, reads[0]!, reads[1]!);
  }

  #operand(node: OperandNode): Operand {
    if (node.kind === 'function') return this.#sizeOperand(node);
    const { slot, bind } = node.kind === 'path' ? this.#slots.path(node) : this.#slots.value(node);
    this.steps.push(bind);
    if (node.kind === 'path') return { node, read: readPath(slot), path: (scope) => scope.paths[slot]! };
    return { node, read: readValue(slot), value: (scope) => scope.values[slot]! };
  }

  #sizeOperand(node: FunctionNode): Operand {
    const args = node.args.map((arg) => this.#operand(arg));
    this.steps.push((_, scope) => this.#checkSize(args, scope));
    const read = args[0]!.read;
    return {
      node,
      read: (item, scope) => {
        const value = read(item, scope);
        const size = value === undefined ? undefined : sizeOf(value);
        return size === undefined ? undefined : { N: String(size) };
      },
    };
  }

  #checkSize(args: readonly Operand[], scope: Scope): void {
    this.#checkCount('size', 1, args);
    const type = typeIn(args[0]!, scope);
    if (type === 'N' || type === 'BOOL' || type === 'NULL') throw this.#wrongType('size', type);
  }

  #checkCount(name: string, count: number, args: readonly Operand[]): void {
    if (args.length === count) return;
    const what = `operator or function: ${name}, number of operands: ${args.length}`;
    throw this.#refused(`Incorrect number of operands for operator or function; ${what}`);
  }

  #check(node: ComparisonNode, operands: readonly Operand[], scope: Scope): void {
    const name = nameOf(node);
    const count = node.kind === 'function' ? CONDITION_FUNCTIONS.get(node.name)! : operands.length;
    this.#checkCount(name, count, operands);
    const values = operands.length - 1;
    if (node.kind === 'in' && values > EXPRESSION_LIMITS.valuesOfIn)
      throw this.#refused(`The IN operator is provided with too many operands; number of operands: ${values}`);
    this.#checkDistinct(name, operands, scope);
    OPERAND_CHECKS[name]?.(operands, scope, (reason) => this.#refused(reason));
  }

  #checkDistinct(name: string, [first, ...rest]: readonly Operand[], scope: Scope): void {
    const path = first!.path?.(scope);
    if (path === undefined || rest.length !== 1) return;
    const other = rest[0]!.path?.(scope);
    if (other === undefined || pathText(path) !== pathText(other)) return;
    const what = `operator: ${name}, first operand: ${pathText(path)}`;
    throw this.#refused(
      `The first operand must be distinct from the remaining operands for this operator or function; ${what}`,
    );
  }

  #wrongType(name: string, type: string) {
    return this.#refused(wrongType(name, type));
  }

  #refused(reason: string) {
    return refused(this.#parameter, reason);
  }
}

interface Operand {
  readonly node: OperandNode;
  readonly read: Read;
  /** Of a path. */
  readonly path?: (scope: Scope) => DocumentPath;
  /** Of a value of the request. */
  readonly value?: (scope: Scope) => AttributeValue;
}

/** What is known of an operand before the item is. */
function typeIn(operand: Operand, scope: Scope): AttributeType | undefined {
  if (operand.node.kind === 'function') return 'N';
  const value = operand.value?.(scope);
  return value && typeOf(value);
}

function nameOf(node: ComparisonNode): string {
  if (node.kind === 'function') return node.name;
  return node.kind === 'compare' ? node.op : node.kind.toUpperCase();
}

const wrongType = (name: string, type: string) =>
  `Incorrect operand type for operator or function; operator or function: ${name}, operand type: ${type}`;

type OperandCheck = (operands: readonly Operand[], scope: Scope, refuse: (reason: string) => Error) => void;

const ORDERED: ReadonlySet<string> = new Set(['S', 'N', 'B']);
const TYPES: ReadonlySet<string> = new Set(['S', 'N', 'B', 'SS', 'NS', 'BS', 'M', 'L', 'NULL', 'BOOL']);

const pathOnly =
  (name: string): OperandCheck =>
  ([operand], _, refuse) => {
    if (operand!.node.kind !== 'path')
      throw refuse(`Operator or function requires a document path; operator or function: ${name}`);
  };

const typesOnly =
  (name: string, types: ReadonlySet<string>): OperandCheck =>
  (operands, scope, refuse) => {
    for (const operand of operands) {
      const type = typeIn(operand, scope);
      if (type !== undefined && !types.has(type)) throw refuse(wrongType(name, type));
    }
  };

/** What the operands of each operator and function have to be. */
const OPERAND_CHECKS: Readonly<Record<string, OperandCheck>> = {
  '<': typesOnly('<', ORDERED),
  '<=': typesOnly('<=', ORDERED),
  '>': typesOnly('>', ORDERED),
  '>=': typesOnly('>=', ORDERED),
  BETWEEN: (operands, scope, refuse) => {
    typesOnly('BETWEEN', ORDERED)(operands, scope, refuse);
    const [low, high] = [operands[1]!.value?.(scope), operands[2]!.value?.(scope)];
    if (low === undefined || high === undefined) return;
    const problem = problemOfBounds(low, high);
    if (problem !== undefined) throw refuse(problem);
  },
  attribute_exists: pathOnly('attribute_exists'),
  attribute_not_exists: pathOnly('attribute_not_exists'),
  begins_with: typesOnly('begins_with', new Set(['S', 'B'])),
  attribute_type: ([, operand], scope, refuse) => {
    const value = operand!.value?.(scope);
    if (value === undefined) throw refuse(wrongType('attribute_type', '{NS,SS,L,BS,N,M,B,BOOL,NULL,S}'));
    if (!('S' in value)) throw refuse(wrongType('attribute_type', typeOf(value)));
    if (!TYPES.has(value.S))
      throw refuse(`Invalid attribute type name found; type: ${value.S}, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}`);
  },
};

/** What is wrong with the bounds of a `BETWEEN`. */
export function problemOfBounds(low: AttributeValue, high: AttributeValue): string | undefined {
  const bounds = `lower bound operand: AttributeValue: ${shown(low)}, upper bound operand: AttributeValue: ${shown(high)}`;
  if (typeOf(low) !== typeOf(high))
    return `The BETWEEN operator requires same data type for lower and upper bounds; ${bounds}`;
  if (orderOf(low, high)! <= 0) return undefined;
  return `The BETWEEN operator requires upper bound to be greater than or equal to lower bound; ${bounds}`;
}

function shown(value: AttributeValue): string {
  const text =
    'S' in value ? value.S : 'N' in value ? value.N : 'B' in value ? Buffer.from(value.B).toString('base64') : '';
  return `{${typeOf(value)}:${text}}`;
}

const allOf =
  (tests: readonly Test[]): Test =>
  (item, scope) => {
    for (const test of tests) if (!test(item, scope)) return false;
    return true;
  };

const anyOf =
  (tests: readonly Test[]): Test =>
  (item, scope) => {
    for (const test of tests) if (test(item, scope)) return true;
    return false;
  };

/** An attribute that is not there is equal to nothing, not even to another such, and has no order. */
function comparison(op: Comparator, left: Read, right: Read): Test {
  if (op === '=') return (item, scope) => isEqual(left(item, scope), right(item, scope));
  if (op === '<>') return (item, scope) => !isEqual(left(item, scope), right(item, scope));
  const holds = ORDERS[op];
  return (item, scope) => {
    const [a, b] = [left(item, scope), right(item, scope)];
    const order = a === undefined || b === undefined ? undefined : orderOf(a, b);
    return order !== undefined && holds(order);
  };
}

function isEqual(a: AttributeValue | undefined, b: AttributeValue | undefined): boolean {
  return a !== undefined && b !== undefined && equalValues(a, b);
}

const ORDERS: Readonly<Record<Exclude<Comparator, '=' | '<>'>, (order: number) => boolean>> = {
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
};

function between(read: Read, low: Read, high: Read): Test {
  const [above, below] = [comparison('>=', read, low), comparison('<=', read, high)];
  return (item, scope) => above(item, scope) && below(item, scope);
}

function membership(read: Read, members: readonly Read[]): Test {
  return (item, scope) => {
    const value = read(item, scope);
    return value !== undefined && members.some((member) => isEqual(value, member(item, scope)));
  };
}

function predicate(name: string, first: Read, second: Read): Test {
  if (name === 'attribute_exists') return (item, scope) => first(item, scope) !== undefined;
  if (name === 'attribute_not_exists') return (item, scope) => first(item, scope) === undefined;
  const holds = PREDICATES[name]!;
  return (item, scope) => {
    const [a, b] = [first(item, scope), second(item, scope)];
    return a !== undefined && b !== undefined && holds(a, b);
  };
}

const PREDICATES: Readonly<Record<string, (a: AttributeValue, b: AttributeValue) => boolean>> = {
  attribute_type: (value, type) => 'S' in type && typeOf(value) === type.S,
  begins_with: beginsWith,
  contains: containsValue,
};
