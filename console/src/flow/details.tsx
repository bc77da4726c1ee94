import type { ComponentChildren } from 'preact';
import type { FlowEdge, FlowNode } from '../api.ts';
import { detailsOf, edgeFacts, edgeKey, edgeWords, type Fact, KINDS, STATUSES, VIAS } from './facts.ts';
import { StatusMark } from './icons.tsx';
import { PollerTools } from './poller-tools.tsx';

type Labels = ReadonlyMap<string, string>;

export function NodeDetails(props: {
  readonly node: FlowNode;
  readonly edges: readonly FlowEdge[];
  readonly labels: Labels;
  readonly onShowLogs: (logGroup: string) => void;
  readonly onSelect: (id: string) => void;
}) {
  const { node, edges, labels } = props;
  const around = edges.filter(({ from, to }) => from === node.id || to === node.id);
  return (
    <section class="details" aria-label={`Details of ${node.label}`}>
      <div class="details-head">
        <span>{KINDS[node.kind]}</span>
        <code>{node.id}</code>
        {node.logGroup && (
          <button type="button" class="plain" onClick={() => props.onShowLogs(node.logGroup!)}>
            Show its logs
          </button>
        )}
        {node.kind === 'function' && (
          <a class="plain" href={`#functions/${encodeURIComponent(node.label)}`}>
            Open it
          </a>
        )}
        {node.isDeadLetterQueue && (
          <a class="plain" href={`#dead-letters?place=${encodeURIComponent(node.id)}`}>
            Show its dead letters
          </a>
        )}
      </div>
      <Problem status={node.status} problem={node.problem} />
      <Facts facts={detailsOf(node)} />
      {around.length > 0 && (
        <ul class="around" aria-label="Edges">
          {around.map((edge) => (
            <li key={edgeKey(edge)}>
              <button type="button" onClick={() => props.onSelect(edgeKey(edge))}>
                <StatusMark status={edge.status} />
                <span class="way">
                  {edge.to === node.id ? `from ${labels.get(edge.from)}` : `to ${labels.get(edge.to)}`}
                </span>
                <span class="quiet-note">
                  {VIAS[edge.via]}
                  {edgeWords(edge) && `, ${edgeWords(edge)}`}
                </span>
              </button>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

export function EdgeDetails(props: {
  readonly edge: FlowEdge;
  readonly labels: Labels;
  readonly onSelect: (id: string) => void;
}) {
  const { edge, labels } = props;
  const end = (id: string): ComponentChildren => (
    <button type="button" class="link" title={id} onClick={() => props.onSelect(id)}>
      {labels.get(id) ?? id}
    </button>
  );
  const name = `${labels.get(edge.from)} to ${labels.get(edge.to)}`;
  return (
    <section class="details" aria-label={`Details of ${name}`}>
      <div class="details-head">
        <span>
          {end(edge.from)} → {end(edge.to)}
        </span>
        <span class="quiet-note">{VIAS[edge.via]}</span>
      </div>
      <Problem status={edge.status} problem={edge.problem} />
      <Facts facts={edgeFacts(edge)} />
      {edge.lastError !== undefined && (
        <p class="last-error">
          <span class="quiet-note">last error</span> <code>{edge.lastError}</code>
        </p>
      )}
      {edge.note !== undefined && (
        <p class="last-error">
          <span class="quiet-note">takes only</span> <code>{edge.note}</code>
        </p>
      )}
      {edge.poller && <PollerTools poller={edge.poller} name={name} />}
    </section>
  );
}

function Problem(props: { readonly status: FlowNode['status']; readonly problem: string | undefined }) {
  if (props.problem === undefined) return null;
  return (
    <p class={`problem ${props.status}`}>
      <StatusMark status={props.status} /> <b>{STATUSES[props.status]}</b> {props.problem}
    </p>
  );
}

function Facts(props: { readonly facts: readonly Fact[] }) {
  return (
    <dl>
      {props.facts.map(({ name, value, isBad }) => (
        <div key={name} class={isBad ? 'bad' : ''}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
