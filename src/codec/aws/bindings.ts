/* Members outside of the body: found in the path, the query and the headers of a request, put into the headers of an answer. */
import { ReadFailure } from './failure.ts';
import type { RequestParts } from './protocol.ts';
import type { MemberTraits, ScalarShape, ServiceTable, Shape } from './shape.ts';
import type { NamedStep } from './trail.ts';
import { scalarText } from './xml-writer.ts';

/** A member with its place. */
export interface Bound extends NamedStep {
  readonly name: string;
  readonly index: number;
  readonly shape: Shape;
  readonly traits: MemberTraits;
}

/** Puts a member into the headers that it is bound to, if it is; also used for the members of errors. */
export function writeHeaders(
  shape: Shape,
  traits: MemberTraits | undefined,
  value: any,
  headers: Record<string, string>,
): void {
  if (traits?.header !== undefined) {
    const text = headerText(shape, value);
    if (text !== '') headers[traits.header.toLowerCase()] = text;
  } else if (traits?.prefixHeaders !== undefined) {
    for (const [name, item] of Object.entries(value))
      headers[(traits.prefixHeaders + name).toLowerCase()] = headerValue(String(item));
  }
}

function headerText(shape: Shape, value: any): string {
  if (shape.type === 'list') return [...value].map((item) => headerValue(String(item))).join(', ');
  const scalar = shape as ScalarShape;
  if (scalar.mediaType === 'application/json') return Buffer.from(String(value)).toString('base64');
  return headerValue(scalarText(scalar, value, 'http-date'));
}

/** What would end the header, or is no Latin-1, does not go into one. */
export function headerValue(text: string): string {
  return text.replace(/[\r\n\0]/g, ' ').replace(/[^\t\x20-\xff]/g, '?');
}

/** The text of a member, wherever it is; for the readers to make a value of. */
export function findBound(
  table: ServiceTable,
  { name, shape, traits }: Bound,
  request: RequestParts,
  labels: ReadonlyMap<string, string>,
  query: ReadonlyMap<string, string[]>,
  queryNames: ReadonlySet<string>,
): unknown {
  if (traits.label) return fromLabel(labels.get(name));
  if (traits.query !== undefined) return fromQuery(shape, query.get(traits.query));
  if (traits.header !== undefined) return fromHeader(shape, headerOf(request, traits.header.toLowerCase()));
  if (traits.prefixHeaders !== undefined) return prefixedHeaders(request, traits.prefixHeaders.toLowerCase());
  return traits.queryParams ? remainingQuery(table, shape, query, queryNames) : undefined;
}

function fromLabel(raw: string | undefined): string | undefined {
  if (raw === undefined || !raw.includes('%')) return raw;
  try {
    return decodeURIComponent(raw);
  } catch {
    throw new ReadFailure('serialization', 'The path is not percent-encoded UTF-8');
  }
}

function fromQuery(shape: Shape, values: readonly string[] | undefined): unknown {
  if (!values) return undefined;
  return shape.type === 'list' ? [...values] : values.at(-1);
}

function fromHeader(shape: Shape, text: string | undefined): unknown {
  if (text === undefined) return undefined;
  if (shape.type === 'list') return text.split(',').map((item) => item.trim().replace(/^"(.*)"$/, '$1'));
  const { mediaType } = shape as ScalarShape;
  return mediaType === 'application/json' ? Buffer.from(text, 'base64').toString('utf8') : text;
}

/** A header's value, joined where it came more than once. */
function headerOf(request: RequestParts, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'object' ? value.join(', ') : value;
}

function prefixedHeaders(request: RequestParts, prefix: string): Record<string, string> | undefined {
  const names = Object.keys(request.headers).filter((name) => name.startsWith(prefix));
  if (names.length === 0) return undefined;
  return Object.fromEntries(names.map((name) => [name.slice(prefix.length), headerOf(request, name)!]));
}

/** Query parameters that no other member takes. */
function remainingQuery(
  table: ServiceTable,
  shape: Shape,
  query: ReadonlyMap<string, string[]>,
  queryNames: ReadonlySet<string>,
): Record<string, unknown> | undefined {
  const left = [...query].filter(([name]) => !queryNames.has(name));
  if (left.length === 0) return undefined;
  const lists = shape.type === 'map' && table.shapes[shape.value]!.type === 'list';
  return Object.fromEntries(left.map(([name, values]) => [name, lists ? values : values[0]]));
}

/** All values of each parameter. */
export function queryValues(text: string): Map<string, string[]> {
  const values = new Map<string, string[]>();
  if (text === '') return values;
  for (const [name, value] of new URLSearchParams(text)) {
    const known = values.get(name);
    if (known) known.push(value);
    else values.set(name, [value]);
  }
  return values;
}
