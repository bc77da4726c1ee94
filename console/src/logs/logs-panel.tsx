import { useEffect, useState } from 'preact/hooks';
import { logGroups } from '../api.ts';
import { useReading } from '../hooks.ts';
import { Empty, Failure, Panel } from '../parts.tsx';
import { FilteredLines, LogTools, useLogFilter } from './log-filter.tsx';

/** How often is asked what groups there are. */
const GROUPS_MS = 15_000;

export function LogsPanel(props: {
  readonly known: readonly string[];
  readonly asked: string | undefined;
  readonly onError: (error: unknown) => void;
}) {
  const [groups, setGroups] = useState<readonly string[]>([]);
  const [group, setGroup] = useState<string>();
  const filter = useLogFilter();

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
    <Panel id="logs" title="Logs" tools={<LogTools filter={filter} />}>
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
      {shown !== undefined && <FilteredLines group={shown} filter={filter} />}
    </Panel>
  );
}
