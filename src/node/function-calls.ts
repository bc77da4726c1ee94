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

/**
 * Which function calls what. Every function has an access key of its own, so that the wire can tell whose call it serves;
 * what a call is about is read off the members that name resources.
 */
export class FunctionCalls {
  readonly #functionByKey = new Map<string, string>();
  readonly #calls = new Map<string, FunctionCall>();

  /** Keys of a function: the same for every version, environment and start of the node. `dev` accepts any secret. */
  credentials({ arn, version }: FunctionSpec): FunctionCredentials {
    const functionArn = version === '$LATEST' ? arn : arn.replace(/:[^:]*$/, '');
    const digest = createHash('sha256').update(functionArn).digest('hex').toUpperCase();
    const accessKeyId = `ASIA${digest.slice(0, 16)}`;
    this.#functionByKey.set(accessKeyId, functionArn);
    return { accessKeyId, secretAccessKey: 'millrace', sessionToken: accessKeyId };
  }

  /** Counts a call over the AWS APIs. */
  count({ accessKeyId }: Caller, service: string, input: unknown): void {
    const target = accessKeyId !== undefined && this.#functionByKey.has(accessKeyId) && targetOf(service, input);
    if (target) this.#countKey(accessKeyId, target);
  }

  /** Counts a call to the time series with `Authorization: Token KEY` (InfluxDB's scheme) or `Bearer KEY`. */
  countToken(authorization: string | undefined, database = ''): void {
    const key = /^(?:Token|Bearer) (\S+)$/i.exec(authorization ?? '')?.[1];
    if (key) this.#countKey(key, `series:${database}`);
  }

  #countKey(accessKeyId: string, target: string): void {
    const functionArn = this.#functionByKey.get(accessKeyId);
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

function targetOf(service: string, input: unknown): string | undefined {
  const { TopicArn, QueueUrl, StreamARN, StreamName, FunctionName } = (input ?? {}) as Record<string, unknown>;
  if (service === 'sns' && typeof TopicArn === 'string') return TopicArn;
  if (service === 'sqs' && typeof QueueUrl === 'string') return arnOf('sqs', QueueUrl.split('/').at(-1)!);
  if (service === 'kinesis' && typeof StreamARN === 'string') return StreamARN;
  if (service === 'kinesis' && typeof StreamName === 'string') return arnOf('kinesis', `stream/${StreamName}`);
  if (service === 'lambda' && typeof FunctionName === 'string') {
    return FunctionName.startsWith('arn:') ? FunctionName : arnOf('lambda', `function:${FunctionName}`);
  }
  return undefined;
}

const arnOf = (service: string, resource: string) => formatArn(service, 'us-east-1', ACCOUNT_ID, resource);
