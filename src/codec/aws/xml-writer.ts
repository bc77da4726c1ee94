/* Answers in XML: restXml bodies and the query protocol's results. */

import { toBase64 } from './json-writer.ts';
import type {
  ListShape,
  MapShape,
  MemberRow,
  MemberTraits,
  ScalarShape,
  ServiceTable,
  StructureShape,
} from './shape.ts';
import { writeTimestamp } from './timestamp.ts';
import { escapeXml } from './xml.ts';

/** The content of a structure's element: its members that `takes` accepts, without the element itself. */
export function xmlContent(
  table: ServiceTable,
  index: number,
  value: Record<string, unknown>,
  takes: (traits: MemberTraits | undefined) => boolean = () => true,
): string {
  return content(table, table.shapes[index] as StructureShape, value, takes);
}

/** An element `name` with the value of the shape at `index`. */
export function xmlElement(table: ServiceTable, index: number, name: string, value: any, namespace = ''): string {
  const shape = table.shapes[index]!;
  switch (shape.type) {
    case 'structure':
    case 'union': {
      const attributes = namespace + attributesOf(shape, value);
      return `<${name}${attributes}>${content(table, shape, value)}</${name}>`;
    }
    case 'list':
      return `<${name}${namespace}>${items(table, shape, shape.memberXmlName ?? 'member', value)}</${name}>`;
    case 'map':
      return `<${name}${namespace}>${entries(table, shape, 'entry', value)}</${name}>`;
    default:
      return `<${name}${namespace}>${escapeXml(scalarText(shape, value, 'date-time'))}</${name}>`;
  }
}

function content(
  table: ServiceTable,
  shape: StructureShape,
  value: Record<string, unknown>,
  takes: (traits: MemberTraits | undefined) => boolean = () => true,
): string {
  let text = '';
  for (const row of shape.members) {
    const item = value[row[0]];
    if (item !== undefined && item !== null && !row[2]?.attribute && takes(row[2])) text += memberXml(table, row, item);
  }
  return text;
}

function memberXml(table: ServiceTable, [name, index, traits]: MemberRow, value: any): string {
  const shape = table.shapes[index]!;
  const element = traits?.xmlName ?? name;
  if (traits?.flattened && shape.type === 'list') return items(table, shape, element, value);
  if (traits?.flattened && shape.type === 'map') return entries(table, shape, element, value);
  return xmlElement(table, index, element, value, namespaceAttribute(traits?.xmlNamespace));
}

function items(table: ServiceTable, shape: ListShape, name: string, value: Iterable<unknown>): string {
  let text = '';
  for (const item of value) text += xmlElement(table, shape.member, name, item);
  return text;
}

function entries(table: ServiceTable, shape: MapShape, name: string, value: Record<string, unknown>): string {
  let text = '';
  for (const [key, item] of Object.entries(value)) {
    const keyXml = xmlElement(table, shape.key, shape.keyXmlName ?? 'key', key);
    text += `<${name}>${keyXml}${xmlElement(table, shape.value, shape.valueXmlName ?? 'value', item)}</${name}>`;
  }
  return text;
}

function attributesOf(shape: StructureShape, value: Record<string, unknown>): string {
  let text = namespaceAttribute(shape.xmlNamespace);
  for (const [name, , traits] of shape.members) {
    if (!traits?.attribute || value[name] === undefined) continue;
    text += ` ${traits.xmlName ?? name}="${escapeXml(String(value[name])).replaceAll('\n', '&#xA;')}"`;
  }
  return text;
}

/** ` xmlns="uri"`, or with the prefix; nothing for no namespace. */
export function namespaceAttribute(namespace: readonly string[] | undefined): string {
  if (!namespace) return '';
  const [first, second] = namespace as [string, string?];
  return second === undefined ? ` xmlns="${escapeXml(first)}"` : ` xmlns:${first}="${escapeXml(second)}"`;
}

/** A scalar as text, not escaped, as XML bodies, headers and query strings have it. */
export function scalarText(shape: ScalarShape, value: any, timestamps: 'date-time' | 'http-date'): string {
  switch (shape.type) {
    case 'blob':
      return toBase64(value);
    case 'timestamp':
      return writeTimestamp(value, shape.format ?? timestamps);
    default:
      return String(value);
  }
}
