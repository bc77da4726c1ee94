import {
  Cursor,
  type ExpressionParameter,
  type FunctionNode,
  KNOWN_FUNCTIONS,
  misused,
  type OperandNode,
} from './syntax.ts';

export type Comparator = '=' | '<>' | '<' | '<=' | '>' | '>=';

export type ComparisonNode =
  | { readonly kind: 'compare'; readonly op: Comparator; readonly operands: readonly OperandNode[] }
  | { readonly kind: 'between'; readonly operands: readonly OperandNode[] }
  | { readonly kind: 'in'; readonly operands: readonly OperandNode[] }
  | FunctionNode;

export type ConditionNode =
  | { readonly kind: 'and'; readonly terms: readonly ConditionNode[] }
  | { readonly kind: 'or'; readonly terms: readonly ConditionNode[] }
  | { readonly kind: 'not'; readonly term: ConditionNode }
  | ComparisonNode;

const COMPARATORS: readonly Comparator[] = ['=', '<>', '<', '<=', '>', '>='];

/** Functions of conditions, and how many operands they have. */
export const CONDITION_FUNCTIONS: ReadonlyMap<string, number> = new Map([
  ['attribute_exists', 1],
  ['attribute_not_exists', 1],
  ['attribute_type', 2],
  ['begins_with', 2],
  ['contains', 2],
  ['size', 1],
]);

/**
 * Parses a condition, filter or key condition.
 * @throws DynamodbError `validation-failed`: all that is wrong whatever names and values come with it
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
 */
export function parseCondition(text: string, parameter: ExpressionParameter): ConditionNode {
  const parser = new ConditionParser(text, parameter);
  return parser.parse();
}

class ConditionParser {
  readonly #cursor: Cursor;
  /** Conditions that stand in parentheses: a second pair around one is redundant. */
  readonly #wrapped = new Set<ConditionNode>();

  constructor(text: string, parameter: ExpressionParameter) {
    this.#cursor = new Cursor(text, parameter, ['AND', 'OR', 'NOT', 'BETWEEN', 'IN']);
  }

  parse(): ConditionNode {
    const condition = this.#disjunction();
    this.#cursor.finish(() => this.#checkFunctions(condition));
    return condition;
  }

  #disjunction(): ConditionNode {
    return this.#chain('or', 'OR', () => this.#chain('and', 'AND', () => this.#negation()));
  }

  #chain(kind: 'and' | 'or', word: string, parse: () => ConditionNode): ConditionNode {
    const terms = [parse()];
    while (this.#cursor.take(word)) {
      this.#cursor.countOperator();
      terms.push(parse());
    }
    return terms.length === 1 ? terms[0]! : { kind, terms };
  }

  #negation(): ConditionNode {
    if (!this.#cursor.take('NOT')) return this.#primary();
    this.#cursor.countOperator();
    return { kind: 'not', term: this.#cursor.nested(() => this.#negation()) };
  }

  #primary(): ConditionNode {
    if (!this.#cursor.is('(') || this.#cursor.isOperandInParentheses) return this.#comparison();
    this.#cursor.expect('(');
    const condition = this.#cursor.nested(() => this.#disjunction());
    this.#cursor.expect(')');
    if (this.#wrapped.has(condition)) this.#cursor.foundRedundantParentheses();
    this.#wrapped.add(condition);
    return condition;
  }

  #comparison(): ComparisonNode {
    const cursor = this.#cursor;
    const left = cursor.argument();
    const op = COMPARATORS.find((symbol) => cursor.take(symbol));
    if (op !== undefined) {
      cursor.countOperator();
      return { kind: 'compare', op, operands: [left, cursor.argument()] };
    }
    if (cursor.take('BETWEEN')) return this.#between(left);
    if (cursor.take('IN')) return this.#membership(left);
    if (left.kind !== 'function') throw cursor.unexpected();
    return left;
  }

  #between(left: OperandNode): ComparisonNode {
    this.#cursor.countOperator();
    const low = this.#cursor.argument();
    this.#cursor.expect('AND');
    return { kind: 'between', operands: [left, low, this.#cursor.argument()] };
  }

  #membership(left: OperandNode): ComparisonNode {
    this.#cursor.countOperator();
    this.#cursor.expect('(');
    const members = this.#cursor.list(() => this.#cursor.argument());
    this.#cursor.expect(')');
    return { kind: 'in', operands: [left, ...members] };
  }

  /** Names that are none come before functions that are at the wrong place. */
  #checkFunctions(condition: ConditionNode): void {
    const used = [...functionsOf(condition)];
    const unknown = used.find(({ name }) => !KNOWN_FUNCTIONS.has(name));
    if (unknown) throw this.#cursor.refused(`Invalid function name; function: ${unknown.name}`);
    const wrong = used.find(
      ({ name, as }) => !CONDITION_FUNCTIONS.has(name) || (name === 'size') !== (as === 'operand'),
    );
    if (wrong) throw this.#cursor.refused(misused(wrong.name));
  }
}

interface FunctionUse {
  readonly name: string;
  readonly as: 'condition' | 'operand';
}

function* functionsOf(condition: ConditionNode): Iterable<FunctionUse> {
  if (condition.kind === 'not') yield* functionsOf(condition.term);
  else if ('terms' in condition) for (const term of condition.terms) yield* functionsOf(term);
  else if (condition.kind === 'function') yield* functionsIn(condition, 'condition');
  else for (const operand of condition.operands) yield* functionsIn(operand, 'operand');
}

function* functionsIn(operand: OperandNode, as: FunctionUse['as']): Iterable<FunctionUse> {
  if (operand.kind !== 'function') return;
  for (const arg of operand.args) yield* functionsIn(arg, 'operand');
  yield { name: operand.name, as };
}
