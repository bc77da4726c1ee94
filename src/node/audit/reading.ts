import { open } from 'node:fs/promises';
import { SERIES, type Series, trailFiles } from './trail.ts';

/** Which records are wanted; absent members ask for nothing. */
export interface AuditQuery {
  /** Epoch milliseconds, from and before. */
  readonly since?: number | undefined;
  readonly until?: number | undefined;
  /** Part of the ARN, the user name, the access key id or the principal id (`anonymous`). */
  readonly principal?: string | undefined;
  readonly eventName?: string | undefined;
  readonly eventSource?: string | undefined;
  /** Part of the ARN of a resource. */
  readonly resource?: string | undefined;
  /** Only calls that policies refused. */
  readonly denied?: boolean | undefined;
  readonly limit: number;
}

/** Records as they stand in the log. */
export type StoredRecord = Readonly<Record<string, any>>;

/** The newest records that are wanted, the oldest of them first. A line that a crash has cut off is passed over. */
export async function readTrail(directory: string, query: AuditQuery): Promise<readonly StoredRecord[]> {
  const found = await Promise.all(SERIES.map((series) => readSeries(directory, series, query)));
  const inOrder = found.flat().sort((a, b) => (a.eventTime < b.eventTime ? -1 : a.eventTime > b.eventTime ? 1 : 0));
  return inOrder.slice(-query.limit);
}

async function readSeries(directory: string, series: Series, query: AuditQuery): Promise<readonly StoredRecord[]> {
  const found: StoredRecord[] = [];
  for (const path of [...(await trailFiles(directory, series))].reverse()) {
    const ofFile: StoredRecord[] = [];
    await using file = await open(path);
    for await (const line of file.readLines({ autoClose: false })) {
      const record = parse(line);
      if (!record || !isWanted(record, query)) continue;
      ofFile.push(record);
      if (ofFile.length > query.limit) ofFile.shift();
    }
    found.unshift(...ofFile.slice(-(query.limit - found.length)));
    if (found.length >= query.limit || beginsBefore(path, query.since)) break;
  }
  return found;
}

function parse(line: string): StoredRecord | undefined {
  if (line === '') return undefined;
  try {
    return JSON.parse(line) as StoredRecord;
  } catch {
    return undefined;
  }
}

function isWanted(record: StoredRecord, query: AuditQuery): boolean {
  const { since, until, principal, eventName, eventSource, resource, denied } = query;
  const at = Date.parse(String(record.eventTime));
  if ((since !== undefined && at < since) || (until !== undefined && at >= until)) return false;
  if (denied && record.errorMessage === undefined && record.eventName !== 'RefusalsLeftOut') return false;
  if (eventName !== undefined && record.eventName !== eventName) return false;
  if (eventSource !== undefined && record.eventSource !== eventSource) return false;
  if (resource !== undefined && !(record.resources ?? []).some(({ ARN }: { ARN: string }) => ARN.includes(resource))) {
    return false;
  }
  if (principal === undefined) return true;
  const { arn = '', userName = '', accessKeyId = '', principalId = '' } = record.userIdentity ?? {};
  return [arn, userName, accessKeyId, principalId].some((text) => text.includes(principal));
}

/** All records of the files before this one are older than what is asked for. */
function beginsBefore(path: string, since: number | undefined): boolean {
  if (since === undefined) return false;
  const [, day, time] = /-(\d{8})T(\d{9})Z\.jsonl$/.exec(path) ?? [];
  if (day === undefined || time === undefined) return false;
  const iso = `${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6)}T${time.slice(0, 2)}:${time.slice(2, 4)}:${time.slice(4, 6)}.${time.slice(6)}Z`;
  return Date.parse(iso) < since;
}
