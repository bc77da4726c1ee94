import { Cursor, KNOWN_FUNCTIONS, misused, type OperandNode, type PathNode, type ValueNode } from './syntax.ts';

/** What `SET` sets a path to. */
export type SetValueNode =
  | OperandNode
  | { readonly kind: 'arithmetic'; readonly op: '+' | '-'; readonly left: OperandNode; readonly right: OperandNode };

export type ClauseNode =
  | { readonly action: 'SET'; readonly path: PathNode; readonly value: SetValueNode }
  | { readonly action: 'REMOVE'; readonly path: PathNode }
  | { readonly action: 'ADD' | 'DELETE'; readonly path: PathNode; readonly value: ValueNode };

const SECTIONS = ['SET', 'REMOVE', 'ADD', 'DELETE'] as const;

/** Functions of updates, and how many operands they have. */
export const UPDATE_FUNCTIONS: ReadonlyMap<string, number> = new Map([
  ['if_not_exists', 2],
  ['list_append', 2],
]);

/**
 * Parses an update.
 * @returns its clauses in the order of the text
 * @throws DynamodbError `validation-failed`: all that is wrong whatever names and values come with it
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.UpdateExpressions.html
 */
export function parseUpdate(text: string): readonly ClauseNode[] {
  const cursor = new Cursor(text, 'UpdateExpression', SECTIONS);
  const sections: string[] = [];
  const clauses: ClauseNode[] = [];
  do {
    const section = SECTIONS.find((word) => cursor.take(word));
    if (section === undefined) throw cursor.unexpected();
    sections.push(section);
    clauses.push(...cursor.list(() => clause(cursor, section)));
  } while (cursor.token.kind !== 'end');
  cursor.finish(() => undefined);
  checkFunctions(cursor, clauses);
  const twice = sections.find((section, at) => sections.indexOf(section) < at);
  if (twice) throw cursor.refused(`The "${twice}" section can only be used once in an update expression;`);
  return clauses;
}

function clause(cursor: Cursor, action: (typeof SECTIONS)[number]): ClauseNode {
  const path = cursor.path();
  if (action === 'REMOVE') return { action, path };
  if (action === 'SET') {
    cursor.expect('=');
    return { action, path, value: setValue(cursor) };
  }
  const value = cursor.token.kind === 'valueRef' ? cursor.operand() : undefined;
  if (value?.kind !== 'value') throw cursor.unexpected();
  return { action, path, value };
}

function setValue(cursor: Cursor): SetValueNode {
  if (!cursor.is('(') || cursor.isOperandInParentheses) return sum(cursor);
  cursor.expect('(');
  const value = cursor.nested(() => setValue(cursor));
  cursor.expect(')');
  return value;
}

function sum(cursor: Cursor): SetValueNode {
  const left = cursor.argument();
  const op = (['+', '-'] as const).find((symbol) => cursor.take(symbol));
  if (op === undefined) return left;
  cursor.countOperator();
  return { kind: 'arithmetic', op, left, right: cursor.argument() };
}

function checkFunctions(cursor: Cursor, clauses: readonly ClauseNode[]): void {
  for (const clause of clauses) {
    if (clause.action !== 'SET') continue;
    for (const { name, nested } of functionsOf(clause.value)) {
      if (!KNOWN_FUNCTIONS.has(name)) throw cursor.refused(`Invalid function name; function: ${name}`);
      // Lists are appended once, whatever is appended to what.
      if (!UPDATE_FUNCTIONS.has(name) || (nested && name === 'list_append')) throw cursor.refused(misused(name));
    }
  }
}

/** Functions in a value, the inner ones first. */
function* functionsOf(
  node: SetValueNode,
  nested = false,
): Iterable<{ readonly name: string; readonly nested: boolean }> {
  if (node.kind === 'arithmetic') for (const side of [node.left, node.right]) yield* functionsOf(side);
  else if (node.kind === 'function') {
    for (const arg of node.args) yield* functionsOf(arg, true);
    yield { name: node.name, nested };
  }
}
