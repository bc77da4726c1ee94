import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { type FeedState, type FlowSnapshot, type FlowStatus, followFlow } from './api.ts';
import { DevicesPanel } from './devices/devices-panel.tsx';
import { FlowPanel, HISTORY_MAX, type History } from './flow/flow-panel.tsx';
import { compact, duration, rate } from './format.ts';
import { useHash } from './hooks.ts';
import { LogsPanel } from './logs/logs-panel.tsx';
import { Failure } from './parts.tsx';
import { SignedPage } from './signed-page.tsx';
import { type Theme, useTheme } from './theme.ts';

/** Seconds between two snapshots from which on some are missing between them: the node sends one a second. */
const MISSING_SECONDS_MIN = 3;
const NOTHING: FlowSnapshot = { version: 1, time: 0, uptimeMs: 0, nodes: [], edges: [] };

/** Pages beside the first one, in the order of their links; the address has them by their name here. Each is loaded when it is opened first. */
const PAGES = {
  fleet: ['Fleet', async () => (await import('./fleet/fleet-page.tsx')).FleetPage],
  functions: ['Functions', async () => (await import('./functions/functions-page.tsx')).FunctionsPage],
  tables: ['Tables', async () => (await import('./tables/tables-page.tsx')).TablesPage],
  buckets: ['Buckets', async () => (await import('./buckets/buckets-page.tsx')).BucketsPage],
  apis: ['APIs', async () => (await import('./apis/apis-page.tsx')).ApisPage],
  stacks: ['Stacks', async () => (await import('./stacks/stacks-page.tsx')).StacksPage],
  identities: ['Identities', async () => (await import('./identities/identities-page.tsx')).IdentitiesPage],
  'dead-letters': ['Dead letters', async () => (await import('./letters/letters-page.tsx')).LettersPage],
} as const satisfies Record<string, readonly [title: string, load: () => Promise<ComponentType<PageProps>>]>;

interface PageProps {
  /** What the address says behind the page's name. */
  readonly rest: string;
  readonly theme: Theme;
  /** The flow as of the last second. */
  readonly snapshot: FlowSnapshot;
}

type Page = 'overview' | keyof typeof PAGES;

function pageOf(hash: string): Page {
  const name = /^[a-z-]+(?=[/?]|$)/.exec(hash)?.[0] ?? '';
  return Object.hasOwn(PAGES, name) ? (name as Page) : 'overview';
}

export function App() {
  const { theme, toggle } = useTheme();
  const { snapshot, history, feed } = useFlow();
  const [askedLogs, setAskedLogs] = useState<string>();
  const hash = useHash();
  const page = pageOf(hash);
  useEffect(() => {
    // The parts of the first page are not there while another is shown: the browser cannot go to them by itself.
    if (page === 'overview' && hash !== '') document.getElementById(hash)?.scrollIntoView({ block: 'start' });
    else scrollTo({ top: 0 });
  }, [page]);
  const showLogs = (logGroup: string) => {
    setAskedLogs(logGroup);
    const panel = document.getElementById('logs');
    panel?.scrollIntoView({ block: 'start' });
    panel?.querySelector('select')?.focus({ preventScroll: true });
  };
  const known = snapshot.nodes.flatMap(({ logGroup }) => (logGroup ? [logGroup] : []));
  return (
    <>
      <a class="skip" href={`#${page === 'overview' ? 'flow' : page}`}>
        Skip to the {page === 'overview' ? 'flow' : inSentence(PAGES[page][0])}
      </a>
      <Header snapshot={snapshot} feed={feed} theme={theme} page={page} onToggle={toggle} />
      <main>
        {feed === 'lost' && (
          <div class="failure" role="alert">
            <strong>The node does not answer.</strong> What you see is from {snapshot.time ? 'before' : 'nowhere'}; the
            console tries again every second.
          </div>
        )}
        {page !== 'overview' && (
          <LoadedPage
            key={page}
            load={PAGES[page][1]}
            rest={hash.slice(page.length)}
            theme={theme}
            snapshot={snapshot}
          />
        )}
        {page === 'overview' && (
          <>
            <FlowPanel snapshot={snapshot} history={history} onShowLogs={showLogs} />
            <SignedPage id="devices" title="Devices and logs">
              {(onError) => (
                <div class="columns">
                  <DevicesPanel theme={theme} onError={onError} />
                  <LogsPanel known={known} asked={askedLogs} onError={onError} />
                </div>
              )}
            </SignedPage>
          </>
        )}
      </main>
    </>
  );
}

/** A page once its code is there. */
function LoadedPage({ load, ...props }: PageProps & { readonly load: () => Promise<ComponentType<PageProps>> }) {
  const [loaded, setLoaded] = useState<{ readonly Page?: ComponentType<PageProps>; readonly error?: unknown }>({});
  useEffect(() => {
    load().then(
      (Page) => setLoaded({ Page }),
      (error: unknown) => setLoaded({ error }),
    );
  }, [load]);
  const { Page, error } = loaded;
  if (Page) return <Page {...props} />;
  if (error === undefined) return <div class="loading" aria-busy="true" />;
  return (
    <>
      <Failure what="This page could not be loaded." error={error} />
      <button type="button" class="plain" onClick={() => location.reload()}>
        Load the console again
      </button>
    </>
  );
}

/** A title within a sentence: abbreviations stay as they are. */
const inSentence = (title: string) => (/^[A-Z]{2}/.test(title) ? title : title.toLowerCase());

function useFlow(): { snapshot: FlowSnapshot; history: History; feed: FeedState } {
  const [state, setState] = useState<{ snapshot: FlowSnapshot; history: History }>({
    snapshot: NOTHING,
    history: new Map(),
  });
  const [feed, setFeed] = useState<FeedState>('connecting');
  useEffect(
    () =>
      followFlow((snapshot) => {
        setState((before) => ({ snapshot, history: lengthen(before, snapshot) }));
      }, setFeed),
    [],
  );
  return { ...state, feed };
}

/** With the rates of one more snapshot; while the node did not answer none is known. */
function lengthen(
  before: { readonly snapshot: FlowSnapshot; readonly history: History },
  { nodes, time }: FlowSnapshot,
): History {
  const seconds = Math.round((time - before.snapshot.time) / 1000);
  const missing = seconds < MISSING_SECONDS_MIN ? 0 : Math.min(seconds - 1, HISTORY_MAX);
  const gap = new Array<null>(missing).fill(null);
  return new Map(
    nodes.map(({ id, eventsPerSecond }) => {
      const known = before.history.get(id);
      return [id, known ? [...known, ...gap, eventsPerSecond].slice(-HISTORY_MAX) : [eventsPerSecond]];
    }),
  );
}

const FEED_NAMES: Readonly<Record<FeedState, string>> = { connecting: 'connecting', live: 'live', lost: 'no answer' };

function Header(props: {
  readonly snapshot: FlowSnapshot;
  readonly feed: FeedState;
  readonly theme: Theme;
  readonly page: Page;
  readonly onToggle: () => void;
}) {
  const { snapshot, feed, theme, page } = props;
  const letters = snapshot.deadLetters ?? 0;
  const next = theme === 'dark' ? 'light' : 'dark';
  return (
    <header class="top">
      <div class="brand">
        <img src="icon.svg" alt="" width="26" height="26" />
        <h1>Millrace</h1>
        <span class={`feed ${feed}`} role="status">
          {FEED_NAMES[feed]}
        </span>
      </div>
      <Totals snapshot={snapshot} />
      <nav aria-label="Sections">
        <a href="#flow">Flow</a>
        <a href="#devices">Devices</a>
        <a href="#logs">Logs</a>
        {(Object.keys(PAGES) as (keyof typeof PAGES)[]).map((name) => (
          <a key={name} href={`#${name}`} aria-current={page === name ? 'page' : undefined}>
            {PAGES[name][0]}
            {name === 'dead-letters' && letters > 0 && <span class="count">{compact(letters)}</span>}
          </a>
        ))}
        <button
          type="button"
          class="icon"
          onClick={props.onToggle}
          aria-label={`Switch to ${next} colours`}
          title={`Switch to ${next} colours`}
        >
          <svg viewBox="0 0 16 16" aria-hidden="true">
            <path
              d={
                theme === 'dark'
                  ? 'M8 4.8a3.2 3.2 0 1 0 0 6.4 3.2 3.2 0 0 0 0-6.4M8 1v1.4M8 13.6V15M1 8h1.4M13.6 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1'
                  : 'M13.5 9.6A6 6 0 0 1 6.4 2.5a6 6 0 1 0 7.1 7.1Z'
              }
            />
          </svg>
        </button>
      </nav>
    </header>
  );
}

const isIll = ({ status }: { readonly status: FlowStatus }) => status === 'error' || status === 'waiting';

/** The node in one line. */
function Totals(props: { readonly snapshot: FlowSnapshot }) {
  const { nodes, edges, uptimeMs } = props.snapshot;
  if (nodes.length === 0) return <div class="totals" />;
  const devices = nodes.filter(({ kind }) => kind === 'devices');
  const sum = (value: (node: (typeof nodes)[number]) => number | undefined, of = nodes) =>
    of.reduce((total, node) => total + (value(node) ?? 0), 0);
  const labels = new Map(nodes.map(({ id, label }) => [id, label]));
  const failing = [
    ...new Set([
      ...nodes.filter(isIll).map(({ label }) => label),
      ...edges.filter(isIll).map(({ to }) => labels.get(to) ?? to),
    ]),
  ];
  return (
    <dl class="totals">
      <div>
        <dt>in</dt>
        <dd>{rate(sum(({ eventsPerSecond }) => eventsPerSecond, devices))}</dd>
      </div>
      <div>
        <dt>devices</dt>
        <dd>{compact(sum(({ connected }) => connected, devices))}</dd>
      </div>
      <div class={failing.length ? 'bad' : ''}>
        <dt>{failing.length ? 'look at' : 'all parts'}</dt>
        <dd title={failing.join(', ')}>{failing.length ? failing.join(', ') : 'well'}</dd>
      </div>
      <div>
        <dt>up</dt>
        <dd>{duration(uptimeMs)}</dd>
      </div>
    </dl>
  );
}
