import type { IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { XMLParser } from 'fast-xml-parser';
import { DEFAULT_REGION, messageOf, systemClock } from '../base/index.ts';
import { encodeStrictly, type SigningKeys, sign } from '../codec/aws/index.ts';
import { CommandError, EXIT, type Option } from './command.ts';
import { findCredentials } from './credentials.ts';

/** An error that the node answered, by AWS's code. */
export class ApiError extends CommandError {
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status: number) {
    super(`${code}: ${message}`);
    this.code = code;
    this.status = status;
  }
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Buffer;
}

/** What is sent beside method and path. */
export interface RequestParts {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

/** A call takes at most so long; a synchronous invocation may take 15 minutes. */
const CALL_TIMEOUT_MS = 16 * 60_000;

/** Options of every command that calls a node. */
export const ENDPOINT_OPTIONS = {
  'endpoint-url': { type: 'text', value: 'URL', help: 'the node; else AWS_ENDPOINT_URL, else http://127.0.0.1:4566' },
  region: { type: 'text', value: 'REGION', help: `else AWS_REGION, else ${DEFAULT_REGION}` },
} as const satisfies Record<string, Option>;

type Env = Readonly<Record<string, string | undefined>>;

/** Where a node is, and as whom it is called. */
export interface Connection {
  readonly endpoint: URL;
  readonly region: string;
  readonly credentials: SigningKeys;
}

/** What the command line and the environment say about the node. */
export async function findConnection(
  values: { readonly 'endpoint-url': string | undefined; readonly region: string | undefined },
  env: Env,
): Promise<Connection> {
  const text = values['endpoint-url'] ?? env.AWS_ENDPOINT_URL ?? 'http://127.0.0.1:4566';
  const endpoint = URL.parse(text);
  if (!endpoint?.protocol.startsWith('http')) {
    throw new CommandError(`--endpoint-url must be http://HOST:PORT, not "${text}"`, { exitCode: EXIT.usage });
  }
  const region = values.region ?? env.AWS_REGION ?? env.AWS_DEFAULT_REGION ?? DEFAULT_REGION;
  return { endpoint, region, credentials: await findCredentials(env, endpoint) };
}

/** A client of that node. */
export async function openClient(...where: Parameters<typeof findConnection>): Promise<Client> {
  const { endpoint, region, credentials } = await findConnection(...where);
  return new Client(endpoint, region, credentials);
}

/** Calls the public APIs of a node: small, signed, no SDK. */
export class Client {
  readonly endpoint: URL;
  readonly region: string;
  readonly #credentials: SigningKeys;

  constructor(endpoint: URL, region: string, credentials: SigningKeys) {
    this.endpoint = endpoint;
    this.region = region;
    this.#credentials = credentials;
  }

  /** Sends a signed request. @param path starts with a slash, encoded */
  async send(service: string, method: string, path: string, request: RequestParts = {}): Promise<Answer> {
    try {
      const { status, headers, body } = await this.#request(service, method, path, request);
      return { status, headers, body: await buffer(body) };
    } catch (error) {
      throw unreachable(this.endpoint, error);
    }
  }

  /** Sends a signed request whose answer is read as it comes. @throws ApiError  it is an error, of a JSON protocol */
  async stream(
    service: string,
    method: string,
    path: string,
    request: RequestParts,
  ): Promise<{ readonly headers: Headers; readonly body: AsyncIterable<Uint8Array> }> {
    const { status, headers, body } = await this.#request(service, method, path, request).catch((error: unknown) => {
      throw unreachable(this.endpoint, error);
    });
    if (status >= 300) readJsonAnswer({ status, headers, body: await buffer(body) });
    return { headers, body };
  }

  #request(service: string, method: string, path: string, { headers = {}, body }: RequestParts): Promise<Incoming> {
    const url = new URL(path, this.endpoint);
    const sent = body ?? Buffer.alloc(0);
    const signed = sign(
      { method, url, headers, body: sent, service, region: this.region },
      this.#credentials,
      systemClock.now(),
    );
    return request(url, method, signed, sent);
  }

  /** An operation of the query protocol. @returns the result's members; lists are arrays */
  async query(service: string, version: string, Action: string, input: object): Promise<any> {
    const form = new URLSearchParams({ Action, Version: version });
    addForm(form, '', input);
    const answer = await this.send(service, 'POST', '/', {
      headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
      body: Buffer.from(form.toString()),
    });
    const parsed = readXml(answer.body.toString());
    if (answer.status >= 300) throw xmlError(parsed, answer.status);
    return parsed[`${Action}Response`]?.[`${Action}Result`] || {};
  }

  /** An operation of the JSON 1.1 protocol. @param target `Logs_20140328.FilterLogEvents` */
  async json(service: string, target: string, input: object): Promise<any> {
    const answer = await this.send(service, 'POST', '/', {
      headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': target },
      body: Buffer.from(JSON.stringify(input)),
    });
    return readJsonAnswer(answer);
  }

  /** An operation of the REST JSON protocol. */
  async rest(service: string, method: string, path: string, input?: object): Promise<any> {
    const answer = await this.send(service, method, path, {
      headers: { 'content-type': 'application/json' },
      ...(input && { body: Buffer.from(JSON.stringify(input)) }),
    });
    return readJsonAnswer(answer);
  }

  /** Stores an object, path style. @throws ApiError */
  async putObject(bucket: string, key: string, body: Uint8Array): Promise<void> {
    const answer = await this.send('s3', 'PUT', objectPath(bucket, key), { body });
    if (answer.status >= 300) throw xmlError(readXml(answer.body.toString()), answer.status);
  }

  async hasObject(bucket: string, key: string): Promise<boolean> {
    return (await this.send('s3', 'HEAD', objectPath(bucket, key))).status === 200;
  }

  /** Makes a bucket unless it is there. */
  async ensureBucket(bucket: string): Promise<void> {
    if ((await this.send('s3', 'HEAD', `/${bucket}`)).status === 200) return;
    const answer = await this.send('s3', 'PUT', `/${bucket}`);
    if (answer.status >= 300) throw xmlError(readXml(answer.body.toString()), answer.status);
  }
}

/** An answer whose body is still to come. */
interface Incoming {
  readonly status: number;
  readonly headers: Headers;
  readonly body: IncomingMessage;
}

/** Not by `fetch`: it gives up when no answer has begun after five minutes, and a function may take fifteen. */
async function request(
  url: URL,
  method: string,
  headers: Readonly<Record<string, string>>,
  body: Uint8Array,
): Promise<Incoming> {
  const { request: open } = url.protocol === 'https:' ? await import('node:https') : await import('node:http');
  const signal = AbortSignal.timeout(CALL_TIMEOUT_MS);
  return new Promise((resolve, reject) => {
    const outgoing = open(url, { method, headers, signal }, (incoming) => {
      const { statusCode = 0, headersDistinct } = incoming;
      const pairs = Object.entries(headersDistinct).flatMap(([name, values]) =>
        values!.map((value): [string, string] => [name, value]),
      );
      resolve({ status: statusCode, headers: new Headers(pairs), body: incoming });
    });
    outgoing.once('error', reject);
    outgoing.end(body);
  });
}

export function objectPath(bucket: string, key: string): string {
  return `/${bucket}/${key.split('/').map(encodeStrictly).join('/')}`;
}

/** Members as the query protocol spells them: `Parameters.member.1.ParameterKey`. */
function addForm(form: URLSearchParams, path: string, value: unknown): void {
  if (value === undefined || value === null) return;
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) addForm(form, `${path}.member.${index + 1}`, item);
  } else if (typeof value === 'object') {
    for (const [key, member] of Object.entries(value)) addForm(form, path === '' ? key : `${path}.${key}`, member);
  } else {
    form.append(path, String(value));
  }
}

const parser = new XMLParser({ parseTagValue: false, ignoreAttributes: true, ignoreDeclaration: true });

function readXml(text: string): any {
  return flattenLists(text === '' ? {} : parser.parse(text));
}

/** `{ member: [..] }` is a list, `{ member: x }` a list of one. */
function flattenLists(value: any): any {
  if (Array.isArray(value)) return value.map(flattenLists);
  if (typeof value !== 'object' || value === null) return value;
  const keys = Object.keys(value);
  if (keys.length === 1 && keys[0] === 'member') return [flattenLists(value.member)].flat();
  return Object.fromEntries(keys.map((key) => [key, flattenLists(value[key])]));
}

function xmlError(parsed: any, status: number): ApiError {
  const error = parsed?.ErrorResponse?.Error ?? parsed?.Error ?? {};
  return new ApiError(error.Code ?? `HTTP ${status}`, error.Message ?? 'the node gave no message', status);
}

/** The members of an answer of the JSON protocols. @throws ApiError */
export function readJsonAnswer({ status, headers, body }: Answer): any {
  const parsed = parseJson(body.toString());
  if (status < 300) return parsed;
  const type = headers.get('x-amzn-errortype') ?? parsed.__type ?? `HTTP ${status}`;
  const code = String(type).split(':')[0]!.split('#').at(-1)!;
  throw new ApiError(code, parsed.message ?? parsed.Message ?? 'the node gave no message', status);
}

function parseJson(text: string): any {
  try {
    return text === '' ? {} : JSON.parse(text);
  } catch {
    return {};
  }
}

function unreachable(endpoint: URL, error: unknown): CommandError {
  const options = { exitCode: EXIT.unreachable, cause: error };
  // Nothing else aborts a call.
  if ((error as Error).name === 'AbortError') {
    return new CommandError(`${endpoint.origin} has not answered in ${CALL_TIMEOUT_MS / 60_000} minutes`, options);
  }
  return new CommandError(
    `no node answers at ${endpoint.origin} (${messageOf(error) || 'connection refused'}): start one with "millrace dev", or name yours with --endpoint-url`,
    options,
  );
}
