import { callMethod, Functions, show, type Value } from './methods.ts';
import type { Expression, Node, Reference } from './syntax.ts';
import { TemplateError } from './syntax.ts';

/** Numbers of templates (S5): what one may do, however it is written. */
export const TEMPLATE_LIMITS = {
  /** Characters that a template may become (AWS: 10 MB of a payload). */
  outputCharactersMax: 10 * 1024 * 1024,
  /** Nodes that are rendered, all loops counted. */
  stepsMax: 1_000_000,
  /** Turns of one loop (AWS: 1,000). */
  turnsMax: 1_000,
} as const;

/** What `#define` has named. */
class Block {
  readonly body: readonly Node[];

  constructor(body: readonly Node[]) {
    this.body = body;
  }
}

/** Blocks within blocks: one may name itself. */
const BLOCK_DEPTH_MAX = 20;

class Stop extends Error {}
class Break extends Error {}

/**
 * What a template becomes.
 * @param variables  by name; `#set` changes them
 * @throws TemplateError
 */
export function renderTemplate(nodes: readonly Node[], variables: Map<string, Value>): string {
  return new Rendering(variables).render(nodes);
}

class Rendering {
  readonly #variables: Map<string, Value>;
  #steps = 0;
  #length = 0;
  #blocks = 0;

  constructor(variables: Map<string, Value>) {
    this.#variables = variables;
  }

  render(nodes: readonly Node[]): string {
    const parts: string[] = [];
    try {
      this.#nodes(nodes, parts);
    } catch (error) {
      if (!(error instanceof Stop) && !(error instanceof Break)) throw error;
    }
    return parts.join('');
  }

  #nodes(nodes: readonly Node[], parts: string[]): void {
    for (const node of nodes) this.#node(node, parts);
  }

  #node(node: Node, parts: string[]): void {
    this.#count();
    if (node.kind === 'text') return this.#print(node.text, parts);
    if (node.kind === 'reference') {
      const value = this.#valueOf(node.reference);
      const isMissing = value === undefined || value === null;
      return this.#print(isMissing ? (node.quiet || value === null ? '' : node.source) : show(value), parts);
    }
    if (node.kind === 'set') return this.#assign(node.target, this.#evaluate(node.value));
    if (node.kind === 'if') {
      const taken = node.branches.find(({ condition }) => !condition || isTrue(this.#evaluate(condition)));
      return taken && this.#nodes(taken.body, parts);
    }
    if (node.kind === 'define') return void this.#variables.set(node.name, new Block(node.body));
    if (node.kind === 'foreach') return this.#foreach(node, parts);
    throw node.kind === 'stop' ? new Stop() : new Break();
  }

  #print(text: string, parts: string[]): void {
    this.#length += text.length;
    if (this.#length > TEMPLATE_LIMITS.outputCharactersMax) throw new TemplateError('it becomes too long');
    parts.push(text);
  }

  #count(): void {
    if (++this.#steps > TEMPLATE_LIMITS.stepsMax) throw new TemplateError('it takes too long');
  }

  #foreach({ name, list, body }: Extract<Node, { kind: 'foreach' }>, parts: string[]): void {
    const given = this.#evaluate(list);
    const items = given instanceof Map ? [...given.values()] : Array.isArray(given) ? given : [];
    if (items.length > TEMPLATE_LIMITS.turnsMax) throw new TemplateError('a loop has too many turns');
    const outer = this.#variables.get('foreach');
    for (const [index, item] of items.entries()) {
      this.#variables.set(name, item);
      this.#variables.set('velocityCount', index + 1);
      const hasNext = index < items.length - 1;
      const state = { index, count: index + 1, hasNext, first: index === 0, last: !hasNext };
      this.#variables.set('foreach', new Map<string, Value>(Object.entries(state)));
      try {
        this.#nodes(body, parts);
      } catch (error) {
        if (error instanceof Break) break;
        throw error;
      }
    }
    this.#variables.set('foreach', outer);
  }

  #assign({ name, steps }: Reference, value: Value): void {
    const last = steps.at(-1);
    if (!last) return void this.#variables.set(name, value);
    const holder = this.#valueOf({ name, steps: steps.slice(0, -1) });
    if (last.kind === 'call') throw new TemplateError('what a method gives cannot be set');
    const key = last.kind === 'member' ? last.name : this.#evaluate(last.index);
    if (holder instanceof Map) holder.set(show(key), value);
    else if (Array.isArray(holder) && Number.isInteger(key) && (key as number) <= holder.length)
      holder[key as number] = value;
  }

  #valueOf({ name, steps }: Reference): Value {
    let value: Value = this.#variables.get(name);
    if (value instanceof Block) value = this.#block(value);
    for (const step of steps) {
      if (value === undefined || value === null) return undefined;
      this.#count();
      if (step.kind === 'call')
        value = callMethod(
          value,
          step.name,
          step.args.map((arg) => this.#evaluate(arg)),
        );
      else value = memberOf(value, step.kind === 'member' ? step.name : this.#evaluate(step.index));
    }
    return value;
  }

  #block({ body }: Block): string {
    if (this.#blocks >= BLOCK_DEPTH_MAX) throw new TemplateError('blocks are nested too deeply');
    this.#blocks++;
    const parts: string[] = [];
    this.#nodes(body, parts);
    this.#blocks--;
    return parts.join('');
  }

  #evaluate(expression: Expression): Value {
    this.#count();
    switch (expression.kind) {
      case 'literal':
        return expression.value;
      case 'template': {
        const parts: string[] = [];
        this.#nodes(expression.body, parts);
        return parts.join('');
      }
      case 'reference':
        return this.#valueOf(expression.reference);
      case 'list':
        return expression.items.map((item) => this.#evaluate(item));
      case 'map':
        return new Map(expression.entries.map(([key, value]) => [show(this.#evaluate(key)), this.#evaluate(value)]));
      case 'range':
        return rangeOf(Number(this.#evaluate(expression.from)), Number(this.#evaluate(expression.to)));
      case 'not':
        return !isTrue(this.#evaluate(expression.operand));
      case 'binary':
        return this.#binary(expression);
    }
  }

  #binary({ operator, left, right }: Extract<Expression, { kind: 'binary' }>): Value {
    const first = this.#evaluate(left);
    if (operator === '&&' || operator === 'and') return isTrue(first) && isTrue(this.#evaluate(right));
    if (operator === '||' || operator === 'or') return isTrue(first) || isTrue(this.#evaluate(right));
    return operate(operator, first, this.#evaluate(right));
  }
}

function isTrue(value: Value): boolean {
  return value !== undefined && value !== null && value !== false;
}

function memberOf(value: Value, key: Value): Value {
  if (value instanceof Functions) return value.member(show(key));
  if (value instanceof Map) return value.get(show(key));
  return Array.isArray(value) && Number.isInteger(Number(key)) ? value.at(Number(key)) : undefined;
}

function rangeOf(from: number, to: number): number[] {
  const length = Math.abs(to - from) + 1;
  if (!Number.isInteger(length) || length > TEMPLATE_LIMITS.turnsMax) throw new TemplateError('a range is too long');
  return Array.from({ length }, (_none, index) => (to >= from ? from + index : from - index));
}

function operate(operator: string, left: Value, right: Value): Value {
  switch (operator) {
    case '==':
    case 'eq':
      return isSame(left, right);
    case '!=':
    case 'ne':
      return !isSame(left, right);
    case '<':
    case 'lt':
      return Number(left) < Number(right);
    case '<=':
    case 'le':
      return Number(left) <= Number(right);
    case '>':
    case 'gt':
      return Number(left) > Number(right);
    case '>=':
    case 'ge':
      return Number(left) >= Number(right);
    case '+':
      return typeof left === 'number' && typeof right === 'number'
        ? left + right
        : show(left ?? '') + show(right ?? '');
    case '-':
      return Number(left) - Number(right);
    case '*':
      return Number(left) * Number(right);
    case '/':
      return quotient(Number(left), Number(right));
    default:
      return Number(left) % Number(right);
  }
}

/** Whole numbers are divided as whole ones. */
function quotient(left: number, right: number): number {
  const value = left / right;
  return Number.isInteger(left) && Number.isInteger(right) ? Math.trunc(value) : value;
}

/** Values of different kinds are the same where they print the same. */
function isSame(left: Value, right: Value): boolean {
  if (left === right || ((left === undefined || left === null) && (right === undefined || right === null))) return true;
  if (left === undefined || left === null || right === undefined || right === null) return false;
  return show(left) === show(right);
}
