import { createHash } from 'node:crypto';
import { ACCOUNT_ID, formatArn } from '../base/index.ts';
import type { FunctionCredentials, FunctionSpec } from '../runtime/index.ts';
import type { Caller } from '../services/index.ts';

/** One kind of call that a function has made: what the flow picture draws as an edge. */
export interface FunctionCall {
  readonly functionArn: string;
  /** ARN of what was called, or `series:DATABASE`. */
  readonly target: string;
  calls: number;
}

/** Pairs of function and target that are remembered; beyond it new pairs are not shown. */
const PAIRS_MAX = 10_000;

/** Whose an access key is. */
interface Holder {
  readonly functionArn: string;
  readonly logGroup: string;
  readonly sessionToken: string;
  readonly expiresAt: number;
}

/**
 * Which function calls what. Every function has access keys of its own, so that the wire can tell whose call it serves;
 * what a call is about is read off the members that name resources.
 */
export class FunctionCalls {
  readonly #holders = new Map<string, Holder>();
  /** By digest: how long it takes to find a token says nothing about its text. */
  readonly #keyByToken = new Map<string, string>();
  readonly #calls = new Map<string, FunctionCall>();

  /** Keys of a function: the same for every version, environment and start of the node. `dev` accepts any secret. */
  credentials(spec: FunctionSpec): FunctionCredentials {
    const functionArn = functionArnOf(spec);
    const digest = createHash('sha256').update(functionArn).digest('hex').toUpperCase();
    const accessKeyId = `ASIA${digest.slice(0, 16)}`;
    const credentials = { accessKeyId, secretAccessKey: 'millrace', sessionToken: accessKeyId };
    this.hand(spec, credentials);
    return credentials;
  }

  /** Remembers whose these credentials are, until they expire. */
  hand(
    spec: FunctionSpec,
    { accessKeyId, sessionToken, expiresAt = Number.POSITIVE_INFINITY }: FunctionCredentials,
  ): void {
    const { logGroup } = spec;
    this.#holders.set(accessKeyId, { functionArn: functionArnOf(spec), logGroup, sessionToken, expiresAt });
    this.#keyByToken.set(digestOf(sessionToken), accessKeyId);
  }

  /** Forgets the keys that have expired. */
  sweep(now: number): void {
    for (const [accessKeyId, { sessionToken, expiresAt }] of this.#holders) {
      if (expiresAt > now) continue;
      this.#holders.delete(accessKeyId);
      this.#keyByToken.delete(digestOf(sessionToken));
    }
  }

  /** The access key of a function's session; `undefined` for a token that no function was given. */
  keyOfToken(sessionToken: string): string | undefined {
    return this.#keyByToken.get(digestOf(sessionToken));
  }

  /** Whether this access key was given to a function. */
  isFunction(accessKeyId: string | undefined): boolean {
    return accessKeyId !== undefined && this.#holders.has(accessKeyId);
  }

  /** Where the function logs that an access key was given to; `undefined` for a key that no function was given. */
  logOf(accessKeyId: string | undefined): { readonly group: string; readonly region: string } | undefined {
    const holder = accessKeyId === undefined ? undefined : this.#holders.get(accessKeyId);
    return holder && { group: holder.logGroup, region: holder.functionArn.split(':')[3]! };
  }

  /** Counts a call over the AWS APIs. */
  count({ accessKeyId }: Caller, service: string, input: unknown): void {
    const target = accessKeyId !== undefined && this.#holders.has(accessKeyId) && targetOf(service, input);
    if (target) this.#countKey(accessKeyId, target);
  }

  /** Counts a call to the time series with a session's token. */
  countToken(authorization: string | undefined, database = ''): void {
    const token = seriesToken(authorization);
    const key = token === undefined ? undefined : this.keyOfToken(token);
    if (key) this.#countKey(key, `series:${database}`);
  }

  #countKey(accessKeyId: string, target: string): void {
    const functionArn = this.#holders.get(accessKeyId)?.functionArn;
    if (functionArn === undefined) return;
    const key = `${functionArn} ${target}`;
    const call = this.#calls.get(key);
    if (call) call.calls++;
    else if (this.#calls.size < PAIRS_MAX) this.#calls.set(key, { functionArn, target, calls: 1 });
  }

  all(): Iterable<FunctionCall> {
    return this.#calls.values();
  }
}

/** ARN of the function, whatever its version. */
export function functionArnOf({ arn, version }: FunctionSpec): string {
  return version === '$LATEST' ? arn : arn.replace(/:[^:]*$/, '');
}

/** What stands in `Authorization: Token TEXT` (InfluxDB's scheme) or `Bearer TEXT`. */
export function seriesToken(authorization: string | undefined): string | undefined {
  return /^(?:Token|Bearer) (\S+)$/i.exec(authorization ?? '')?.[1];
}

function digestOf(token: string): string {
  return createHash('sha256').update(token).digest('base64');
}

function targetOf(service: string, input: unknown): string | undefined {
  const { TopicArn, QueueUrl, StreamARN, StreamName, FunctionName, TableName, Bucket } = (input ?? {}) as Record<
    string,
    unknown
  >;
  if (service === 'sns' && typeof TopicArn === 'string') return TopicArn;
  if (service === 'sqs' && typeof QueueUrl === 'string') return arnOf('sqs', QueueUrl.split('/').at(-1)!);
  if (service === 'kinesis' && typeof StreamARN === 'string') return StreamARN;
  if (service === 'kinesis' && typeof StreamName === 'string') return arnOf('kinesis', `stream/${StreamName}`);
  if (service === 'lambda' && typeof FunctionName === 'string') {
    return FunctionName.startsWith('arn:') ? FunctionName : arnOf('lambda', `function:${FunctionName}`);
  }
  if (service === 'dynamodb' && typeof TableName === 'string') {
    return TableName.startsWith('arn:') ? TableName : arnOf('dynamodb', `table/${TableName}`);
  }
  if (service === 's3' && typeof Bucket === 'string') return `arn:aws:s3:::${Bucket}`;
  return undefined;
}

const arnOf = (service: string, resource: string) => formatArn(service, 'us-east-1', ACCOUNT_ID, resource);
