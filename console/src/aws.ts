/** Calls of AWS's protocols: unsigned where the node lets anybody in, signed (Signature Version 4) once a person has signed in. */
import { ApiError, ask, askFor, signedInAs } from './api.ts';
import { encoded, queryOf } from './encoding.ts';

const REGION = 'us-east-1';

export interface AwsService {
  /** The name that it is signed with. */
  readonly name: string;
  /** What stands before the operation in `X-Amz-Target`. */
  readonly target: string;
  readonly contentType: 'application/x-amz-json-1.0' | 'application/x-amz-json-1.1';
}

/** @throws ApiError */
export async function callAws(
  service: AwsService,
  operation: string,
  input: unknown,
  signal: AbortSignal,
): Promise<unknown> {
  const headers = { 'content-type': service.contentType, 'x-amz-target': `${service.target}.${operation}` };
  const call = { method: 'POST', path: '/', headers, body: JSON.stringify(input) };
  return ask('/', { ...call, headers: { ...headers, ...(await signed(service.name, call)) }, signal });
}

/**
 * A call of a service that speaks REST in JSON, API Gateway for one.
 *
 * @param name  that it is signed with
 * @param path  percent-encoded
 * @throws ApiError
 */
export async function callRest(
  name: string,
  method: string,
  path: string,
  query: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<unknown> {
  const call = { method, path, query: queryOf(Object.entries(given(query))), headers: {}, body: '' };
  const address = call.query === '' ? path : `${path}?${call.query}`;
  return ask(address, { method, headers: await signed(name, call), signal });
}

/**
 * A call of a service that speaks the query protocol, CloudFormation for one.
 *
 * @param version  of its API
 * @returns what stands in the result: elements are members, lists arrays, the rest text
 * @throws ApiError
 */
export async function callQuery(
  { name, version }: { readonly name: string; readonly version: string },
  action: string,
  input: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<unknown> {
  const body = new URLSearchParams({ Action: action, Version: version, ...given(input) }).toString();
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const call = { method: 'POST', path: '/', headers, body };
  const request = { ...call, headers: { ...headers, ...(await signed(name, call)) }, signal };
  const { value } = await askFor('/', request, readXml);
  return (value as Record<string, unknown> | undefined)?.[`${action}Result`];
}

function given(fields: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Record<
    string,
    string
  >;
}

/** What is below the root of a document; of an error's, what is in `Error`. */
function readXml(text: string): unknown {
  const root = new DOMParser().parseFromString(text, 'text/xml').documentElement;
  const error = root.querySelector(':scope > Error');
  return error ? membersOf(error) : membersOf(root);
}

function membersOf(element: Element): unknown {
  const children = [...element.children];
  if (children.length === 0) return element.textContent ?? '';
  if (children.every(({ tagName }) => tagName === 'member')) return children.map(membersOf);
  return Object.fromEntries(children.map((child) => [child.tagName, membersOf(child)]));
}

/** A list of the query protocol: an empty one has no members, and so looks like text. */
export function listOf<T>(value: unknown): readonly T[] {
  return Array.isArray(value) ? value : [];
}

/** A request as it is signed. */
export interface SignedCall {
  readonly method: string;
  /** Percent-encoded. */
  readonly path: string;
  /** As it is sent, without the question mark. */
  readonly query?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Stands for the body's hash in the signature. */
  readonly payload?: string;
}

/** Headers that sign a call of a service as who has signed in; none where nobody has. */
export async function signed(name: string, call: SignedCall): Promise<Record<string, string>> {
  const key = signedInAs();
  return key ? signatureOf(name, call, key, new Date()) : {};
}

interface Key {
  readonly id: string;
  readonly secret: string;
}

async function signatureOf(
  name: string,
  { method, path, query = '', headers, body, payload }: SignedCall,
  { id, secret }: Key,
  now: Date,
): Promise<Record<string, string>> {
  if (!crypto.subtle) {
    const message = 'This browser signs only pages that come over HTTPS or from localhost: open the console so.';
    throw new ApiError(message, 0, 'cannot-sign');
  }
  const time = `${now.toISOString().replace(/[-:]|\.\d+/g, '')}`;
  const date = time.slice(0, 8);
  const all: Record<string, string> = { ...headers, host: location.host, 'x-amz-date': time };
  const names = Object.keys(all).sort();
  const canonical = [
    // What is encoded already is encoded once more, as all services but S3 have it.
    ...[method, name === 's3' ? path : path.split('/').map(encoded).join('/'), canonicalQuery(query)],
    ...names.map((header) => `${header}:${all[header]}`),
    ...['', names.join(';'), payload ?? (await sha256(body))],
  ].join('\n');
  const scope = `${date}/${REGION}/${name}/aws4_request`;
  const toSign = ['AWS4-HMAC-SHA256', time, scope, await sha256(canonical)].join('\n');
  let key: Uint8Array<ArrayBuffer> = bytesOf(`AWS4${secret}`);
  for (const part of [date, REGION, name, 'aws4_request', toSign]) key = await hmac(key, part);
  const credential = `AWS4-HMAC-SHA256 Credential=${id}/${scope}, SignedHeaders=${names.join(';')}`;
  return { 'x-amz-date': time, authorization: `${credential}, Signature=${hex(key)}` };
}

function canonicalQuery(query: string): string {
  const pairs = [...new URLSearchParams(query)].map(([name, value]) => [encoded(name), encoded(value)] as const);
  return pairs
    .sort(([a, x], [b, y]) => (a < b || (a === b && x < y) ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

const bytesOf = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const hex = (bytes: Uint8Array) => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');

async function sha256(text: string): Promise<string> {
  return hex(new Uint8Array(await crypto.subtle.digest('SHA-256', bytesOf(text))));
}

async function hmac(key: Uint8Array<ArrayBuffer>, text: string): Promise<Uint8Array<ArrayBuffer>> {
  const imported = await crypto.subtle.importKey('raw', key, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  return new Uint8Array(await crypto.subtle.sign('HMAC', imported, bytesOf(text)));
}
