import { useEffect, useState } from 'preact/hooks';
import { logGroups } from '../api.ts';
import { useReading, useSettled } from '../hooks.ts';
import { Empty, Failure, Panel } from '../parts.tsx';
import { Lines } from './lines.tsx';

/** How often is asked what groups there are. */
const GROUPS_MS = 15_000;
/** Typing pauses this long before the filter is used. */
const TYPING_MS = 350;

export function LogsPanel(props: {
  readonly known: readonly string[];
  readonly asked: string | undefined;
  readonly onError: (error: unknown) => void;
}) {
  const [groups, setGroups] = useState<readonly string[]>([]);
  const [group, setGroup] = useState<string>();
  const [pattern, setPattern] = useState('');
  const [follows, setFollows] = useState(true);
  const settled = useSettled(pattern, TYPING_MS);

  const error = useReading(
    async (signal) => {
      setGroups(await logGroups(signal));
    },
    GROUPS_MS,
    [],
    props.onError,
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
