/** telemetry: structured logs, metrics and traces: what the platform says about itself and about functions. */
export { createLogger, type LogFields, type Logger, type LogLevel, silentLogger } from './logger.ts';
export type { Counter, Datum, Gauge, Histogram, Labels, Meter, Metrics, Reading, Unit } from './metrics.ts';
export { OtlpExporter, type OtlpOptions, otlpDocument } from './otlp.ts';
export { createMetrics } from './registry.ts';
export { createSpans, SPAN_LIMITS, type Span, type Spans } from './spans.ts';
export {
  formatTraceparent,
  formatXRay,
  lineageOf,
  newSpanId,
  newTrace,
  parseTraceparent,
  parseXRay,
  type TraceContext,
} from './trace.ts';
