import { invalid } from '../errors.ts';
import type { Attributes, AttributeValue } from '../model/attribute-value.ts';
import type { DocumentPath } from './bindings.ts';

/** What happens at a path. `keep` changes nothing, but what it stands in has to be there. */
export type Change =
  | { readonly kind: 'set'; readonly value: AttributeValue }
  | { readonly kind: 'remove' }
  | { readonly kind: 'keep' };

/** Where the changes of an update are: the number of a change, or what is changed within. */
export type Edits = ReadonlyMap<string | number, number | Edits>;

/** @param paths  none part of another, and none taking for a list what another takes for a map */
export function editsOf(paths: readonly DocumentPath[]): Edits {
  type Building = Map<string | number, number | Building>;
  const root: Building = new Map();
  paths.forEach((path, change) => {
    let edits = root;
    for (const part of path.slice(0, -1)) {
      const there = edits.get(part);
      const next = typeof there === 'object' ? there : new Map();
      edits.set(part, next);
      edits = next;
    }
    edits.set(path.at(-1)!, change);
  });
  return root;
}

/**
 * The item with the changes in it; what is not changed is shared with the old one.
 * Indexes of lists are those of the item as it was: members set beyond the end are appended in their order.
 * @throws DynamodbError `validation-failed` when a change stands in what is not there, or is neither map nor list
 */
export function edited(attributes: Attributes, edits: Edits, changes: readonly Change[]): Attributes {
  const result: Record<string, AttributeValue> = { ...attributes };
  for (const [part, edit] of edits) {
    const name = nameOf(part);
    const value = changed(Object.hasOwn(attributes, name) ? attributes[name] : undefined, edit, changes);
    if (value === undefined) delete result[name];
    else setOwn(result, name, value);
  }
  return result;
}

/** A list has no names, and a map no indexes. */
function nameOf(part: string | number): string {
  if (typeof part === 'number') throw invalidPath();
  return part;
}

/** Also of `__proto__`, which an assignment would not set. */
function setOwn(target: Record<string, AttributeValue>, name: string, value: AttributeValue): void {
  if (name !== '__proto__') target[name] = value;
  else Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
}

/** @returns what stands there afterwards; `undefined` for nothing */
function changed(
  old: AttributeValue | undefined,
  edit: number | Edits,
  changes: readonly Change[],
): AttributeValue | undefined {
  if (typeof edit === 'number') {
    const change = changes[edit]!;
    return change.kind === 'set' ? change.value : change.kind === 'keep' ? old : undefined;
  }
  if (old === undefined) throw invalidPath();
  if ('M' in old) return { M: edited(old.M, edit, changes) };
  if ('L' in old) return { L: editedList(old.L, edit, changes) };
  throw invalidPath();
}

function editedList(list: readonly AttributeValue[], edits: Edits, changes: readonly Change[]): AttributeValue[] {
  const inOrder = [...edits].sort(([a], [b]) => Number(a) - Number(b));
  const members: (AttributeValue | undefined)[] = [...list];
  for (const [part, edit] of inOrder) {
    if (typeof part === 'string') throw invalidPath();
    const value = changed(list[part], edit, changes);
    if (part < list.length) members[part] = value;
    else members.push(value);
  }
  return members.filter((member) => member !== undefined);
}

const invalidPath = () => invalid('The document path provided in the update expression is invalid for update');
