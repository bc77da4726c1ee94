import { attributeOf, chooseBranch, type Scope, SUBSTITUTION, subParts } from './evaluate.ts';
import { asIntrinsic, isObject, type Json } from './value.ts';

/** A name used in a value: by `Ref` (no attribute) or `Fn::GetAtt`. */
export interface Reference {
  readonly name: string;
  readonly attribute?: string;
}

/**
 * The names that a value refers to. Only the branch that `Fn::If` takes counts: what is not used is not waited for.
 */
export function referencesOf(value: Json, scope: Pick<Scope, 'condition'>): readonly Reference[] {
  const found: Reference[] = [];
  visit(value, scope, found);
  return found;
}

function visit(value: Json, scope: Pick<Scope, 'condition'>, found: Reference[]): void {
  if (Array.isArray(value)) {
    for (const item of value) visit(item as Json, scope, found);
    return;
  }
  if (!isObject(value)) return;
  const intrinsic = asIntrinsic(value);
  if (!intrinsic) {
    for (const member of Object.values(value)) visit(member, scope, found);
    return;
  }
  const { name, argument } = intrinsic;
  if (name === 'Ref' && typeof argument === 'string') found.push({ name: argument });
  else if (name === 'Fn::GetAtt') visitGetAtt(argument, scope, found);
  else if (name === 'Fn::Sub') visitSub(argument, scope, found);
  else visit(name === 'Fn::If' ? chooseBranch(argument, scope) : argument, scope, found);
}

function visitGetAtt(argument: Json, scope: Pick<Scope, 'condition'>, found: Reference[]): void {
  const { logicalId, attribute } = attributeOf(argument);
  found.push({ name: logicalId, ...(typeof attribute === 'string' && { attribute }) });
  visit(attribute, scope, found);
}

function visitSub(argument: Json, scope: Pick<Scope, 'condition'>, found: Reference[]): void {
  const { text, variables } = subParts(argument);
  for (const [, literal, name] of text.matchAll(SUBSTITUTION)) {
    if (literal || Object.hasOwn(variables, name!)) continue;
    const dot = name!.indexOf('.');
    found.push(dot < 0 ? { name: name! } : { name: name!.slice(0, dot), attribute: name!.slice(dot + 1) });
  }
  visit(variables, scope, found);
}

/** Nodes by name, each with the names that must come before it. */
export type Graph = Readonly<Record<string, readonly string[]>>;

/** The nodes that lie on a circle, sorted; empty when there is an order. */
export function findCycle(graph: Graph): readonly string[] {
  const left = new Map(Object.entries(graph).map(([name, before]) => [name, new Set(before)]));
  // Peels what has nothing before it, then (in the mirror) what nothing comes after: the rest is circles.
  peel(left);
  const mirror = new Map([...left.keys()].map((name) => [name, new Set<string>()]));
  for (const [name, before] of left) for (const one of before) mirror.get(one)?.add(name);
  peel(mirror);
  return [...mirror.keys()].sort();
}

function peel(left: Map<string, Set<string>>): void {
  for (let peeled = true; peeled; ) {
    peeled = false;
    for (const [name, before] of left) {
      if ([...before].some((one) => left.has(one))) continue;
      left.delete(name);
      peeled = true;
    }
  }
}

/** The same nodes with every arrow turned round: for deleting. */
export function reversed(graph: Graph): Graph {
  const turned: Record<string, string[]> = Object.fromEntries(Object.keys(graph).map((name) => [name, []]));
  for (const [name, before] of Object.entries(graph)) for (const one of before) turned[one]?.push(name);
  return turned;
}
