import { useEffect, useState } from 'preact/hooks';
import { ApiError } from '../api.ts';
import { age, bytes, compact, nameOf } from '../format.ts';
import { useSettled } from '../hooks.ts';
import { Empty, Failure, Panel } from '../parts.tsx';
import { SignIn } from '../sign-in.tsx';
import { stylesBeside } from '../styles.ts';
import { BulkTools } from './bulk-tools.tsx';
import { LetterPane } from './letter-pane.tsx';
import { type DeadLetterFilter, type DeadLetterPlace, type DeadLetterSummary, listLetters } from './letters-api.ts';
import './letters.css';

await stylesBeside(import.meta.url);

/** Letters of one call, and kept on the page at most. */
const PAGE = 100;
const SHOWN_MAX = 2000;
/** Calls that a filter which finds nothing goes on for by itself. */
const SEARCHES_MAX = 10;
/** Typing pauses this long before the filter is used. */
const TYPING_MS = 350;

/** What the address says behind `#dead-letters`: `/ID` opens one, `?place=ARN` is a filter. */
export function LettersPage(props: { readonly rest: string }) {
  const [, id = '', query = ''] = /^\/?([^?]*)\??(.*)$/.exec(props.rest)!;
  const asked = new URLSearchParams(query).get('place') ?? undefined;
  const [filter, setFilter] = useState<DeadLetterFilter>(asked === undefined ? {} : { place: asked });
  useEffect(() => {
    if (asked !== undefined) setFilter({ place: asked });
  }, [asked]);
  const settled = useSettled(filter, TYPING_MS);
  const { state, more, reload, remove } = useLetters(settled);
  const [said, setSaid] = useState<string>();
  const change = (name: keyof DeadLetterFilter, value: string) => {
    const { [name]: _, ...rest } = filter;
    setFilter(value === '' ? rest : { ...rest, [name]: value });
    setSaid(undefined);
  };
  const close = () => {
    location.hash = 'dead-letters';
  };
  const gone = (words: string) => {
    remove(id);
    setSaid(words);
    close();
  };
  const { places, letters, isLoading, next, scanned, error } = state;
  const isFiltered = Object.values(filter).some((value) => value !== undefined);
  const tools = (
    <BulkTools
      filter={filter}
      places={places}
      isFiltered={isFiltered}
      isDisabled={letters.length === 0}
      onDone={(words) => {
        setSaid(words);
        reload();
      }}
    />
  );
  return (
    <Panel id="dead-letters" title="Dead letters" note={noteOf(places)} tools={tools}>
      <div class={id === '' ? 'letters-page' : 'letters-page open'}>
        <Filters filter={filter} places={places} onChange={change} onReload={reload} />
        <p class={said === undefined ? 'said' : 'said shown'} role="status">
          {said}
        </p>
        {error instanceof ApiError && error.status === 401 ? (
          <SignIn onDone={reload} />
        ) : (
          error !== undefined && <Failure what="Dead letters cannot be listed." error={error} />
        )}
        <div class={id === '' ? 'letters' : 'letters open'}>
          <div class="letters-list">
            {letters.length === 0 && !isLoading && next === undefined && error === undefined && (
              <Nothing isFiltered={isFiltered} />
            )}
            <ul aria-label="Dead letters">
              {letters.map((letter) => (
                <Letter key={letter.id} letter={letter} places={places} isOpen={letter.id === id} />
              ))}
            </ul>
            {isLoading && <p class="quiet-note">Looking…</p>}
            {!isLoading && next !== undefined && letters.length < SHOWN_MAX && (
              <button type="button" class="plain wide" onClick={more}>
                {letters.length === 0 ? `None among ${compact(scanned)}: look further` : 'Show more'}
              </button>
            )}
            {letters.length >= SHOWN_MAX && (
              <p class="quiet-note">{SHOWN_MAX} are shown: narrow the filter to see others.</p>
            )}
          </div>
          {id !== '' && <LetterPane key={id} id={id} places={places} onClose={close} onGone={gone} />}
        </div>
      </div>
    </Panel>
  );
}

function noteOf(places: readonly DeadLetterPlace[]): string {
  const waiting = places.reduce((sum, place) => sum + place.waiting, 0);
  const holding = places.filter((place) => place.waiting > 0).length;
  return waiting === 0 ? 'none' : `${compact(waiting)} in ${holding === 1 ? 'one place' : `${holding} places`}`;
}

interface LettersState {
  readonly places: readonly DeadLetterPlace[];
  readonly letters: readonly DeadLetterSummary[];
  readonly scanned: number;
  readonly next: string | undefined;
  readonly isLoading: boolean;
  readonly error: unknown;
}

const EMPTY: LettersState = {
  ...{ places: [], letters: [], scanned: 0, next: undefined, isLoading: true, error: undefined },
};

/** Letters that a filter finds, page by page. */
function useLetters(filter: DeadLetterFilter) {
  const [state, setState] = useState(EMPTY);
  const [round, setRound] = useState(0);
  const list = `${round} ${JSON.stringify(filter)}`;
  /** The page that is wanted, of the list that it belongs to: another list begins at its first. */
  const [wanted, setWanted] = useState<{ readonly list: string; readonly after: string | undefined }>();
  const from = wanted?.list === list ? wanted.after : undefined;
  useEffect(() => setState((before) => ({ ...EMPTY, places: before.places })), [list]);
  useEffect(() => {
    const stop = new AbortController();
    const load = async () => {
      setState((before) => ({ ...before, isLoading: true, error: undefined }));
      let after = from;
      for (let search = 0; ; search++) {
        const page = await listLetters(filter, after, PAGE, stop.signal);
        if (stop.signal.aborted) return;
        const isLast = page.letters.length > 0 || page.next === undefined || search >= SEARCHES_MAX;
        setState((before) => ({
          ...before,
          places: page.places,
          letters: [...before.letters, ...page.letters],
          scanned: before.scanned + page.scanned,
          next: page.next,
          isLoading: !isLast,
        }));
        if (isLast) return;
        after = page.next;
      }
    };
    load().catch((error: unknown) => {
      if (!stop.signal.aborted) setState((before) => ({ ...before, isLoading: false, error }));
    });
    return () => stop.abort();
  }, [list, from]);
  return {
    state,
    more: () => setWanted({ list, after: state.next }),
    reload: () => setRound((before) => before + 1),
    remove: (id: string) =>
      setState((before) => ({ ...before, letters: before.letters.filter((letter) => letter.id !== id) })),
  };
}

function Filters(props: {
  readonly filter: DeadLetterFilter;
  readonly places: readonly DeadLetterPlace[];
  readonly onChange: (name: keyof DeadLetterFilter, value: string) => void;
  readonly onReload: () => void;
}) {
  const { filter, places, onChange } = props;
  const texts = [
    ['source', 'Source'],
    ['target', 'Target'],
    ['reason', 'Reason'],
    ['text', 'Body'],
  ] as const;
  return (
    <search class="filters">
      <label>
        <span>Place</span>
        <select value={filter.place ?? ''} onChange={(event) => onChange('place', event.currentTarget.value)}>
          <option value="">All places</option>
          {places.map(({ id, label, waiting }) => (
            <option key={id} value={id}>
              {label} ({compact(waiting)})
            </option>
          ))}
        </select>
      </label>
      {texts.map(([name, label]) => (
        <label key={name}>
          <span>{label}</span>
          <input
            type="search"
            value={filter[name] ?? ''}
            placeholder="any"
            onInput={(event) => onChange(name, event.currentTarget.value)}
          />
        </label>
      ))}
      <button type="button" class="plain" onClick={props.onReload}>
        Refresh
      </button>
    </search>
  );
}

function Letter(props: {
  readonly letter: DeadLetterSummary;
  readonly places: readonly DeadLetterPlace[];
  readonly isOpen: boolean;
}) {
  const { letter, places, isOpen } = props;
  const { source, target, errorCode, errorMessage, attempts, givenUpAt, sentAt } = letter;
  const place = places.find(({ id }) => id === letter.place)?.label ?? nameOf(letter.place);
  return (
    <li>
      <a class="letter" href={`#dead-letters/${letter.id}`} aria-current={isOpen ? 'true' : undefined}>
        <span class="letter-reason">
          <b>{errorCode ?? 'no reason noted'}</b> {errorMessage}
        </span>
        <time title={new Date(givenUpAt ?? sentAt).toISOString()}>{age(Date.now() - (givenUpAt ?? sentAt))} ago</time>
        <span class="letter-way">
          {source !== undefined && <span title={source}>{nameOf(source)}</span>}
          {source === undefined && <span>unknown sender</span>}
          {target !== undefined && (
            <span title={target}>
              {' → '}
              {nameOf(target)}
            </span>
          )}
          <span class="quiet-note">
            {attempts !== undefined && `${attempts} ${attempts === 1 ? 'try' : 'tries'}, `}
            {bytes(letter.bytes)}, in {place}
          </span>
        </span>
        <code class="letter-preview">{letter.preview}</code>
      </a>
    </li>
  );
}

function Nothing(props: { readonly isFiltered: boolean }) {
  if (props.isFiltered) return <Empty title="No dead letter matches." />;
  return (
    <Empty title="No dead letters.">
      <p>
        What is given up after its last try comes here: from dead-letter queues, and from deliveries that have none.
      </p>
    </Empty>
  );
}
