/** Calls of AWS's JSON protocols: unsigned where the node lets anybody in, signed (Signature Version 4) once a person has signed in. */
import { ApiError, ask, signedInAs } from './api.ts';

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
  const body = JSON.stringify(input);
  const headers = { 'content-type': service.contentType, 'x-amz-target': `${service.target}.${operation}` };
  const key = signedInAs();
  const signed = key ? await signatureOf(service, headers, body, key, new Date()) : {};
  return ask('/', { method: 'POST', headers: { ...headers, ...signed }, body, signal });
}

/** The node wants to know who asks, or does not take the key that it was given. */
export function wantsSignIn(error: unknown): boolean {
  if (!(error instanceof ApiError)) return false;
  return error.status === 401 || /MissingAuthenticationToken|UnrecognizedClient|InvalidSignature/.test(error.code);
}

interface Key {
  readonly id: string;
  readonly secret: string;
}

async function signatureOf(
  { name }: AwsService,
  headers: Readonly<Record<string, string>>,
  body: string,
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
    ...['POST', '/', ''],
    ...names.map((header) => `${header}:${all[header]}`),
    ...['', names.join(';'), await sha256(body)],
  ].join('\n');
  const scope = `${date}/${REGION}/${name}/aws4_request`;
  const toSign = ['AWS4-HMAC-SHA256', time, scope, await sha256(canonical)].join('\n');
  let key: Uint8Array<ArrayBuffer> = bytesOf(`AWS4${secret}`);
  for (const part of [date, REGION, name, 'aws4_request', toSign]) key = await hmac(key, part);
  const credential = `AWS4-HMAC-SHA256 Credential=${id}/${scope}, SignedHeaders=${names.join(';')}`;
  return { 'x-amz-date': time, authorization: `${credential}, Signature=${hex(key)}` };
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
