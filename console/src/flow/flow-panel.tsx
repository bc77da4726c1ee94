import { useMemo, useState } from 'preact/hooks';
import type { FlowEdge, FlowNode, FlowSnapshot } from '../api.ts';
import { Sparkline } from '../charts/sparkline.tsx';
import { rate } from '../format.ts';
import { useMedia, useWidth } from '../hooks.ts';
import { Choice, Empty, Panel } from '../parts.tsx';
import { EdgeDetails, NodeDetails } from './details.tsx';
import { edgeKey, edgeWords, type Fact, factsOf, KINDS, STATUSES } from './facts.ts';
import { FlowTables } from './flow-tables.tsx';
import { KindIcon, StatusMark } from './icons.tsx';
import { type Box, type Layout, labelsOf, layOut } from './layout.ts';
import { useParticles } from './particles.ts';

/** Seconds that the picture looks back on. */
export const HISTORY_MAX = 60;

/** Rates of the last seconds by part, the newest at the end; `null` where none is known. */
export type History = ReadonlyMap<string, readonly (number | null)[]>;

interface FlowProps {
  readonly snapshot: FlowSnapshot;
  readonly history: History;
  readonly onShowLogs: (logGroup: string) => void;
}

export function FlowPanel(props: FlowProps) {
  const [view, setView] = useState<'picture' | 'table'>('picture');
  /** Id of a node, or key of an edge. */
  const [selected, setSelected] = useState<string>();
  const { snapshot } = props;
  const node = snapshot.nodes.find(({ id }) => id === selected);
  const edge = snapshot.edges.find((one) => edgeKey(one) === selected);
  const labels = new Map(snapshot.nodes.map(({ id, label }) => [id, label]));
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
  const isPicture = snapshot.nodes.length > 0 && view === 'picture';
  return (
    <Panel id="flow" title="Flow" tools={tools}>
      {snapshot.nodes.length === 0 && <NothingYet />}
      {isPicture && (
        <Picture {...props} selected={selected} onSelect={(id) => setSelected(id === selected ? undefined : id)} />
      )}
      {snapshot.nodes.length > 0 && view === 'table' && <FlowTables snapshot={snapshot} />}
      {isPicture && node && (
        <NodeDetails
          node={node}
          edges={snapshot.edges}
          labels={labels}
          onShowLogs={props.onShowLogs}
          onSelect={setSelected}
        />
      )}
      {isPicture && edge && <EdgeDetails key={selected} edge={edge} labels={labels} onSelect={setSelected} />}
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
      failing: edge.status === 'error',
    })),
    isStill,
  );
  const nodes = new Map(snapshot.nodes.map((node) => [node.id, node]));
  const labels = labelsOf(snapshot.edges, layout);
  return (
    <div class="picture" ref={ref}>
      <div class="canvas" style={{ height: `${layout.height}px` }}>
        <svg width={layout.width} height={layout.height} aria-hidden="true">
          {snapshot.edges.map((edge, index) => (
            <path
              key={edgeKey(edge)}
              d={layout.paths[index]}
              class={`${edgeClass(edge)}${edgeKey(edge) === selected ? ' selected' : ''}`}
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
        <ul aria-label="What joins them">
          {width > 0 &&
            snapshot.edges.map((edge, index) => (
              <EdgeLabel
                key={edgeKey(edge)}
                edge={edge}
                place={labels[index]}
                nodes={nodes}
                isSelected={edgeKey(edge) === selected}
                onSelect={() => props.onSelect(edgeKey(edge))}
              />
            ))}
        </ul>
      </div>
    </div>
  );
}

const edgeClass = ({ via, status, eventsPerSecond }: FlowEdge) =>
  ['edge', via, status, eventsPerSecond === 0 ? 'quiet' : ''].join(' ');

/** One pixel and a half for a trickle, four for a flood. */
const thickness = ({ eventsPerSecond }: FlowEdge) => 1.5 + Math.min(2.5, Math.log10(1 + eventsPerSecond) * 0.6);

/** Words stand on an edge where there is room for them; else a mark, and only when there is something to see. */
const LABEL_ROOM = 64;

function EdgeLabel(props: {
  readonly edge: FlowEdge;
  readonly place: { readonly x: number; readonly y: number; readonly gap: number } | undefined;
  readonly nodes: ReadonlyMap<string, FlowNode>;
  readonly isSelected: boolean;
  readonly onSelect: () => void;
}) {
  const { edge, place, nodes, isSelected } = props;
  if (!place) return null;
  const isWell = edge.status === 'ok' || edge.status === 'idle';
  const hasRoom = place.gap >= LABEL_ROOM;
  const words = edgeWords(edge);
  // A card's own rate says as much, where an edge has no room for words.
  const isShown = isSelected || !isWell || (hasRoom && words !== '');
  const style = {
    left: `${place.x}px`,
    top: `${place.y}px`,
    ...(hasRoom && { maxWidth: `${place.gap + 8}px` }),
  };
  return (
    <li>
      <button
        type="button"
        class={`edge-label ${edge.status}${isShown ? '' : ' unseen'}`}
        style={style}
        title={edge.problem ?? words}
        aria-pressed={isSelected}
        aria-label={spokenEdge(edge, nodes)}
        onClick={props.onSelect}
      >
        {!isWell && <StatusMark status={edge.status} />}
        {hasRoom && <span>{words || 'quiet'}</span>}
        {!hasRoom && isWell && <span class="point" />}
      </button>
    </li>
  );
}

function spokenEdge(edge: FlowEdge, nodes: ReadonlyMap<string, FlowNode>): string {
  const name = (id: string) => nodes.get(id)?.label ?? id;
  const parts = [
    `${name(edge.from)} to ${name(edge.to)}`,
    STATUSES[edge.status],
    edge.problem,
    rate(edge.eventsPerSecond),
  ];
  return parts.filter((part) => part !== undefined).join(', ');
}

function Card(props: {
  readonly box: Box;
  readonly size: { readonly width: number; readonly height: number };
  readonly node: FlowNode;
  readonly history: readonly (number | null)[];
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
          <StatusMark status={node.status} />
        </span>
        <span class="card-rate">
          {rate(node.eventsPerSecond).replace('/s', '')}
          <small>/s</small>
        </span>
        <Sparkline values={props.history} places={HISTORY_MAX} />
        {node.problem !== undefined && <span class="card-problem">{node.problem}</span>}
        {node.problem === undefined && (
          <span class="card-facts">
            {factsOf(node)
              .slice(0, 4)
              .map((fact) => (
                <Figure key={fact.name} fact={fact} />
              ))}
          </span>
        )}
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
  const { kind, label, status, problem, eventsPerSecond } = node;
  const parts = [`${KINDS[kind]} ${label}`, STATUSES[status], problem, rate(eventsPerSecond), ...facts];
  return parts.filter((part) => part !== undefined).join(', ');
}
