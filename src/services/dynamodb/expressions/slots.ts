import type { Attributes, AttributeValue } from '../model/attribute-value.ts';
import type { Bindings, DocumentPath } from './bindings.ts';
import { valueAt } from './compare.ts';
import type { ExpressionParameter, PathNode, ValueNode } from './syntax.ts';

/** What a compiled expression runs with: its paths and values, as the request has named them. */
export interface Scope {
  readonly paths: DocumentPath[];
  readonly values: AttributeValue[];
}

/** A piece of a compiled expression. It is made once per text, and holds nothing of a request. */
export type Read = (item: Attributes, scope: Scope) => AttributeValue | undefined;

/** A step of binding: it fills the scope, or refuses what the request has given. */
export type Bind = (bindings: Bindings, scope: Scope) => void;

/** Gives each path and value of an expression its place in the scope. */
export class Slots {
  readonly parameter: ExpressionParameter;
  #paths = 0;
  #values = 0;

  constructor(parameter: ExpressionParameter) {
    this.parameter = parameter;
  }

  path(node: PathNode): { readonly slot: number; readonly bind: Bind } {
    const slot = this.#paths++;
    const { parameter } = this;
    const isStatic = !node.parts.some((part) => typeof part === 'string' && part.startsWith('#'));
    return {
      slot,
      bind: (bindings, scope) => {
        scope.paths[slot] = isStatic ? node.parts : bindings.path(node, parameter);
      },
    };
  }

  value(node: ValueNode): { readonly slot: number; readonly bind: Bind } {
    const slot = this.#values++;
    const { parameter } = this;
    return {
      slot,
      bind: (bindings, scope) => {
        scope.values[slot] = bindings.value(node.ref, parameter);
      },
    };
  }
}

export const readPath =
  (slot: number): Read =>
  (item, scope) =>
    valueAt(item, scope.paths[slot]!);

export const readValue =
  (slot: number): Read =>
  (_, scope) =>
    scope.values[slot];

/** A scope filled by `steps`. @throws DynamodbError `validation-failed` */
export function bindAll(steps: readonly Bind[], bindings: Bindings): Scope {
  const scope: Scope = { paths: [], values: [] };
  for (const step of steps) step(bindings, scope);
  return scope;
}
