/*
 * XML as AWS uses it: elements, attributes and text. No document types, so no entities of the sender's own (nothing expands), and
 * comments and processing instructions are skipped.
 */
import { ReadFailure } from './failure.ts';

/** An element; `text` is all character data directly in it. Names are without their prefixes, attributes keep theirs. */
export interface XmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: XmlElement[];
  text: string;
}

/** Elements within elements (S5). */
const DEPTH_MAX = 64;

const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** One token: comment, CDATA, instruction, closing tag, opening tag, or text. Sticky: it must match where the last one ended. */
const TOKEN =
  /<!--[\s\S]*?-->|<!\[CDATA\[([\s\S]*?)\]\]>|<\?[\s\S]*?\?>|<\/([^\s<>/="']+)\s*>|<([^\s<>/="'!?]+)((?:\s+[^\s<>/="']+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>|([^<]+)/y;
const ATTRIBUTE = /([^\s<>/="']+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g;

/** Parses a document to its root element; @throws ReadFailure when it is not well formed */
export function parseXml(text: string): XmlElement {
  const top: XmlElement = { name: '', attributes: {}, children: [], text: '' };
  const open: XmlElement[] = [top];
  TOKEN.lastIndex = text.startsWith('\uFEFF') ? 1 : 0;
  const end = text.length;
  while (TOKEN.lastIndex < end) {
    const match = TOKEN.exec(text);
    if (!match) throw malformed();
    take(match, open);
  }
  const [root] = top.children;
  if (open.length !== 1 || top.children.length !== 1 || !root || top.text.trim() !== '') throw malformed();
  return root;
}

function take([, cdata, closing, opening, attributes, selfClosing, text]: RegExpExecArray, open: XmlElement[]): void {
  const parent = open.at(-1)!;
  if (text !== undefined) parent.text += decodeEntities(text);
  else if (opening !== undefined) {
    const element = { name: localName(opening), attributes: readAttributes(attributes!), children: [], text: '' };
    parent.children.push(element);
    if (!selfClosing && open.push(element) > DEPTH_MAX) throw malformed();
  } else if (closing !== undefined) {
    if (open.length === 1 || open.pop()!.name !== localName(closing)) throw malformed();
  } else if (cdata !== undefined) parent.text += cdata;
}

function readAttributes(text: string): Record<string, string> {
  const attributes: Record<string, string> = Object.create(null);
  for (const [, name, double, single] of text.matchAll(ATTRIBUTE)) {
    attributes[name!] = decodeEntities(double ?? single ?? '');
  }
  return attributes;
}

function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}

function decodeEntities(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(
    /&(?:#x([0-9a-fA-F]{1,6})|#([0-9]{1,7})|([a-z]+));|&/g,
    (_, hex?: string, decimal?: string, name?: string) => {
      if (name !== undefined && Object.hasOwn(NAMED, name)) return NAMED[name]!;
      const code = hex ? Number.parseInt(hex, 16) : decimal ? Number(decimal) : Number.NaN;
      if (!(code <= 0x10ffff)) throw malformed();
      return String.fromCodePoint(code);
    },
  );
}

function malformed(): ReadFailure {
  return new ReadFailure(
    'serialization',
    'The XML you provided was not well-formed or did not validate against our published schema',
  );
}

/** Text as content of an element: AWS also escapes carriage returns, which a parser would otherwise turn into line feeds. */
export function escapeXml(text: string): string {
  if (!/[&<>"\r]/.test(text)) return text;
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll('\r', '&#xD;');
}
