import { useMemo, useState } from 'preact/hooks';
import type { FlowEdge, FlowNode, FlowSnapshot } from '../api.ts';
import { rate } from '../format.ts';
import { useMedia, useWidth } from '../hooks.ts';
import { Choice, Empty, Panel } from '../parts.tsx';
import { detailsOf, type Fact, factsOf, KINDS } from './facts.ts';
import { KindIcon } from './icons.tsx';
import { type Box, type Layout, layOut } from './layout.ts';
import { useParticles } from './particles.ts';

export type History = ReadonlyMap<string, readonly number[]>;

interface FlowProps {
  readonly snapshot: FlowSnapshot;
  readonly history: History;
  readonly onShowLogs: (logGroup: string) => void;
}

export function FlowPanel(props: FlowProps) {
  const [view, setView] = useState<'picture' | 'table'>('picture');
  const [selected, setSelected] = useState<string>();
  const { snapshot } = props;
  const node = snapshot.nodes.find(({ id }) => id === selected);
  const tools = (
    <Choice
      label="Show the flow as"
      name="flow-view"
      value={view}
      options={[
        ['picture', 'Picture'],
        ['table', 'Table'],
      ]}
      onChange={setView}
    />
  );
  return (
    <Panel id="flow" title="Flow" tools={tools}>
      {snapshot.nodes.length === 0 && <NothingYet />}
      {snapshot.nodes.length > 0 && view === 'picture' && (
        <Picture {...props} selected={selected} onSelect={(id) => setSelected(id === selected ? undefined : id)} />
      )}
      {snapshot.nodes.length > 0 && view === 'table' && <Table snapshot={snapshot} />}
      {node && view === 'picture' && <Details node={node} onShowLogs={props.onShowLogs} />}
    </Panel>
  );
}

function NothingYet() {
  return (
    <Empty title="Nothing flows yet.">
      <p>
        Deploy an application, then let devices speak: <code>millrace dev examples/machine-health</code> and{' '}
        <code>millrace simulate examples/machine-health/fleet.yaml</code>
      </p>
    </Empty>
  );
}

/** A layout changes with the graph and the width, not with the rates. */
function useLayout(snapshot: FlowSnapshot, width: number): Layout {
  const shape = [
    ...snapshot.nodes.map(({ id }) => id),
    '',
    ...snapshot.edges.map(({ from, to }) => `${from}>${to}`),
  ].join('\n');
  // `shape` is all of the snapshot that a layout depends on.
  return useMemo(() => layOut(snapshot.nodes, snapshot.edges, width), [shape, width]);
}

function Picture(
  props: FlowProps & { readonly selected: string | undefined; readonly onSelect: (id: string) => void },
) {
  const { snapshot, history, selected } = props;
  const { ref, width } = useWidth<HTMLDivElement>();
  const isStill = useMedia('(prefers-reduced-motion: reduce)');
  const layout = useLayout(snapshot, width);
  const dots = useParticles(
    snapshot.edges.map((edge, index) => ({
      path: layout.paths[index] ?? '',
      perSecond: edge.eventsPerSecond,
      failing: edge.errorsPerSecond > 0,
    })),
    isStill,
  );
  const nodes = new Map(snapshot.nodes.map((node) => [node.id, node]));
  return (
    <div class="picture" ref={ref}>
      <div class="canvas" style={{ height: `${layout.height}px` }}>
        <svg width={layout.width} height={layout.height} aria-hidden="true">
          {snapshot.edges.map((edge, index) => (
            <path
              key={`${edge.from}>${edge.to}`}
              d={layout.paths[index]}
              class={edgeClass(edge)}
              stroke-width={thickness(edge)}
            />
          ))}
          <g ref={dots} />
        </svg>
        <ul aria-label="Parts of the flow, from the devices on">
          {width > 0 &&
            layout.boxes.map((box) => (
              <Card
                key={box.id}
                box={box}
                size={layout.card}
                node={nodes.get(box.id)!}
                history={history.get(box.id) ?? []}
                isSelected={box.id === selected}
                onSelect={() => props.onSelect(box.id)}
              />
            ))}
        </ul>
        {!layout.vertical &&
          snapshot.edges.map((edge) => <EdgeRate key={`${edge.from}>${edge.to}`} edge={edge} layout={layout} />)}
      </div>
    </div>
  );
}

const edgeClass = ({ eventsPerSecond, errorsPerSecond }: FlowEdge) =>
  `edge${errorsPerSecond > 0 ? ' failing' : ''}${eventsPerSecond === 0 ? ' quiet' : ''}`;

/** One pixel and a half for a trickle, four for a flood. */
const thickness = ({ eventsPerSecond }: FlowEdge) => 1.5 + Math.min(2.5, Math.log10(1 + eventsPerSecond) * 0.6);

/** Rates stand on edges only where they differ from what the card they come from says. */
function EdgeRate(props: { readonly edge: FlowEdge; readonly layout: Layout }) {
  const { edge, layout } = props;
  const siblings = layout.boxes.find(({ id }) => id === edge.to);
  const from = layout.boxes.find(({ id }) => id === edge.from);
  if (!siblings || !from || edge.eventsPerSecond === 0) return null;
  const gap = siblings.x - (from.x + layout.card.width);
  if (gap < 58) return null;
  const style = {
    left: `${siblings.x - gap / 2}px`,
    top: `${(from.y + siblings.y) / 2 + layout.card.height / 2}px`,
  };
  return (
    <span class="edge-rate" style={style} aria-hidden="true">
      {rate(edge.eventsPerSecond)}
    </span>
  );
}

function Card(props: {
  readonly box: Box;
  readonly size: { readonly width: number; readonly height: number };
  readonly node: FlowNode;
  readonly history: readonly number[];
  readonly isSelected: boolean;
  readonly onSelect: () => void;
}) {
  const { box, size, node, isSelected } = props;
  const style = { left: `${box.x}px`, top: `${box.y}px`, width: `${size.width}px`, height: `${size.height}px` };
  return (
    <li style={style} class="card-place">
      <button
        type="button"
        class={`card ${node.status}`}
        aria-pressed={isSelected}
        aria-label={spoken(node)}
        onClick={props.onSelect}
      >
        <span class="card-head">
          <KindIcon kind={node.kind} />
          <span class="card-label">{node.label}</span>
          <span class={`status ${node.status}`} />
        </span>
        <span class="card-rate">
          {rate(node.eventsPerSecond).replace('/s', '')}
          <small>/s</small>
        </span>
        <Sparkline values={props.history} />
        <span class="card-facts">
          {factsOf(node)
            .slice(0, 4)
            .map((fact) => (
              <Figure key={fact.name} fact={fact} />
            ))}
        </span>
      </button>
    </li>
  );
}

function Figure(props: { readonly fact: Fact }) {
  const { name, value, isBad } = props.fact;
  return (
    <span class={isBad ? 'fact bad' : 'fact'}>
      <b>{value}</b> {name}
    </span>
  );
}

function spoken(node: FlowNode): string {
  const facts = factsOf(node).map(({ name, value }) => `${name} ${value}`);
  return [`${KINDS[node.kind]} ${node.label}`, node.status, `${rate(node.eventsPerSecond)}`, ...facts].join(', ');
}

const SPARK = { width: 64, height: 22, values: 60 };

/** The last minute of a rate. */
function Sparkline(props: { readonly values: readonly number[] }) {
  const { values } = props;
  if (values.length < 2) return null;
  const top = Math.max(...values, 1e-9);
  const x = (index: number) => SPARK.width - ((values.length - 1 - index) * SPARK.width) / (SPARK.values - 1);
  const line = values
    .map(
      (value, index) => `${x(index).toFixed(1)} ${(SPARK.height - 1 - (value / top) * (SPARK.height - 3)).toFixed(1)}`,
    )
    .join('L');
  return (
    <svg class="spark" viewBox={`0 0 ${SPARK.width} ${SPARK.height}`} preserveAspectRatio="none" aria-hidden="true">
      <path class="spark-area" d={`M${x(0).toFixed(1)} ${SPARK.height}L${line}L${SPARK.width} ${SPARK.height}Z`} />
      <path class="spark-line" d={`M${line}`} />
    </svg>
  );
}

function Details(props: { readonly node: FlowNode; readonly onShowLogs: (logGroup: string) => void }) {
  const { node } = props;
  return (
    <section class="details" aria-label={`Details of ${node.label}`}>
      <div class="details-head">
        <span>{KINDS[node.kind]}</span>
        <code>{node.id}</code>
        {node.logGroup && (
          <button type="button" onClick={() => props.onShowLogs(node.logGroup!)}>
            Show its logs
          </button>
        )}
      </div>
      <dl>
        {detailsOf(node).map(({ name, value, isBad }) => (
          <div key={name} class={isBad ? 'bad' : ''}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function Table(props: { readonly snapshot: FlowSnapshot }) {
  const { nodes, edges } = props.snapshot;
  const labels = new Map(nodes.map(({ id, label }) => [id, label]));
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section class="scroll" tabIndex={0} aria-label="Flow as a table">
      <table>
        <thead>
          <tr>
            <th scope="col">Part</th>
            <th scope="col">Kind</th>
            <th scope="col">Status</th>
            <th scope="col" class="number">
              Rate
            </th>
            <th scope="col">Figures</th>
            <th scope="col">Goes to</th>
          </tr>
        </thead>
        <tbody>
          {nodes.map((node) => (
            <tr key={node.id}>
              <th scope="row">{node.label}</th>
              <td>{KINDS[node.kind]}</td>
              <td>
                <span class={`status ${node.status}`} /> {node.status}
              </td>
              <td class="number">{rate(node.eventsPerSecond)}</td>
              <td>
                {factsOf(node)
                  .map(({ name, value }) => `${name} ${value}`)
                  .join(', ')}
              </td>
              <td>
                {edges
                  .filter(({ from }) => from === node.id)
                  .map(({ to, eventsPerSecond }) => `${labels.get(to)} (${rate(eventsPerSecond)})`)
                  .join(', ')}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
