/** Domain values as the CloudWatch Logs API spells them. */
import { ACCOUNT_ID, formatArn, parseArn } from '../../../base/index.ts';
import { invalidParameter } from '../errors.ts';
import type { GroupRecord, Position, StoredEvent, StreamState } from '../model.ts';

const GROUP_NAME = /^[.\-_/#A-Za-z0-9]{1,512}$/;
const STREAM_NAME = /^[^:*]{1,512}$/;
/** Events of one batch are told apart by this many bits of a token's number. */
const INDEX_FACTOR = 1n << 20n;
/** Digits of the numbers in AWS's tokens. */
const TOKEN_DIGITS = 56;

export function groupArn({ region, name }: Pick<GroupRecord, 'region' | 'name'>): string {
  return formatArn('logs', region, ACCOUNT_ID, `log-group:${name}`);
}

export function classOf({ logClass = 'STANDARD' }: GroupRecord): string {
  return logClass;
}

export function groupShape(group: GroupRecord, storedBytes: number) {
  return {
    logGroupName: group.name,
    creationTime: group.createdAt,
    ...(group.retentionDays === undefined ? {} : { retentionInDays: group.retentionDays }),
    metricFilterCount: group.metricFilters?.length ?? 0,
    arn: `${groupArn(group)}:*`,
    logGroupArn: groupArn(group),
    storedBytes,
    logGroupClass: classOf(group),
    ...(group.kmsKeyId !== undefined && { kmsKeyId: group.kmsKeyId }),
    deletionProtectionEnabled: group.isProtected === true,
  };
}

export function streamShape(group: GroupRecord, state: StreamState) {
  const { name, createdAt, firstEventAt, lastEventAt, lastIngestionAt } = state;
  return {
    logStreamName: name,
    creationTime: createdAt,
    ...(firstEventAt === undefined ? {} : { firstEventTimestamp: firstEventAt }),
    ...(lastEventAt === undefined ? {} : { lastEventTimestamp: lastEventAt }),
    ...(lastIngestionAt === undefined ? {} : { lastIngestionTime: lastIngestionAt }),
    uploadSequenceToken: tokenNumber({ offset: state.lastOffset ?? 0, index: 0 }),
    arn: `${groupArn(group)}:log-stream:${name}`,
    // AWS has reported 0 for streams since 2019.
    storedBytes: 0,
  };
}

export function eventShape({ timestamp, message, ingestedAt }: StoredEvent) {
  return { timestamp, message, ingestionTime: ingestedAt };
}

/** The number of an event, as wide as AWS's. */
export function tokenNumber({ offset, index }: Position): string {
  return (BigInt(offset) * INDEX_FACTOR + BigInt(index)).toString().padStart(TOKEN_DIGITS, '0');
}

export function forwardToken(position: Position): string {
  return `f/${tokenNumber(position)}/s`;
}

export function backwardToken(position: Position): string {
  return `b/${tokenNumber(position)}/s`;
}

/** @throws invalid-parameter */
export function parseToken(token: string): { readonly direction: 'f' | 'b'; readonly position: Position } {
  const match = /^([fb])\/(\d{1,56})\/s$/.exec(token);
  if (!match) throw invalidParameter('The specified nextToken is invalid.');
  return { direction: match[1] as 'f' | 'b', position: parseNumber(match[2]!) };
}

/** @throws invalid-parameter */
export function parseNumber(digits: string): Position {
  if (!/^\d{1,56}$/.test(digits)) throw invalidParameter('The specified nextToken is invalid.');
  const number = BigInt(digits);
  const offset = number / INDEX_FACTOR;
  if (offset > BigInt(Number.MAX_SAFE_INTEGER)) throw invalidParameter('The specified nextToken is invalid.');
  return { offset: Number(offset), index: Number(number % INDEX_FACTOR) };
}

/** Name of the group that a request means by name or by ARN. @throws invalid-parameter */
export function groupName(input: { readonly logGroupName?: string; readonly logGroupIdentifier?: string }): string {
  const { logGroupName, logGroupIdentifier } = input;
  if (logGroupName !== undefined && logGroupIdentifier !== undefined) {
    throw invalidParameter('LogGroup name and LogGroup ARN are mutually exclusive parameters.');
  }
  const named = logGroupName ?? logGroupIdentifier;
  if (named === undefined) throw invalidParameter('Either logGroupName or logGroupIdentifier is required.');
  return checkGroupName(nameOfArn(named));
}

/** `log-group:NAME` of an ARN, with or without `:*`; what is no ARN is a name already. */
export function nameOfArn(text: string): string {
  const resource = parseArn(text)?.resource;
  return resource === undefined ? text : resource.replace(/^log-group:/, '').replace(/:\*$/, '');
}

/** @throws invalid-parameter */
export function checkGroupName(name: string): string {
  if (GROUP_NAME.test(name)) return name;
  throw invalidParameter(
    `1 validation error detected: Value '${name}' at 'logGroupName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+`,
  );
}

/** @throws invalid-parameter */
export function checkStreamName(name: string): string {
  if (STREAM_NAME.test(name)) return name;
  throw invalidParameter(
    `1 validation error detected: Value '${name}' at 'logStreamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [^:*]*`,
  );
}

/** A page of a sorted list. @param token  key of the last item of the page before */
export function page<T>(items: readonly T[], keyOf: (item: T) => string, token: string | undefined, limit: number) {
  const after = token === undefined ? undefined : Buffer.from(token, 'base64url').toString();
  const start = after === undefined ? 0 : items.findIndex((item) => keyOf(item) === after) + 1;
  const taken = items.slice(start, start + limit);
  if (start + limit >= items.length) return { items: taken };
  return { items: taken, nextToken: Buffer.from(keyOf(taken.at(-1)!)).toString('base64url') };
}
