import { useState } from 'preact/hooks';
import { useSettled } from '../hooks.ts';
import { Lines } from './lines.tsx';

/** Typing pauses this long before the filter is used. */
const TYPING_MS = 350;

/** What of a log group is to be seen, and how that is changed. */
export interface LogFilter {
  readonly pattern: string;
  readonly setPattern: (pattern: string) => void;
  /** Whether new lines are read as they come. */
  readonly follows: boolean;
  readonly setFollows: (follows: boolean) => void;
}

/** At first all lines, and new ones as they come. */
export function useLogFilter(): LogFilter {
  const [pattern, setPattern] = useState('');
  const [follows, setFollows] = useState(true);
  return { pattern, setPattern, follows, setFollows };
}

/** Where a person says what is to be seen. */
export function LogTools({ filter }: { readonly filter: LogFilter }) {
  const { pattern, setPattern, follows, setFollows } = filter;
  return (
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
  );
}

/** The lines of a group that the filter lets through, read anew once typing has paused. */
export function FilteredLines({ group, filter }: { readonly group: string; readonly filter: LogFilter }) {
  const pattern = useSettled(filter.pattern, TYPING_MS);
  return <Lines key={`${group}\n${pattern}`} group={group} pattern={pattern} follows={filter.follows} />;
}
