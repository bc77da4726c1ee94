/*
 * The query protocol's requests: a form whose keys are paths (`Entries.member.2.Body`), read into a tree by their shape. The tree
 * has member names and text, so that the common readers take it from there.
 */
import { ReadFailure } from './failure.ts';
import type { ListShape, MapShape, MemberTraits, ServiceTable, StructureShape } from './shape.ts';

/** Fields of one form (S5). */
const FIELDS_MAX = 10_000;

/** A level of the form: the values whose path ends here, and the steps that go on. */
interface Level {
  value: string | undefined;
  readonly steps: Map<string, Level>;
}

/** Parses a form (or a query string) into its fields; the last of a name counts. */
export function parseForm(text: string): Map<string, string> {
  const fields = new Map<string, string>();
  let start = 0;
  while (start < text.length) {
    let end = text.indexOf('&', start);
    if (end < 0) end = text.length;
    if (end > start) addField(fields, text, start, end);
    start = end + 1;
  }
  return fields;
}

function addField(fields: Map<string, string>, text: string, start: number, end: number): void {
  if (fields.size >= FIELDS_MAX) throw new ReadFailure('serialization', `The form has more than ${FIELDS_MAX} fields`);
  const equals = text.indexOf('=', start);
  const middle = equals < 0 || equals > end ? end : equals;
  fields.set(decodeFormPart(text.slice(start, middle)), decodeFormPart(text.slice(middle + 1, end)));
}

function decodeFormPart(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text;
  if (!spaced.includes('%')) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    throw new ReadFailure('serialization', 'The form is not percent-encoded UTF-8');
  }
}

/** Builds the tree of `index`'s shape from a form. */
export function formTree(table: ServiceTable, index: number, fields: ReadonlyMap<string, string>): unknown {
  const root: Level = { value: undefined, steps: new Map() };
  for (const [key, value] of fields) put(root, key, value);
  return structureTree(table, table.shapes[index] as StructureShape, root);
}

/** Deepest path: no model comes near it, and the tree is walked by recursion (S5). */
const DEPTH_MAX = 64;

function put(root: Level, key: string, value: string): void {
  const steps = key.split('.');
  if (steps.length > DEPTH_MAX) throw new ReadFailure('serialization', 'The request is nested too deeply.');
  let level = root;
  for (const step of steps) {
    const next: Level = level.steps.get(step) ?? { value: undefined, steps: new Map() };
    level.steps.set(step, next);
    level = next;
  }
  level.value = value;
}

function tree(table: ServiceTable, index: number, level: Level, traits?: MemberTraits): unknown {
  const shape = table.shapes[index]!;
  switch (shape.type) {
    case 'structure':
    case 'union':
      return structureTree(table, shape, level);
    case 'list':
      return listTree(table, shape, level, traits);
    case 'map':
      return mapTree(table, shape, level, traits);
    default:
      return level.value;
  }
}

function structureTree(table: ServiceTable, shape: StructureShape, level: Level): unknown {
  const result: Record<string, unknown> = {};
  for (const [name, index, traits] of shape.members) {
    const found = level.steps.get(formName(table, name, index, traits));
    const value = found && tree(table, index, found, traits);
    if (value !== undefined) result[name] = value;
  }
  return result;
}

/** A flattened list goes by its items' name, where it has one; all others by the member's. */
function formName(table: ServiceTable, name: string, index: number, traits: MemberTraits | undefined): string {
  if (traits?.xmlName !== undefined) return traits.xmlName;
  const shape = table.shapes[index]!;
  return traits?.flattened && shape.type === 'list' && shape.memberXmlName ? shape.memberXmlName : name;
}

function listTree(table: ServiceTable, shape: ListShape, level: Level, traits?: MemberTraits): unknown {
  const items = traits?.flattened
    ? level
    : (level.steps.get(shape.memberXmlName ?? 'member') ?? level.steps.get('member'));
  // `Names=` without an index is how an empty list is sent.
  if (!items) return level.value === '' ? [] : undefined;
  return numbered(items).map((item) => tree(table, shape.member, item) ?? null);
}

function mapTree(table: ServiceTable, shape: MapShape, level: Level, traits?: MemberTraits): unknown {
  const entries = traits?.flattened ? level : level.steps.get('entry');
  if (!entries) return level.value === '' ? {} : undefined;
  const pairs = numbered(entries).flatMap((entry) => {
    const key = entry.steps.get(shape.keyXmlName ?? 'key')?.value;
    const value = entry.steps.get(shape.valueXmlName ?? 'value');
    return key === undefined ? [] : [[key, value ? (tree(table, shape.value, value) ?? null) : null] as const];
  });
  return Object.fromEntries(pairs);
}

/** Items in order of their number; gaps are closed, as AWS does. */
function numbered(level: Level): Level[] {
  return [...level.steps]
    .filter(([step]) => /^\d{1,9}$/.test(step))
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([, item]) => item);
}
