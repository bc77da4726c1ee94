/** The dead letters of the node: docs/dead-letters.md. */
import type {
  DeadLetterBulk,
  DeadLetterDetail,
  DeadLetterFilter,
  DeadLetterList,
} from '../../../src/gateway/console/dead-letters/letter.ts';
import { ask } from '../api.ts';

export type {
  DeadLetterBulk,
  DeadLetterDetail,
  DeadLetterFilter,
  DeadLetterList,
  DeadLetterPlace,
  DeadLetterSummary,
  TraceSpan,
} from '../../../src/gateway/console/dead-letters/letter.ts';

const PATH = '/_millrace/dead-letters';

export function listLetters(
  filter: DeadLetterFilter,
  after: string | undefined,
  limit: number,
  signal: AbortSignal,
): Promise<DeadLetterList> {
  const query = new URLSearchParams({ limit: String(limit) });
  for (const [name, value] of Object.entries({ ...filter, after }))
    if (value !== undefined) query.set(name, String(value));
  return ask(`${PATH}?${query}`, { signal }) as Promise<DeadLetterList>;
}

export function readLetter(id: string, signal: AbortSignal): Promise<DeadLetterDetail> {
  return ask(`${PATH}/${id}`, { signal }) as Promise<DeadLetterDetail>;
}

/** @param change.body  another body; @param change.to  another target */
export async function redriveLetter(
  id: string,
  change: { readonly body?: string; readonly to?: string },
  signal: AbortSignal,
): Promise<string> {
  const answer = (await post(`${PATH}/${id}/redrive`, change, signal)) as { readonly to: string };
  return answer.to;
}

export async function discardLetter(id: string, signal: AbortSignal): Promise<void> {
  await ask(`${PATH}/${id}`, { method: 'DELETE', signal });
}

/** Redrives or discards what one call takes of all that the filter means. */
export function bulkLetters(
  verb: 'redrive' | 'discard',
  filter: DeadLetterFilter,
  after: string | undefined,
  signal: AbortSignal,
): Promise<DeadLetterBulk> {
  return post(`${PATH}/${verb}`, { ...filter, after }, signal) as Promise<DeadLetterBulk>;
}

function post(path: string, body: unknown, signal: AbortSignal): Promise<unknown> {
  const headers = { 'content-type': 'application/json' };
  return ask(path, { method: 'POST', headers, body: JSON.stringify(body), signal });
}
