import { badRequest } from './errors.ts';
import { REST_API_LIMITS } from './limits.ts';

/** One change, as Update operations are given them. */
export interface PatchOperation {
  readonly op?: string;
  readonly path?: string;
  readonly value?: string;
  readonly from?: string;
}

/** What stands at a path, and how the text of a change is read there. */
export type Kind =
  | 'text'
  | 'number'
  | 'flag'
  /** Entries are named in the path: `/binaryMediaTypes/image~1png`; a change of the whole has commas in between. */
  | 'set'
  /** Entries are named in the path: `/variables/name`. */
  | { readonly map: Kind }
  | { readonly object: Readonly<Record<string, Kind>> };

type Json = Readonly<Record<string, unknown>>;

/**
 * What changes make of a thing: JSON Patch as API Gateway takes it, in paths of {@link Kind}.
 *
 * @throws bad-request  a path that cannot be changed, or a value of another kind
 * @see Amazon API Gateway developer guide, "PatchOperation"
 */
export function patched<T extends object>(
  before: T,
  operations: readonly PatchOperation[] | undefined,
  kinds: Readonly<Record<string, Kind>>,
): T {
  if ((operations?.length ?? 0) > REST_API_LIMITS.patchOperationsMax) {
    throw badRequest(`At most ${REST_API_LIMITS.patchOperationsMax} patch operations are allowed`);
  }
  let after: unknown = before;
  for (const operation of operations ?? []) {
    const path = segmentsOf(operation.path);
    after = changed(after, path, { object: kinds }, operation);
  }
  return after as T;
}

function segmentsOf(path: string | undefined): readonly string[] {
  if (path === undefined || !path.startsWith('/') || path === '/')
    throw badRequest(`Invalid patch path '${path ?? ''}'`);
  return path
    .slice(1)
    .split('/')
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function changed(before: unknown, path: readonly string[], kind: Kind, operation: PatchOperation): unknown {
  const [name, ...rest] = path;
  if (name === undefined) return readValue(kind, operation);
  if (kind === 'set') return changedSet((before ?? []) as readonly string[], path.join('/'), operation);
  if (typeof kind === 'string') throw refused(operation);
  const inner = 'map' in kind ? kind.map : kind.object[name];
  if (inner === undefined) throw refused(operation);
  const members = (before ?? {}) as Json;
  if (rest.length === 0 && operation.op === 'remove') {
    const { [name]: _gone, ...others } = members;
    return others;
  }
  const own = Object.hasOwn(members, name) ? members[name] : undefined;
  return { ...members, [name]: changed(own, rest, inner, operation) };
}

function changedSet(before: readonly string[], entry: string, { op, value }: PatchOperation): readonly string[] {
  const others = before.filter((one) => one !== entry);
  if (op === 'remove') return others;
  return [...others, op === 'replace' && value !== undefined ? value : entry];
}

function readValue(kind: Kind, operation: PatchOperation): unknown {
  const { op, value } = operation;
  if (op !== 'replace' && op !== 'add') throw refused(operation);
  if (value === undefined) throw badRequest(`Invalid patch value for path '${operation.path}'`);
  if (kind === 'text') return value;
  if (kind === 'set') return value === '' ? [] : value.split(/\s*,\s*/);
  if (kind === 'flag') {
    if (!/^(true|false)$/i.test(value))
      throw badRequest(`Invalid boolean value '${value}' for path '${operation.path}'`);
    return value.toLowerCase() === 'true';
  }
  if (kind === 'number') {
    if (value.trim() === '' || !Number.isFinite(Number(value))) {
      throw badRequest(`Invalid number '${value}' for path '${operation.path}'`);
    }
    return Number(value);
  }
  throw refused(operation);
}

function refused({ op, path }: PatchOperation): Error {
  return badRequest(`Invalid patch path '${path}' specified for op '${op}'. Please choose supported operations`);
}
