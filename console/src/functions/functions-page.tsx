import { useState } from 'preact/hooks';
import type { FlowNode, FlowSnapshot } from '../api.ts';
import { Sparkline } from '../charts/sparkline.tsx';
import { age, compact, dateTime } from '../format.ts';
import { useReading } from '../hooks.ts';
import { Empty, Failure, Panel, WideTable } from '../parts.tsx';
import { nameIn, SignedPage } from '../signed-page.tsx';
import { stylesBeside } from '../styles.ts';
import { columnsOf, lastOf, type Points, totalOf } from './figures.ts';
import { FunctionView } from './function-view.tsx';
import './functions.css';
import { type FunctionConfiguration, listFunctions, readMetrics } from './functions-api.ts';
import { FunctionState } from './state.tsx';
import { environmentWords, timeWords } from './words.ts';

await stylesBeside(import.meta.url);

const REFRESH_MS = 5_000;
/** Functions that are shown at once: figures of so many are asked for in one call. */
const SHOWN_MAX = 100;
/** What the figures of the list look back on. */
const HOUR = { minutes: 60, periodSeconds: 60 };

interface FunctionsProps {
  /** What the address says behind `#functions`: `/NAME` is one function. */
  readonly rest: string;
  readonly theme: string;
  readonly snapshot: FlowSnapshot;
}

export function FunctionsPage({ rest, theme, snapshot }: FunctionsProps) {
  const name = nameIn(rest);
  const nodes = new Map(snapshot.nodes.filter(({ kind }) => kind === 'function').map((node) => [node.label, node]));
  return (
    <SignedPage id="functions" title="Functions">
      {(onError) =>
        name === undefined ? (
          <FunctionList nodes={nodes} onError={onError} />
        ) : (
          <FunctionView key={name} name={name} node={nodes.get(name)} theme={theme} onError={onError} />
        )
      }
    </SignedPage>
  );
}

const FIGURES = [
  ['invocations', 'Invocations', 'Sum'],
  ['errors', 'Errors', 'Sum'],
  ['coldStarts', 'InitDuration', 'SampleCount'],
] as const;

/** What a function did within the last hour, minute by minute. */
type Figures = Readonly<Record<(typeof FIGURES)[number][0], Points>>;

function FunctionList(props: {
  readonly nodes: ReadonlyMap<string, FlowNode>;
  readonly onError: (error: unknown) => void;
}) {
  const [functions, setFunctions] = useState<readonly FunctionConfiguration[]>();
  const [search, setSearch] = useState('');
  const error = useReading(
    async (signal) => {
      const all = await listFunctions(signal);
      setFunctions(all.toSorted((a, b) => a.FunctionName.localeCompare(b.FunctionName)));
    },
    REFRESH_MS,
    [],
    props.onError,
  );
  const wanted = search.toLowerCase();
  const found = (functions ?? []).filter(({ FunctionName }) => FunctionName.toLowerCase().includes(wanted));
  const shown = found.slice(0, SHOWN_MAX);
  const figures = useFigures(shown.map(({ FunctionName }) => FunctionName));
  return (
    <Panel
      id="functions"
      title="Functions"
      note={functions && `${functions.length}`}
      tools={
        <input
          type="search"
          aria-label="Search functions"
          placeholder="Name"
          value={search}
          onInput={(event) => setSearch(event.currentTarget.value)}
        />
      }
    >
      {error !== undefined && <Failure what="Functions cannot be listed." error={error} />}
      {figures.error !== undefined && <Failure what="Their metrics cannot be read." error={figures.error} />}
      {functions?.length === 0 && (
        <Empty title="No functions yet.">
          <p>
            <code>millrace dev DIR</code> or <code>millrace deploy DIR</code> makes those of a template;{' '}
            <code>aws lambda create-function</code>, <code>osls deploy</code> and <code>cdk deploy</code> do too.
          </p>
        </Empty>
      )}
      {functions && functions.length > 0 && found.length === 0 && <Empty title="No function matches." />}
      {shown.length > 0 && (
        <WideTable
          label="Functions"
          headings={[
            ...['Name', 'State', 'Runtime', 'Memory', 'Invocations', 'Last', 'Errors', 'Cold starts', 'p50', 'p99'],
            'Environments',
          ]}
        >
          {shown.map((one) => (
            <Row
              key={one.FunctionName}
              configuration={one}
              figures={figures.of.get(one.FunctionName)}
              node={props.nodes.get(one.FunctionName)}
            />
          ))}
        </WideTable>
      )}
      {shown.length > 0 && (
        <p class="quiet-note">
          Invocations, errors and cold starts are of the last hour; p50 and p99 of the last 512 invocations since the
          node started.
          {found.length > SHOWN_MAX && ` ${SHOWN_MAX} of ${compact(found.length)} are shown: search for others.`}
        </p>
      )}
    </Panel>
  );
}

/** Figures of these functions, in one call. */
function useFigures(names: readonly string[]): { readonly of: ReadonlyMap<string, Figures>; readonly error: unknown } {
  const [of, setOf] = useState<ReadonlyMap<string, Figures>>(new Map());
  const error = useReading(
    async (signal) => {
      if (names.length === 0) return;
      const to = Date.now();
      const range = { from: to - HOUR.minutes * 60_000, to, periodSeconds: HOUR.periodSeconds };
      const asked = names.flatMap((functionName) =>
        FIGURES.map(([figure, metric, stat]) => [`${functionName} ${figure}`, { functionName, metric, stat }] as const),
      );
      const found = await readMetrics(new Map(asked), range, signal);
      const figuresOf = (name: string) =>
        Object.fromEntries(FIGURES.map(([figure]) => [figure, found.get(`${name} ${figure}`)!])) as unknown as Figures;
      setOf(new Map(names.map((name) => [name, figuresOf(name)])));
    },
    REFRESH_MS,
    [names.join()],
  );
  return { of, error };
}

function Row(props: {
  readonly configuration: FunctionConfiguration;
  readonly figures: Figures | undefined;
  readonly node: FlowNode | undefined;
}) {
  const { configuration, figures, node } = props;
  const { FunctionName, Runtime, MemorySize } = configuration;
  const errors = figures && totalOf(figures.errors);
  return (
    <tr>
      <th scope="row">
        <a href={`#functions/${encodeURIComponent(FunctionName)}`}>{FunctionName}</a>
      </th>
      <td>
        <FunctionState configuration={configuration} />
      </td>
      <td>{Runtime}</td>
      <td class="number">{MemorySize} MB</td>
      <td>{figures && <Invocations points={figures.invocations} />}</td>
      <td>{figures && <Last points={figures.invocations} />}</td>
      <td class={errors ? 'number bad' : 'number'}>{errors !== undefined && compact(errors)}</td>
      <td class="number">{figures && compact(totalOf(figures.coldStarts))}</td>
      <td class="number">{timeWords(node?.p50Ms)}</td>
      <td class="number">{timeWords(node?.p99Ms)}</td>
      <td>{environmentWords(node)}</td>
    </tr>
  );
}

function Invocations(props: { readonly points: Points }) {
  const total = totalOf(props.points);
  const to = Date.now();
  const range = { from: to - HOUR.minutes * 60_000, to, periodSeconds: HOUR.periodSeconds };
  const { values } = columnsOf([{ points: props.points, none: 0 }], range);
  return (
    <span class="rate-of-hour">
      <b>{compact(total)}</b>
      {total > 0 && <Sparkline values={values[0]!} places={HOUR.minutes + 1} />}
    </span>
  );
}

function Last(props: { readonly points: Points }) {
  const last = lastOf(props.points, HOUR.periodSeconds);
  if (last === undefined) return <span title="Not within the last hour">–</span>;
  // Metrics know the minute: what is in the present one is new.
  const agoMs = Date.now() - last;
  return <span title={dateTime(last)}>{agoMs < 60_000 ? 'just now' : `${age(agoMs)} ago`}</span>;
}
