import { invalid } from '../errors.ts';
import { ITEM_LIMITS } from '../items/limits.ts';
import type { Attributes, AttributeType, AttributeValue } from '../model/attribute-value.ts';
import { addNumbers, subtractNumbers } from '../model/number.ts';
import { sizeOfValue } from '../model/size.ts';
import type { KeySchema } from '../model/table.ts';
import { checkDepth, sortedSet, typeOf } from '../model/values.ts';
import type { Bindings, DocumentPath } from './bindings.ts';
import { kept } from './cache.ts';
import { membersOf, valueAt } from './compare.ts';
import { type Change, type Edits, edited, editsOf } from './edits.ts';
import { problemOfPaths, project } from './paths.ts';
import { type Bind, bindAll, type Read, readPath, readValue, type Scope, Slots } from './slots.ts';
import { type ExpressionParameter, type OperandNode, refused } from './syntax.ts';
import { type ClauseNode, parseUpdate, type SetValueNode, UPDATE_FUNCTIONS } from './update-syntax.ts';

/** An item as an update has left it. */
export interface Updated {
  readonly attributes: Attributes;
  /** Whether there is an item afterwards where there was none: not when all that it did was to take away. */
  readonly createsItem: boolean;
  /** What stood where the update wrote. */
  updatedOld(): Attributes;
  /** What stands there now. As with AWS, that may be a member of a list that has moved up, and is none appended. */
  updatedNew(): Attributes;
}

/** An update with the names and values of a request. */
export interface BoundUpdate {
  /**
   * Applies it to an item; all of it sees the item as it was.
   * @param old  of a new item its key; it stays as it is
   * @param exists  whether it is there: what is taken from an item that is not may stand in what is not
   * @throws DynamodbError `validation-failed`: the item does not bear it
   */
  apply(old: Attributes, exists?: boolean): Updated;
  /** All that it writes to. */
  readonly paths: readonly DocumentPath[];
  /** @throws DynamodbError `validation-failed` when it writes to an attribute of the table's key */
  checkKeys(key: KeySchema): void;
}

/** An update, whatever names and values come with it. */
export interface CompiledUpdate {
  /** @throws DynamodbError `validation-failed`: names or values that are not there or do not fit, paths that overlap */
  bind(bindings: Bindings): BoundUpdate;
}

/** What one clause makes of the item as it was. */
export type Clause = (item: Attributes, scope: Scope) => Change;

/**
 * Compiles an update, or finds what was made of its text before.
 * @throws DynamodbError `validation-failed`, as AWS words it
 */
export const compileUpdate = kept((text, parameter: 'UpdateExpression') =>
  compileClauses(parseUpdate(text), parameter),
);

/** Compiles parsed clauses. @param parameter  where they came from: what their errors begin with */
export function compileClauses(nodes: readonly ClauseNode[], parameter: ExpressionParameter): CompiledUpdate {
  const compiler = new UpdateCompiler(parameter);
  const clauses = nodes.map((node) => compiler.clause(node));
  const steps = [
    ...compiler.names,
    ...compiler.values,
    checkPaths(clauses, parameter),
    ...compiler.operandChecks,
    ...compiler.checks,
  ];
  return {
    bind: (bindings) => {
      const scope = bindAll(steps, bindings);
      const paths = clauses.map(({ slot }) => scope.paths[slot]!);
      return updateOf(
        paths,
        clauses.map(
          ({ run }) =>
            (item) =>
              run(item, scope),
        ),
      );
    },
  };
}

interface CompiledClause {
  /** Of the path it writes to. */
  readonly slot: number;
  readonly run: Clause;
}

/** An update of `paths`, none part of another, each by what stands at its place in `clauses`. */
export function updateOf(
  paths: readonly DocumentPath[],
  clauses: readonly ((item: Attributes) => Change)[],
): BoundUpdate {
  const edits: Edits = editsOf(paths);
  return {
    paths,
    apply: (old, exists = true) => {
      const changes = changesOf(clauses, old);
      checkDepths(paths, changes);
      const attributes = edited(
        old,
        exists ? edits : editsOf(setPaths(paths, changes)),
        exists ? changes : setOnly(changes),
      );
      return {
        attributes,
        createsItem: changes.length === 0 || changes.some(({ kind }) => kind === 'set'),
        updatedOld: () => project(old, paths),
        updatedNew: () => project(attributes, paths),
      };
    },
    checkKeys: (key) => {
      for (const attribute of [key.hash, key.range]) if (attribute) checkKeyAttribute(attribute.name, paths);
    },
  };
}

/** What the clauses make of an item, up to the one with which it is too large: each may make a large value of a few letters. */
function changesOf(clauses: readonly ((item: Attributes) => Change)[], item: Attributes): readonly Change[] {
  let sizeBytes = 0;
  return clauses.map((clause) => {
    const change = clause(item);
    if (change.kind === 'set') sizeBytes += sizeOfValue(change.value);
    if (sizeBytes > ITEM_LIMITS.itemBytesMax) throw tooLarge();
    return change;
  });
}

/** An update makes an item of more than AWS stores. */
export const tooLarge = () => invalid('Item size to update has exceeded the maximum allowed size');

/** What is set within an attribute stands deeper than where it came from. */
function checkDepths(paths: readonly DocumentPath[], changes: readonly Change[]): void {
  changes.forEach((change, at) => {
    const level = paths[at]!.length;
    if (level > 1 && change.kind === 'set') checkDepth(change.value, level);
  });
}

const isSet = ({ kind }: Change) => kind === 'set';
const setOnly = (changes: readonly Change[]) => changes.filter(isSet);
const setPaths = (paths: readonly DocumentPath[], changes: readonly Change[]) =>
  paths.filter((_, at) => isSet(changes[at]!));

function checkKeyAttribute(name: string, paths: readonly DocumentPath[]): void {
  if (!paths.some((path) => path[0] === name)) return;
  throw invalid(
    `One or more parameter values were invalid: Cannot update attribute ${name}. This attribute is part of the key`,
  );
}

const checkPaths =
  (clauses: readonly CompiledClause[], parameter: ExpressionParameter): Bind =>
  (_, scope) => {
    const problem = problemOfPaths(clauses.map(({ slot }) => scope.paths[slot]!));
    if (problem !== undefined) throw refused(parameter, problem);
  };

class UpdateCompiler {
  readonly names: Bind[] = [];
  readonly values: Bind[] = [];
  /** Of `ADD` and `DELETE`: AWS looks at them before it does at functions. */
  readonly operandChecks: Bind[] = [];
  readonly checks: Bind[] = [];
  readonly #parameter: ExpressionParameter;
  readonly #slots: Slots;

  constructor(parameter: ExpressionParameter) {
    this.#parameter = parameter;
    this.#slots = new Slots(parameter);
  }

  clause(node: ClauseNode): CompiledClause {
    const { slot, bind } = this.#slots.path(node.path);
    this.names.push(bind);
    return { slot, run: this.#run(node, slot) };
  }

  #run(node: ClauseNode, slot: number): Clause {
    if (node.action === 'REMOVE') return () => ({ kind: 'remove' });
    if (node.action === 'SET') {
      const { read } = this.#setValue(node.value);
      return (item, scope) => ({ kind: 'set', value: present(read(item, scope)) });
    }
    const operand = this.#operand(node.value);
    this.operandChecks.push((_, scope) =>
      checkSetOrNumber(node.action, typeOf(operand.value!(scope)), this.#parameter),
    );
    const combine = node.action === 'ADD' ? added : deleted;
    return (item, scope) => combine(valueAt(item, scope.paths[slot]!), operand.value!(scope));
  }

  #setValue(node: SetValueNode): Operand {
    if (node.kind !== 'arithmetic') return this.#operand(node);
    const operands = [this.#operand(node.left), this.#operand(node.right)];
    this.checks.push((_, scope) => checkTypes(node.op, 'N', operands, scope, this.#parameter));
    const [left, right] = operands.map(({ read }) => read);
    const calculate = node.op === '+' ? addNumbers : subtractNumbers;
    return {
      type: () => 'N',
      read: (item, scope) => ({
        N: calculate(numberIn(left!(item, scope)), numberIn(right!(item, scope))),
      }),
    };
  }

  #operand(node: OperandNode): Operand {
    if (node.kind === 'function') return this.#function(node.name, node.args);
    if (node.kind === 'path') {
      const { slot, bind } = this.#slots.path(node);
      this.names.push(bind);
      return { isPath: true, read: readPath(slot) };
    }
    const { slot, bind } = this.#slots.value(node);
    this.values.push(bind);
    const value = (scope: Scope) => scope.values[slot]!;
    return { read: readValue(slot), value, type: (scope) => typeOf(value(scope)) };
  }

  #function(name: string, args: readonly OperandNode[]): Operand {
    const operands = args.map((arg) => this.#operand(arg));
    this.checks.push((_, scope) => checkFunction(name, operands, scope, this.#parameter));
    const [first, second] = operands.map(({ read }) => read);
    if (name === 'if_not_exists')
      return { type: operands[1]?.type, read: (item, scope) => first!(item, scope) ?? second!(item, scope) };
    return {
      type: () => 'L',
      read: (item, scope) => ({ L: [...listIn(first!(item, scope)), ...listIn(second!(item, scope))] }),
    };
  }
}

interface Operand {
  readonly read: Read;
  readonly isPath?: true;
  /** Of a value of the request. */
  readonly value?: (scope: Scope) => AttributeValue;
  /** What is known of it before the item is. */
  readonly type?: ((scope: Scope) => AttributeType) | undefined;
}

function checkFunction(name: string, operands: readonly Operand[], scope: Scope, parameter: ExpressionParameter): void {
  if (operands.length !== UPDATE_FUNCTIONS.get(name))
    throw refused(
      parameter,
      `Incorrect number of operands for operator or function; operator or function: ${name}, number of operands: ${operands.length}`,
    );
  if (name === 'list_append') checkTypes(name, 'L', operands, scope, parameter);
  else if (!operands[0]!.isPath)
    throw refused(parameter, `Operator or function requires a document path; operator or function: ${name}`);
}

function checkTypes(
  name: string,
  wanted: AttributeType,
  operands: readonly Operand[],
  scope: Scope,
  parameter: ExpressionParameter,
): void {
  for (const operand of operands) {
    const type = operand.type?.(scope);
    if (type === undefined || type === wanted) continue;
    throw refused(
      parameter,
      `Incorrect operand type for operator or function; operator or function: ${name}, operand type: ${type}`,
    );
  }
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  S: 'STRING',
  N: 'NUMBER',
  B: 'BINARY',
  NULL: 'NULL',
  BOOL: 'BOOLEAN',
  L: 'LIST',
  M: 'MAP',
};

function checkSetOrNumber(action: 'ADD' | 'DELETE', type: AttributeType, parameter: ExpressionParameter): void {
  const name = TYPE_NAMES[type];
  if (name === undefined || (action === 'ADD' && type === 'N')) return;
  throw refused(
    parameter,
    `Incorrect operand type for operator or function; operator: ${action}, operand type: ${name}`,
  );
}

const wrongOperand = () => invalid('An operand in the update expression has an incorrect data type');

function present(value: AttributeValue | undefined): AttributeValue {
  if (value === undefined)
    throw invalid('The provided expression refers to an attribute that does not exist in the item');
  return value;
}

function numberIn(value: AttributeValue | undefined): string {
  const there = present(value);
  if (!('N' in there)) throw wrongOperand();
  return there.N;
}

function listIn(value: AttributeValue | undefined): readonly AttributeValue[] {
  const there = present(value);
  if (!('L' in there)) throw wrongOperand();
  return there.L;
}

/** `ADD`: a number to a number, members to a set; to nothing, itself. */
export function added(old: AttributeValue | undefined, value: AttributeValue, refuse = wrongOperand): Change {
  if (old === undefined) return { kind: 'set', value };
  const type = typeOf(value);
  if (typeOf(old) !== type) throw refuse();
  if ('N' in value && 'N' in old) return { kind: 'set', value: { N: addNumbers(old.N, value.N) } };
  const there = new Set(membersOf(old));
  const texts = membersOf(value);
  const more = rawMembers(value).filter((_, at) => !there.has(texts[at]!));
  return { kind: 'set', value: sortedSet({ [type]: [...rawMembers(old), ...more] } as unknown as AttributeValue) };
}

/** `DELETE`: members from a set, which goes with its last one. */
export function deleted(old: AttributeValue | undefined, value: AttributeValue, refuse = wrongOperand): Change {
  if (old === undefined) return { kind: 'keep' };
  const type = typeOf(value);
  if (typeOf(old) !== type) throw refuse();
  const gone = new Set(membersOf(value));
  const texts = membersOf(old);
  const left = rawMembers(old).filter((_, at) => !gone.has(texts[at]!));
  if (left.length === 0) return { kind: 'remove' };
  return { kind: 'set', value: { [type]: left } as unknown as AttributeValue };
}

/** Members of a set as they are stored. */
function rawMembers(value: AttributeValue): readonly (string | Uint8Array)[] {
  if ('SS' in value) return value.SS;
  if ('NS' in value) return value.NS;
  return 'BS' in value ? value.BS : [];
}
