import { isIPv4 } from 'node:net';
import type { Values } from '../policies/conditions.ts';
import { type DerElement, derElements, derText } from './der.ts';

/** Attributes of names by their OID, DER in hex, as policies call them. */
const ATTRIBUTES: Readonly<Record<string, string>> = {
  '55042e': 'DistinguishedNameQualifier',
  '550406': 'Country',
  '55040a': 'Organization',
  '55040b': 'OrganizationalUnit',
  '550408': 'State',
  '550403': 'CommonName',
  '550405': 'SerialNumber',
  '55040c': 'Title',
  '550404': 'Surname',
  '55042a': 'GivenName',
  '55042b': 'Initials',
  '550441': 'Pseudonym',
  '55042c': 'GenerationQualifier',
};

/** Kinds of alternative names by their tag. */
const GENERAL_NAMES: Readonly<Record<number, string>> = {
  129: 'RFC822Name',
  130: 'DNSName',
  164: 'DirectoryName',
  134: 'UniformResourceIdentifier',
  135: 'IPAddress',
};

const ALTERNATIVE_NAMES: Readonly<Record<string, 'Subject' | 'Issuer'>> = { '551d11': 'Subject', '551d12': 'Issuer' };

/** As AWS documents them: more values are not seen, longer ones are not there. */
const VALUES_MAX = 5;
const CHARACTERS_MAX = 1024;

/**
 * Variables of a certificate: `iot:CertificateId`, `iot:Certificate.Subject.CommonName`, `.1` for its second value, `.List` for all.
 * It is read when the first of them is asked for.
 *
 * @see AWS IoT developer guide, "X.509 Certificate AWS IoT Core policy variables"
 */
export function certificateValues(certificateId: string, der: Buffer): Values {
  let attributes: ReadonlyMap<string, readonly string[]> | undefined;
  return (key) => {
    const name = key.toLowerCase();
    if (name === 'iot:certificateid') return [certificateId];
    if (!name.startsWith('iot:certificate.')) return undefined;
    attributes ??= attributesOf(der);
    const path = name.slice('iot:certificate.'.length);
    if (path === 'availablekeys') return [...attributes.keys()].map((known) => `iot:Certificate.${known}`);
    return valueAt(attributes, path);
  };
}

/** @param path  `subject.country`, `subject.country.1`, `subject.country.list` in lower case */
function valueAt(attributes: ReadonlyMap<string, readonly string[]>, path: string): readonly string[] | undefined {
  const [, name, suffix] = /^(.*?)(?:\.(\d|list))?$/.exec(path)!;
  const found = attributes.entries().find(([known]) => known.toLowerCase() === name)?.[1];
  if (!found || suffix === 'list') return found;
  const value = found[Number(suffix ?? 0)];
  return value === undefined ? undefined : [value];
}

/** All attributes by their names, `Subject.CommonName`; none for bytes that are no certificate. */
function attributesOf(der: Buffer): ReadonlyMap<string, readonly string[]> {
  const values = new Map<string, string[]>();
  const add = (name: string, value: string | undefined) => {
    const list = values.get(name) ?? [];
    if (value === undefined || value.length > CHARACTERS_MAX || list.length >= VALUES_MAX) return;
    list.push(value);
    values.set(name, list);
  };
  try {
    readCertificate(der, add);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return values;
}

type Add = (name: string, value: string | undefined) => void;

/** RFC 5280, 4.1: version, serial number, signature, issuer, validity, subject, key, extensions. */
function readCertificate(der: Buffer, add: Add): void {
  const fields = [...children(children({ tag: 0x30, content: der })[0])];
  const tbs = fields[0];
  const parts = [...children(tbs)];
  if (parts[0]?.tag === 0xa0) parts.shift();
  const [serial, , issuer, , subject] = parts;
  add('SerialNumber', serial && serialOf(serial.content));
  for (const [attribute, value] of nameAttributes(issuer)) add(`Issuer.${attribute}`, value);
  for (const [attribute, value] of nameAttributes(subject)) add(`Subject.${attribute}`, value);
  const extensions = parts.find(({ tag }) => tag === 0xa3);
  for (const extension of children(children(extensions)[0])) readAlternativeNames(extension, add);
}

function readAlternativeNames(extension: DerElement, add: Add): void {
  const [oid, ...rest] = children(extension);
  const whose = ALTERNATIVE_NAMES[oid?.content.toString('hex') ?? ''];
  const value = rest.at(-1);
  if (!whose || !value) return;
  for (const name of children(derElements(value.content)[0])) {
    const kind = GENERAL_NAMES[name.tag];
    if (kind) add(`${whose}.AlternativeName.${kind}`, generalNameOf(name));
  }
}

function generalNameOf({ tag, content }: DerElement): string | undefined {
  if (tag === 0x87) return addressOf(content);
  if (tag !== 0xa4) return content.toString('latin1');
  const [name] = derElements(content);
  return [...nameAttributes(name)].map(([attribute, value]) => `${attribute}=${value}`).join(',');
}

function addressOf(bytes: Buffer): string | undefined {
  const four = [...bytes].join('.');
  if (isIPv4(four)) return four;
  if (bytes.length !== 16) return undefined;
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16));
  return groups.join(':');
}

/** A name is a sequence of sets of pairs. */
function* nameAttributes(name: DerElement | undefined): Generator<[attribute: string, value: string]> {
  for (const set of children(name)) {
    for (const pair of children(set)) {
      const [oid, value] = children(pair);
      const attribute = oid && ATTRIBUTES[oid.content.toString('hex')];
      const text = value && derText(value);
      if (attribute !== undefined && text !== undefined) yield [attribute, text];
    }
  }
}

/** Without the zero that keeps a serial number positive. */
function serialOf(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(?:00)+(?=..)/, '');
}

function children(element: DerElement | undefined): readonly DerElement[] {
  return element && (element.tag & 0x20) !== 0 ? derElements(element.content) : [];
}
