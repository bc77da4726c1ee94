/** telemetry: structured logs, metrics and traces: what the platform says about itself and about functions. */
export { createLogger, type LogFields, type Logger, type LogLevel, silentLogger } from './logger.ts';
export type { Counter, Datum, Gauge, Histogram, Labels, Metrics, Reading, Unit } from './metrics.ts';
export { createMetrics } from './registry.ts';
export {
  formatTraceparent,
  formatXRay,
  newTrace,
  parseTraceparent,
  parseXRay,
  type TraceContext,
} from './trace.ts';
