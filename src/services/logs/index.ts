/** logs: CloudWatch Logs: groups, streams, events; where functions log to. */
export { compilePattern, type Predicate } from './filter-pattern.ts';
export { type Logs, type LogsOptions, openLogs } from './logs.ts';
export { LOGS_LIMITS } from './model.ts';
export type { AskSubscriber } from './subscribers.ts';
