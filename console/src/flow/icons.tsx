import type { FlowNode, FlowStatus } from '../api.ts';

/** Outlines on a grid of 16. */
const OUTLINES: Readonly<Record<FlowNode['kind'], string>> = {
  devices: 'M5.5 4.5h5v7h-5zM8 2v2.5M8 11.5V14M2.5 6.5h3M2.5 9.5h3M10.5 6.5h3M10.5 9.5h3',
  rule: 'M2.5 3.5h11L9.5 8.5v4l-3 1v-5z',
  stream: 'M2 5c2-1.8 4-1.8 6 0s4 1.8 6 0M2 8.5c2-1.8 4-1.8 6 0s4 1.8 6 0M2 12c2-1.8 4-1.8 6 0s4 1.8 6 0',
  function: 'M4 13.5 8.6 5M4.5 2.5h2l5 11h2',
  series: 'M2 13.5h12M2.5 10.5 6 6.5l3 2.5 4.5-6',
  topic: 'M3 9.5V6.5l7-3.5v10l-7-3.5zM10 6h1.5a2 2 0 0 1 0 4H10M5 10.5v3h1.5v-2.3',
  queue: 'M2.5 4h11M2.5 8h11M2.5 12h7',
  webhook: 'M6.5 9.5 9.5 6.5M7 4.8l1.3-1.3a2.9 2.9 0 0 1 4.1 4.1L11 9M9 11.2l-1.3 1.3a2.9 2.9 0 0 1-4.1-4.1L5 7',
  email: 'M2 3.5h12v9H2zM2 4l6 5 6-5',
  logs: 'M3.5 2h9v12h-9zM5.5 5h5M5.5 8h5M5.5 11h3',
  table: 'M2.5 3h11v10h-11zM2.5 6.5h11M6.5 6.5V13',
  bucket: 'M2.5 4.5 4 13.5h8l1.5-9M2.5 4.5a5.5 1.8 0 0 0 11 0 5.5 1.8 0 0 0-11 0',
  other: 'M8 2.5 13.5 8 8 13.5 2.5 8z',
};

export function KindIcon(props: { readonly kind: FlowNode['kind'] }) {
  return (
    <svg class="kind-icon" viewBox="0 0 16 16" aria-hidden="true">
      <path d={OUTLINES[props.kind] ?? OUTLINES.other} />
    </svg>
  );
}

/** A shape of its own for each status, so that colour is not all that tells them apart. */
const MARKS: Readonly<Record<FlowStatus, string>> = {
  idle: 'M8 4.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7',
  ok: 'M8 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8',
  waiting: 'M8 1.8 15 14H1z',
  error: 'M5.2 1.5h5.6l3.7 3.7v5.6l-3.7 3.7H5.2l-3.7-3.7V5.2z',
  paused: 'M4 2.5h3v11H4zM9 2.5h3v11H9z',
};

export function StatusMark(props: { readonly status: FlowStatus }) {
  const { status } = props;
  return (
    <svg class={`status ${status}`} viewBox="0 0 16 16" aria-hidden="true">
      <path d={MARKS[status]} />
      {(status === 'error' || status === 'waiting') && <path class="inside" d="M8 5v4M8 11.4v.2" />}
    </svg>
  );
}
