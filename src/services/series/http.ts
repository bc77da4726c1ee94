import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { fault } from './errors.ts';

/** What a route of this service gets: the URL taken apart, and who may want what. */
export interface Call {
  readonly request: IncomingMessage;
  readonly method: string;
  readonly parameters: URLSearchParams;
  /** Fires when the client goes away. */
  readonly signal: AbortSignal;
}

export interface Reply {
  readonly status: number;
  readonly type?: string;
  readonly body?: string | Uint8Array;
}

/** Bytes of a body as it comes, and of what it holds when it is zipped (S5). */
export const BODY_BYTES_MAX = 32 * 1024 * 1024;
const TEXT_BYTES_MAX = 128 * 1024 * 1024;

const unzip = promisify(gunzip);

export function json(status: number, value: unknown): Reply {
  return { status, type: 'application/json', body: JSON.stringify(value) };
}

/** A parameter that must be there. @throws DomainError `parameter-invalid` */
export function required(parameters: URLSearchParams, name: string): string {
  const value = parameters.get(name);
  if (value === null || value === '') throw fault('parameter-invalid', `parameter ${name} is missing`);
  return value;
}

/** The body as text, unzipped. @throws DomainError `body-too-large`, `body-unreadable` */
export async function readText(request: IncomingMessage): Promise<string> {
  const raw = await readBody(request);
  const encoding = request.headers['content-encoding'] ?? 'identity';
  if (encoding !== 'gzip' && encoding !== 'identity') {
    throw fault('body-unreadable', `content encoding ${encoding} is not taken: gzip and identity are`);
  }
  const bytes = encoding === 'gzip' ? await unzipped(raw) : raw;
  if (!isUtf8(bytes)) throw fault('body-unreadable', 'the body is not UTF-8');
  return bytes.toString('utf8');
}

export function send(response: ServerResponse, { status, type, body }: Reply): void {
  const bytes = Buffer.from(body ?? '');
  const headers: Record<string, string> = status === 204 ? {} : { 'content-length': String(bytes.length) };
  if (type) headers['content-type'] = type;
  // A client that is told to come back later should know when.
  if (status === 503) headers['retry-after'] = '1';
  response.writeHead(status, headers);
  response.end(status === 204 ? undefined : bytes);
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const tooLarge = () => fault('body-too-large', `a body has at most ${BODY_BYTES_MAX} bytes`);
  if (Number(request.headers['content-length'] ?? 0) > BODY_BYTES_MAX) throw tooLarge();
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BODY_BYTES_MAX) throw tooLarge();
    chunks.push(chunk);
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size);
}

async function unzipped(bytes: Buffer): Promise<Buffer> {
  try {
    return await unzip(bytes, { maxOutputLength: TEXT_BYTES_MAX });
  } catch (error) {
    if ((error as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE') {
      throw fault('body-too-large', `a body has at most ${TEXT_BYTES_MAX} bytes unzipped`);
    }
    throw fault('body-unreadable', 'the body is not gzip');
  }
}
