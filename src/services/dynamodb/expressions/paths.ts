import { invalid } from '../errors.ts';
import type { Attributes, AttributeValue } from '../model/attribute-value.ts';
import { type KeySchema, keyAttributes, type Table } from '../model/table.ts';
import type { DocumentPath } from './bindings.ts';
import { valueAt } from './compare.ts';

/** A path as AWS's errors show it. */
export function pathText(path: DocumentPath): string {
  return `[${path.map((part) => (typeof part === 'number' ? `[${part}]` : part)).join(', ')}]`;
}

/**
 * What is wrong with paths that name the same, or parts of each other: `undefined` when nothing is.
 * A conflict, when one takes for a list what the other takes for a map.
 */
export function problemOfPaths(paths: readonly DocumentPath[]): string | undefined {
  if (paths.length < 2) return undefined;
  const root = new PathTree();
  let conflict: string | undefined;
  for (const path of paths) {
    const found = root.add(path);
    if (found?.kind === 'overlap') return found.reason;
    conflict ??= found?.reason;
  }
  return conflict;
}

interface Problem {
  readonly kind: 'overlap' | 'conflict';
  readonly reason: string;
}

/** Paths that were added, by their members: a path meets only those that begin as it does. */
class PathTree {
  readonly #members = new Map<string | number, PathTree>();
  /** The first path that goes through here, and the one that ends here. */
  #through: DocumentPath | undefined;
  #ends: DocumentPath | undefined;

  add(path: DocumentPath): Problem | undefined {
    let node: PathTree = this;
    for (const part of path) {
      const problem = node.#problemWith(path, part);
      if (problem) return problem;
      node.#through ??= path;
      const next = node.#members.get(part) ?? new PathTree();
      node.#members.set(part, next);
      node = next;
    }
    const other = node.#ends ?? node.#through;
    if (other) return overlap(other, path);
    node.#ends = path;
    return undefined;
  }

  #problemWith(path: DocumentPath, part: string | number): Problem | undefined {
    if (this.#ends) return overlap(this.#ends, path);
    const [first] = this.#members.keys();
    if (first === undefined || typeof first === typeof part) return undefined;
    return { kind: 'conflict', reason: `Two document paths conflict with each other; ${both(this.#through!, path)}` };
  }
}

function overlap(one: DocumentPath, two: DocumentPath): Problem {
  return { kind: 'overlap', reason: `Two document paths overlap with each other; ${both(one, two)}` };
}

function both(one: DocumentPath, two: DocumentPath): string {
  return `must remove or rewrite one of these paths; path one: ${pathText(one)}, path two: ${pathText(two)}`;
}

/**
 * Attributes of keys have no parts.
 * @throws DynamodbError `validation-failed` when a path goes into an attribute of the table's key, or of an index's
 */
export function checkKeyPaths({ key, indexes }: Pick<Table, 'key' | 'indexes'>, paths: readonly DocumentPath[]): void {
  const into = new Set(paths.filter(({ length }) => length > 1).map(([name]) => name));
  if (into.size === 0) return;
  checkKeyNames(key, into, 'Key');
  for (const index of indexes.values()) checkKeyNames(index.key, into, 'IndexKey');
}

function checkKeyNames(key: KeySchema, into: ReadonlySet<string | number | undefined>, what: string): void {
  for (const { name } of keyAttributes(key)) {
    if (!into.has(name)) continue;
    throw invalid(
      `Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: ${what}: ${name}`,
    );
  }
}

/** A part of an item on its way: a leaf, or members by name or index. */
type Part =
  | { readonly leaf: AttributeValue }
  | { readonly kind: 'M' | 'L'; readonly members: Map<string | number, Part> };

/**
 * What stands at `paths` of an item, in the same maps and lists; of lists the members move together, in order.
 * @param paths  none part of another
 */
export function project(attributes: Attributes, paths: readonly DocumentPath[]): Attributes {
  const root = new Map<string | number, Part>();
  for (const path of paths) {
    const value = valueAt(attributes, path);
    if (value !== undefined) place(root, path, value);
  }
  return attributesOf(root);
}

function place(root: Map<string | number, Part>, path: DocumentPath, leaf: AttributeValue): void {
  let members = root;
  for (let at = 0; at < path.length - 1; at++) {
    let part = members.get(path[at]!);
    if (part === undefined || 'leaf' in part) {
      part = { kind: typeof path[at + 1] === 'number' ? 'L' : 'M', members: new Map() };
      members.set(path[at]!, part);
    }
    members = part.members;
  }
  members.set(path.at(-1)!, { leaf });
}

function attributesOf(members: ReadonlyMap<string | number, Part>): Attributes {
  // Own properties whatever their names: an assignment to __proto__ would be none.
  return Object.fromEntries([...members].map(([name, part]) => [name, wholeOf(part)]));
}

function wholeOf(part: Part): AttributeValue {
  if ('leaf' in part) return part.leaf;
  if (part.kind === 'M') return { M: attributesOf(part.members) };
  const inOrder = [...part.members].sort(([a], [b]) => Number(a) - Number(b));
  return { L: inOrder.map(([, member]) => wholeOf(member)) };
}
