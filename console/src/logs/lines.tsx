import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, filterLogEvents, type LogLine } from '../api.ts';
import { preciseTime } from '../format.ts';
import { usePolling } from '../hooks.ts';
import { Empty, Failure } from '../parts.tsx';

/** Lines kept on the page. */
const LINES_MAX = 1000;
/** How far back a group is opened: a busy one shortly, one that has said nothing lately further. */
const LOOK_BACKS_MS = [20_000, 15 * 60_000, 6 * 3600_000];
/** How often a group is asked while it is followed. */
const FOLLOW_MS = 2000;

/** What is asked of a log group. */
export interface LinesQuery {
  readonly logGroupName: string;
  readonly filterPattern?: string;
}

/** The last lines of a group, and new ones as they come. */
export function Lines(props: { readonly group: string; readonly pattern: string; readonly follows: boolean }) {
  const { group, pattern, follows } = props;
  const [lines, setLines] = useState<readonly LogLine[]>();
  const [error, setError] = useState<unknown>();
  const list = useRef<HTMLOListElement>(null);
  const newest = useRef<number | undefined>(undefined);

  usePolling(
    async (signal) => {
      const input = { logGroupName: group, ...(pattern ? { filterPattern: pattern } : {}) };
      try {
        const fresh = await newLines(input, newest.current, signal);
        setError(undefined);
        setLines((before = []) => append(before, fresh));
        // The same millisecond is asked for again: what came late in it has an event id of its own.
        newest.current =
          fresh.reduce((latest, { timestamp }) => Math.max(latest, timestamp), newest.current ?? 0) || undefined;
      } catch (failure) {
        if (!signal.aborted) setError(failure);
      }
    },
    follows ? FOLLOW_MS : 0,
    [group, pattern, follows],
  );
  useEffect(() => {
    if (follows) list.current?.scrollTo({ top: list.current.scrollHeight });
  }, [lines, follows]);

  if (error !== undefined) return <Failure what="This log group cannot be read." error={error} />;
  if (lines?.length === 0) {
    return (
      <Empty title={pattern ? `Nothing matches “${pattern}”.` : 'No lines in the last six hours.'}>
        <p>
          {pattern
            ? 'A filter is a word, or several that must all occur; case counts.'
            : 'They appear here as the function writes them.'}
        </p>
      </Empty>
    );
  }
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
    <ol class="lines" ref={list} tabIndex={0} aria-label={`Lines of ${group}`}>
      {(lines ?? []).map((line) => (
        <li key={line.eventId} class={toneOf(line.message)}>
          <time title={line.logStreamName}>{preciseTime(line.timestamp)}</time>
          <Message text={line.message.trimEnd()} />
        </li>
      ))}
    </ol>
  );
}

/** Lambda's own prefix of a line: time, request id and level before what the function has said. */
const PREFIXED = /^\S+Z\t([0-9a-f-]{36})\t([A-Z]+)\t/;
const REQUEST_ID = /\b([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g;

/** A line without what the page shows already; the whole of it on hovering. */
function Message(props: { readonly text: string }) {
  const prefix = PREFIXED.exec(props.text);
  const rest = prefix ? props.text.slice(prefix[0].length) : props.text;
  return (
    <span title={props.text}>
      {prefix && prefix[2] !== 'INFO' && <b>{prefix[2]}</b>}
      {rest.replace(REQUEST_ID, '$1').replaceAll('\t', '  ')}
    </span>
  );
}

/** Lines from `since` on; without one as far back as it takes to find `enough`. */
export async function newLines(
  query: LinesQuery,
  since: number | undefined,
  signal: AbortSignal,
  enough = 1,
): Promise<readonly LogLine[]> {
  if (since !== undefined) return filterLogEvents({ ...query, startTime: since }, signal);
  let found: readonly LogLine[] = [];
  try {
    for (const back of LOOK_BACKS_MS) {
      found = await filterLogEvents({ ...query, startTime: Date.now() - back }, signal);
      if (found.length >= enough) break;
    }
  } catch (error) {
    // The group of a function is made with its first line.
    if (!(error instanceof ApiError && /ResourceNotFound/.test(error.code))) throw error;
  }
  return found;
}

function append(before: readonly LogLine[], fresh: readonly LogLine[]): readonly LogLine[] {
  if (fresh.length === 0) return before;
  const known = new Set(before.slice(-200).map(({ eventId }) => eventId));
  const added = fresh.filter(({ eventId }) => !known.has(eventId));
  if (added.length === 0) return before;
  return [...before, ...added].sort((a, b) => a.timestamp - b.timestamp).slice(-LINES_MAX);
}

/** Lines of the platform stand back; what went wrong stands out. */
function toneOf(message: string): string {
  if (/^(START|END|INIT_START) /.test(message)) return 'dim';
  if (message.startsWith('REPORT ')) return 'report';
  return /\b(ERROR|Error|FATAL|Task timed out|errorType)\b/.test(message) ? 'bad' : '';
}
