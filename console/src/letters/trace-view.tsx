import { duration } from '../format.ts';
import type { TraceSpan } from './letters-api.ts';

/** The spans of a trace as the node still has them: each below its parent, each a bar on one line of time. */
export function TraceView(props: { readonly traceId: string | undefined; readonly spans: readonly TraceSpan[] }) {
  const { traceId, spans } = props;
  if (traceId === undefined) return null;
  const from = Math.min(...spans.map(({ startMs }) => startMs));
  const to = Math.max(...spans.map(({ startMs, durationMs }) => startMs + durationMs));
  const whole = Math.max(to - from, 0.001);
  return (
    <section aria-label="Trace">
      <h4>
        Trace <code>{traceId}</code>
      </h4>
      {spans.length === 0 && (
        <p class="quiet-note">
          The node has none of its spans: it keeps the last few thousand of sampled traces. Look for the id at your
          collector.
        </p>
      )}
      <ol class="trace">
        {inOrder(spans).map(({ span, depth }) => (
          <li key={span.spanId} class={span.error === undefined ? '' : 'bad'}>
            <span class="span-name" style={{ paddingLeft: `${Math.min(depth, 8) * 12}px` }}>
              {span.name}
              {span.error !== undefined && <b> {span.error}</b>}
            </span>
            <span class="span-time">{duration(span.durationMs)}</span>
            <span class="span-bar" aria-hidden="true">
              <i
                style={{
                  left: `${((span.startMs - from) / whole) * 100}%`,
                  width: `${Math.max(0.6, (span.durationMs / whole) * 100)}%`,
                }}
              />
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}

/** Depth first; a span whose parent is not there stands at the top. */
function inOrder(spans: readonly TraceSpan[]): readonly { readonly span: TraceSpan; readonly depth: number }[] {
  const known = new Set(spans.map(({ spanId }) => spanId));
  const children = Map.groupBy(spans, ({ parentSpanId }) =>
    parentSpanId !== undefined && known.has(parentSpanId) ? parentSpanId : '',
  );
  const seen = new Set<string>();
  const visit = (parent: string, depth: number): { span: TraceSpan; depth: number }[] =>
    (children.get(parent) ?? []).flatMap((span) => {
      if (seen.has(span.spanId)) return [];
      seen.add(span.spanId);
      return [{ span, depth }, ...visit(span.spanId, depth + 1)];
    });
  return visit('', 0);
}
