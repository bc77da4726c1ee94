import { isIPv4 } from 'node:net';
import type { Values } from '../../../codec/policies/index.ts';
import { DerError, DerReader, decodeName, TAG } from '../../../codec/x509/index.ts';

/** Attributes of names as policies call them, by their short form or identifier. */
const ATTRIBUTES: Readonly<Record<string, string>> = {
  dnQualifier: 'DistinguishedNameQualifier',
  C: 'Country',
  O: 'Organization',
  OU: 'OrganizationalUnit',
  ST: 'State',
  CN: 'CommonName',
  serialNumber: 'SerialNumber',
  title: 'Title',
  SN: 'Surname',
  GN: 'GivenName',
  '2.5.4.43': 'Initials',
  '2.5.4.65': 'Pseudonym',
  '2.5.4.44': 'GenerationQualifier',
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
  const [, name, suffix] = /^(.*?)(?:\.(\d|list))?$/s.exec(path)!;
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
    if (!(error instanceof DerError)) throw error;
  }
  return values;
}

type Add = (name: string, value: string | undefined) => void;

/** RFC 5280, 4.1: version, serial number, signature, issuer, validity, subject, key, extensions. @throws DerError */
function readCertificate(der: Buffer, add: Add): void {
  const tbs = new DerReader(der).enter(TAG.sequence).enter(TAG.sequence);
  if (tbs.isNext(VERSION)) tbs.next();
  add('SerialNumber', serialOf(tbs.next(TAG.integer).content));
  tbs.next();
  addName('Issuer', tbs.next(TAG.sequence).whole, add);
  tbs.next();
  addName('Subject', tbs.next(TAG.sequence).whole, add);
  tbs.next();
  while (!tbs.isAtEnd) {
    const { tag, content } = tbs.next();
    if (tag === EXTENSIONS) readExtensions(new DerReader(content).enter(TAG.sequence), add);
  }
}

/** `[0]` and `[3]` of a certificate, `[4]` of a general name: explicit. */
const VERSION = 0xa0;
const EXTENSIONS = 0xa3;
const DIRECTORY_NAME = 0xa4;
/** `[7]` of a general name. */
const IP_ADDRESS = 0x87;

function readExtensions(extensions: DerReader, add: Add): void {
  while (!extensions.isAtEnd) {
    const extension = extensions.enter(TAG.sequence);
    const whose = ALTERNATIVE_NAMES[extension.next(TAG.oid).content.toString('hex')];
    if (extension.isNext(TAG.boolean)) extension.next();
    const value = extension.next(TAG.octetString).content;
    if (whose) addAlternativeNames(whose, new DerReader(value).enter(TAG.sequence), add);
  }
}

function addAlternativeNames(whose: 'Subject' | 'Issuer', names: DerReader, add: Add): void {
  while (!names.isAtEnd) {
    const { tag, content } = names.next();
    const kind = GENERAL_NAMES[tag];
    if (kind) add(`${whose}.AlternativeName.${kind}`, generalNameOf(tag, content));
  }
}

function generalNameOf(tag: number, content: Buffer): string | undefined {
  if (tag === IP_ADDRESS) return addressOf(content);
  if (tag !== DIRECTORY_NAME) return content.toString('latin1');
  return decodeName(content)
    .map(([attribute, value]) => `${ATTRIBUTES[attribute] ?? attribute}=${value}`)
    .join(',');
}

function addName(whose: 'Subject' | 'Issuer', der: Buffer, add: Add): void {
  for (const [attribute, value] of decodeName(der)) {
    const name = ATTRIBUTES[attribute];
    if (name !== undefined) add(`${whose}.${name}`, value);
  }
}

function addressOf(bytes: Buffer): string | undefined {
  const four = [...bytes].join('.');
  if (isIPv4(four)) return four;
  if (bytes.length !== 16) return undefined;
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16));
  return groups.join(':');
}

/** Without the zero that keeps a serial number positive. */
function serialOf(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(?:00)+(?=..)/, '');
}
