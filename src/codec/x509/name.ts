import { DerError, DerReader, dottedOf, oid, sequence, set, TAG, utf8 } from './der.ts';

/** Attributes of names that have a short form, by it. */
const ATTRIBUTES = {
  CN: '2.5.4.3',
  SN: '2.5.4.4',
  serialNumber: '2.5.4.5',
  C: '2.5.4.6',
  L: '2.5.4.7',
  ST: '2.5.4.8',
  O: '2.5.4.10',
  OU: '2.5.4.11',
  title: '2.5.4.12',
  GN: '2.5.4.42',
  dnQualifier: '2.5.4.46',
  DC: '0.9.2342.19200300.100.1.25',
  emailAddress: '1.2.840.113549.1.9.1',
} as const;

const SHORT = new Map(Object.entries(ATTRIBUTES).map(([short, dotted]) => [dotted as string, short]));

export type NameAttribute = keyof typeof ATTRIBUTES;

/** A distinguished name of one attribute or a few, in order. */
export function encodeName(...parts: readonly (readonly [attribute: NameAttribute, value: string])[]): Buffer {
  return sequence(...parts.map(([attribute, value]) => set(sequence(oid(ATTRIBUTES[attribute]), utf8(value)))));
}

/**
 * The attributes of a distinguished name in the order in which they stand; those without a short form by their dotted identifier.
 *
 * @throws DerError
 */
export function decodeName(der: Uint8Array): readonly (readonly [attribute: string, value: string])[] {
  const found: (readonly [string, string])[] = [];
  const relatives = new DerReader(der).enter(TAG.sequence);
  while (!relatives.isAtEnd) {
    const pairs = relatives.enter(TAG.set);
    while (!pairs.isAtEnd) {
      const pair = pairs.enter(TAG.sequence);
      const attribute = dottedOf(pair.next(TAG.oid).content);
      const { tag, content } = pair.next();
      pair.end();
      found.push([SHORT.get(attribute) ?? attribute, textOf(tag, content)]);
    }
  }
  return found;
}

function textOf(tag: number, content: Buffer): string {
  switch (tag) {
    case TAG.utf8:
      return content.toString('utf8');
    case TAG.printable:
    case TAG.ia5:
    case TAG.teletex:
      return content.toString('latin1');
    case TAG.bmp:
      if (content.length % 2 !== 0) throw new DerError('half a character');
      return Buffer.from(content).swap16().toString('utf16le');
    default:
      throw new DerError(`a name of type ${tag}`);
  }
}
