/**
 * The head of a plain HTTP/1.1 request: what AWS's clients send all day, and nothing that two readers could read in two ways.
 *
 * It takes part of what RFC 9112 allows and no more: five methods, a path, HTTP/1.1, header lines with CRLF in printable ASCII, no name twice,
 * no `transfer-encoding`, `expect`, `upgrade` or `trailer`, and of `connection` only `keep-alive`. `POST` and `PUT` say in digits how long their
 * body is; the others have none. All else is `other`: whoever asks has a complete reader for that, which then decides what is right and what
 * is an attack.
 */
import { TextMemo } from '../../base/index.ts';

/** Methods of plain requests, and whether they have a body. */
const METHODS = new Map([
  ['POST', true],
  ['GET', false],
  ['PUT', true],
  ['HEAD', false],
  ['DELETE', false],
] as const);

export type PlainMethod = typeof METHODS extends Map<infer Method, boolean> ? Method : never;

/** A request's head, and how much of it there is. */
export interface PlainHead {
  readonly method: PlainMethod;
  /** As it came. */
  readonly url: string;
  /** Names in lower case, in their order. */
  readonly headers: Record<string, string>;
  /** Name as it came and value, in turn. */
  readonly rawHeaders: readonly string[];
  /** Bytes of the head, its empty line included: the body begins there. */
  readonly headBytes: number;
  readonly bodyBytes: number;
}

/** Numbers of plain heads (S5); what has more is not plain. */
export const PLAIN_HEAD_LIMITS = {
  headersMax: 64,
  /** Request line and headers. */
  headBytesMax: 16 * 1024,
  /** Digits of `content-length`: larger bodies are not plain anyhow. */
  lengthDigitsMax: 9,
} as const;

const END = Buffer.from('\r\n\r\n');
const VERSION = ' HTTP/1.1';
/** `/` and what may follow it; neither spaces nor anything beyond ASCII. */
const URL_TEXT = /^\/[\x21-\x7e]*$/;
const VALUE_TEXT = /^[\t\x20-\x7e]*$/;
const NAME_TEXT = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const LENGTH_TEXT = /^[0-9]+$/;

/** Names whose meaning goes beyond one request with one body; and one that would not become a member of an object. */
const NOT_PLAIN = new Set([
  'transfer-encoding',
  'expect',
  'upgrade',
  'trailer',
  'te',
  'proxy-connection',
  'http2-settings',
  '__proto__',
]);

/** Names as they came to their lower case; none for those that are not plain. Clients send few, and always the same. */
const names = new TextMemo(
  (name) => {
    const lower = name.toLowerCase();
    return NAME_TEXT.test(name) && !NOT_PLAIN.has(lower) ? lower : '';
  },
  { entriesMax: 1000, charactersMax: 100 },
);

/** Reads the head that the bytes begin with. `incomplete`: there may be one once more bytes have come. */
export function readPlainHead(bytes: Buffer): PlainHead | 'incomplete' | 'other' {
  const end = bytes.indexOf(END);
  if (end < 0) return bytes.length < PLAIN_HEAD_LIMITS.headBytesMax ? 'incomplete' : 'other';
  if (end > PLAIN_HEAD_LIMITS.headBytesMax) return 'other';
  const text = bytes.toString('latin1', 0, end);
  const lineEnd = text.indexOf('\r\n');
  const first = lineEnd < 0 ? text : text.slice(0, lineEnd);
  const method = first.slice(0, first.indexOf(' '));
  if (!isPlainMethod(method) || !first.endsWith(VERSION)) return 'other';
  const url = first.slice(method.length + 1, -VERSION.length);
  if (!URL_TEXT.test(url)) return 'other';
  const rawHeaders: string[] = [];
  const headers = lineEnd < 0 ? undefined : readHeaders(text, lineEnd + 2, rawHeaders);
  if (headers === undefined || headers.host === undefined) return 'other';
  const { connection, 'content-length': length } = headers;
  if (connection !== undefined && connection.toLowerCase() !== 'keep-alive') return 'other';
  const hasBody = METHODS.get(method)!;
  const bodyBytes = hasBody ? lengthOf(length) : lengthOf(length ?? '0');
  if (bodyBytes === undefined || (bodyBytes > 0 && !hasBody)) return 'other';
  return { method, url, headers, rawHeaders, headBytes: end + END.length, bodyBytes };
}

function isPlainMethod(text: string): text is PlainMethod {
  return METHODS.has(text as PlainMethod);
}

/** `undefined` for what is not plain. */
function lengthOf(digits: string | undefined): number | undefined {
  if (digits === undefined || digits.length > PLAIN_HEAD_LIMITS.lengthDigitsMax) return undefined;
  return LENGTH_TEXT.test(digits) ? Number(digits) : undefined;
}

/** The header lines from `start` on; `undefined` when one of them is not plain. @param rawHeaders  gets them as they came */
function readHeaders(text: string, start: number, rawHeaders: string[]): Record<string, string> | undefined {
  const headers: Record<string, string> = {};
  let count = 0;
  for (let at = start; at < text.length; ) {
    const found = text.indexOf('\r\n', at);
    const end = found < 0 ? text.length : found;
    const colon = text.indexOf(':', at);
    if (colon < 0 || colon >= end || ++count > PLAIN_HEAD_LIMITS.headersMax) return undefined;
    const given = text.slice(at, colon);
    const name = names.get(given);
    const value = text.slice(colon + 1, end);
    // Lone CRs and LFs are in no value; they fail here.
    if (name === '' || !VALUE_TEXT.test(value) || headers[name] !== undefined) return undefined;
    const kept = trimmed(value);
    headers[name] = kept;
    rawHeaders.push(given, kept);
    at = end + 2;
  }
  return headers;
}

/** Without the optional white space around it, spaces and tabs. */
function trimmed(value: string): string {
  let [start, end] = [0, value.length];
  while (start < end && isBlank(value.charCodeAt(start))) start++;
  while (end > start && isBlank(value.charCodeAt(end - 1))) end--;
  return value.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
