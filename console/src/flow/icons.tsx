import type { FlowNode } from '../api.ts';

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
