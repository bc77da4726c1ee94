import type { Counter, Gauge, Metrics } from '../../../telemetry/index.ts';

/** What is measured of durable sessions, looked up once. */
export interface SessionInstruments {
  readonly sessions: Gauge;
  readonly queuedBytes: Gauge;
  /** Messages that a full queue did not take. */
  readonly dropped: Counter;
  /** Messages whose expiry interval has passed while they were queued. */
  readonly expired: Counter;
  readonly sessionsExpired: Counter;
}

export function sessionInstruments(metrics: Metrics): SessionInstruments {
  const lost = (reason: string) =>
    metrics.counter('millrace_iot_session_messages_lost_total', 'Queued messages that a client does not get', {
      reason,
    });
  return {
    sessions: metrics.gauge('millrace_iot_sessions', 'Durable sessions, connected or not'),
    queuedBytes: metrics.gauge('millrace_iot_session_queued_bytes', 'Bytes of messages in the queues of sessions'),
    dropped: lost('queue-full'),
    expired: lost('expired'),
    sessionsExpired: metrics.counter('millrace_iot_sessions_expired_total', 'Sessions ended because of their expiry'),
  };
}
