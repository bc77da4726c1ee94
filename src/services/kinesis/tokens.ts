import { KinesisError } from './errors.ts';
import { KINESIS_LIMITS } from './limits.ts';

/** A page token: where the next page begins and what was asked for; AWS lets it live for 300 seconds. */
export function encodeToken(fields: Readonly<Record<string, unknown>>, now: number): string {
  return Buffer.from(JSON.stringify({ ...fields, at: now })).toString('base64');
}

/** @throws invalid-argument, next-token-expired */
export function decodeToken<T>(token: string, now: number): T {
  const fields = parse(token);
  if (typeof fields?.at !== 'number') throw new KinesisError('invalid-argument', 'NextToken is invalid.');
  if (now - fields.at > KINESIS_LIMITS.nextTokenAgeMsMax) {
    throw new KinesisError('next-token-expired', 'The pagination token passed to the operation is expired.');
  }
  return fields as T;
}

/** The ARN of the stream that a token of ListShards is of; `undefined` where it is none. */
export function streamOfToken(token: string): string | undefined {
  const { arn } = (parse(token) ?? {}) as { arn?: unknown };
  return typeof arn === 'string' ? arn : undefined;
}

function parse(token: string): { at?: unknown } | undefined {
  try {
    return JSON.parse(Buffer.from(token, 'base64').toString()) as { at?: unknown };
  } catch {
    return undefined;
  }
}
