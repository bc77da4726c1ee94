/* Requests in XML (S3): elements become a tree with member names and text, and the common readers take it from there. */
import type { ListShape, MapShape, MemberTraits, ServiceTable, StructureShape } from './shape.ts';
import type { XmlElement } from './xml.ts';

/** The tree of the shape at `index` from the element that holds it. */
export function xmlTree(table: ServiceTable, index: number, element: XmlElement): unknown {
  const shape = table.shapes[index]!;
  switch (shape.type) {
    case 'structure':
    case 'union':
      return structureTree(table, shape, element);
    case 'list':
      return listTree(table, shape, childrenOf(element, shape.memberXmlName ?? 'member'));
    case 'map':
      return mapTree(table, shape, childrenOf(element, 'entry'));
    default:
      return element.text;
  }
}

function structureTree(table: ServiceTable, shape: StructureShape, element: XmlElement): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [name, index, traits] of shape.members) {
    const value = traits?.attribute
      ? element.attributes[traits.xmlName ?? name]
      : member(table, name, index, traits, element);
    if (value !== undefined) result[name] = value;
  }
  return result;
}

function member(
  table: ServiceTable,
  name: string,
  index: number,
  traits: MemberTraits | undefined,
  element: XmlElement,
): unknown {
  const found = childrenOf(element, traits?.xmlName ?? name);
  if (found.length === 0) return undefined;
  const shape = table.shapes[index]!;
  if (traits?.flattened && shape.type === 'list') return listTree(table, shape, found);
  if (traits?.flattened && shape.type === 'map') return mapTree(table, shape, found);
  return xmlTree(table, index, found[0]!);
}

function listTree(table: ServiceTable, shape: ListShape, items: readonly XmlElement[]): unknown[] {
  return items.map((item) => xmlTree(table, shape.member, item));
}

function mapTree(table: ServiceTable, shape: MapShape, entries: readonly XmlElement[]): Record<string, unknown> {
  const pairs = entries.flatMap((entry) => {
    const [key] = childrenOf(entry, shape.keyXmlName ?? 'key');
    const [value] = childrenOf(entry, shape.valueXmlName ?? 'value');
    return key && value ? [[key.text, xmlTree(table, shape.value, value)] as const] : [];
  });
  return Object.fromEntries(pairs);
}

function childrenOf(element: XmlElement, name: string): XmlElement[] {
  return element.children.filter((child) => child.name === name);
}
