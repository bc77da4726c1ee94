import type { FlowSnapshot } from '../api.ts';
import { age, compact, rate } from '../format.ts';
import { edgeKey, factsOf, KINDS, STATUSES, VIAS } from './facts.ts';
import { StatusMark } from './icons.tsx';

/** The flow without a picture: its parts, and what joins them. */
export function FlowTables(props: { readonly snapshot: FlowSnapshot }) {
  return (
    <>
      <Parts snapshot={props.snapshot} />
      <Edges snapshot={props.snapshot} />
    </>
  );
}

function Parts(props: { readonly snapshot: FlowSnapshot }) {
  const { nodes } = props.snapshot;
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
          </tr>
        </thead>
        <tbody>
          {nodes.map((node) => (
            <tr key={node.id}>
              <th scope="row">{node.label}</th>
              <td>{KINDS[node.kind]}</td>
              <td>
                <StatusMark status={node.status} /> {node.problem ?? STATUSES[node.status]}
              </td>
              <td class="number">{rate(node.eventsPerSecond)}</td>
              <td>
                {factsOf(node)
                  .map(({ name, value }) => `${name} ${value}`)
                  .join(', ')}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Edges(props: { readonly snapshot: FlowSnapshot }) {
  const { nodes, edges } = props.snapshot;
  const labels = new Map(nodes.map(({ id, label }) => [id, label]));
  const number = (value: number | undefined) => (value === undefined ? '' : compact(value));
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section class="scroll" tabIndex={0} aria-label="Edges as a table">
      <table>
        <thead>
          <tr>
            <th scope="col">From, to</th>
            <th scope="col">Way</th>
            <th scope="col">Status</th>
            {['Rate', 'Waiting', 'Oldest', 'In flight', 'Retries', 'Dead letters', 'Lost'].map((name) => (
              <th key={name} scope="col" class="number">
                {name}
              </th>
            ))}
            <th scope="col">Last error</th>
          </tr>
        </thead>
        <tbody>
          {edges.map((edge) => (
            <tr key={edgeKey(edge)}>
              <th scope="row">
                {labels.get(edge.from)} → {labels.get(edge.to)}
              </th>
              <td>{VIAS[edge.via]}</td>
              <td>
                <StatusMark status={edge.status} /> {edge.problem ?? STATUSES[edge.status]}
              </td>
              <td class="number">{rate(edge.eventsPerSecond)}</td>
              <td class="number">{number(edge.pending)}</td>
              <td class="number">{edge.oldestAgeMs ? age(edge.oldestAgeMs) : ''}</td>
              <td class="number">{number(edge.inFlight)}</td>
              <td class="number">{number(edge.totals.retries)}</td>
              <td class="number">{number(edge.totals.deadLettered)}</td>
              <td class="number">{number(edge.totals.lost)}</td>
              <td>{edge.lastError}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
