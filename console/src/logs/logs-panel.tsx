import { useEffect, useRef, useState } from 'preact/hooks';
import { filterLogEvents, type LogLine, logGroups } from '../api.ts';
import { preciseTime } from '../format.ts';
import { usePolling, useSettled } from '../hooks.ts';
import { Empty, Failure, Panel } from '../parts.tsx';

/** Lines kept on the page. */
const LINES_MAX = 1000;
/** How far back a group is opened: a busy one shortly, one that has said nothing lately further. */
const LOOK_BACKS_MS = [20_000, 15 * 60_000, 6 * 3600_000];
/** How often a group is asked while it is followed, and what groups there are. */
const FOLLOW_MS = 2000;
const GROUPS_MS = 15_000;
/** Typing pauses this long before the filter is used. */
const TYPING_MS = 350;

export function LogsPanel(props: { readonly known: readonly string[]; readonly asked: string | undefined }) {
  const [groups, setGroups] = useState<readonly string[]>([]);
  const [group, setGroup] = useState<string>();
  const [pattern, setPattern] = useState('');
  const [follows, setFollows] = useState(true);
  const [error, setError] = useState<unknown>();
  const settled = useSettled(pattern, TYPING_MS);

  usePolling(
    async (signal) => {
      try {
        setGroups(await logGroups(signal));
        setError(undefined);
      } catch (failure) {
        if (!signal.aborted) setError(failure);
      }
    },
    GROUPS_MS,
    [],
  );
  useEffect(() => {
    if (props.asked !== undefined) setGroup(props.asked);
  }, [props.asked]);

  const all = [...new Set([...props.known, ...groups])].sort();
  const shown = group ?? all[0];
  return (
    <Panel
      id="logs"
      title="Logs"
      tools={
        <>
          <input
            class="filter"
            type="search"
            aria-label="Filter pattern"
            placeholder="Filter, e.g. ERROR"
            value={pattern}
            onInput={(event) => setPattern(event.currentTarget.value)}
          />
          <label class="switch">
            <input type="checkbox" checked={follows} onChange={() => setFollows(!follows)} /> Follow
          </label>
        </>
      }
    >
      {all.length > 0 && (
        <select
          class="wide"
          aria-label="Log group"
          value={shown}
          onChange={(event) => setGroup(event.currentTarget.value)}
        >
          {all.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      )}
      {error !== undefined && <Failure what="Log groups cannot be listed." error={error} />}
      {all.length === 0 && error === undefined && (
        <Empty title="No function has written a line yet.">
          <p>
            Invoke one: <code>millrace invoke FUNCTION</code>. Its lines appear here as it writes them.
          </p>
        </Empty>
      )}
      {shown !== undefined && <Lines key={`${shown}\n${settled}`} group={shown} pattern={settled} follows={follows} />}
    </Panel>
  );
}

function Lines(props: { readonly group: string; readonly pattern: string; readonly follows: boolean }) {
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

/** Lines from `since` on; without one as far back as it takes to find some. */
async function newLines(
  input: { readonly logGroupName: string; readonly filterPattern?: string },
  since: number | undefined,
  signal: AbortSignal,
): Promise<readonly LogLine[]> {
  if (since !== undefined) return filterLogEvents({ ...input, startTime: since }, signal);
  for (const back of LOOK_BACKS_MS) {
    const found = await filterLogEvents({ ...input, startTime: Date.now() - back }, signal);
    if (found.length > 0) return found;
  }
  return [];
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
