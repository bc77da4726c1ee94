import type { Counter, Gauge, Metrics } from '../../telemetry/index.ts';

/** The gateway's instruments, looked up once. */
export interface MqttGauges {
  readonly connections: Gauge;
  readonly connects: Counter;
  readonly refused: Counter;
  readonly messagesIn: Counter;
  readonly messagesOut: Counter;
  readonly bytesIn: Counter;
  readonly bytesOut: Counter;
  /** Pauses of clients that have sent more than they may. */
  readonly throttled: Counter;
  /** QoS 0 messages not sent because the client did not keep up. */
  readonly droppedSlow: Counter;
  /** Messages larger than the client takes. */
  readonly droppedTooLarge: Counter;
  /** Clients disconnected since too much waits for all together. */
  readonly crowdedOut: Counter;
  /** Connections closed because of what the client has done. */
  readonly protocolErrors: Counter;
}

export function mqttGauges(metrics: Metrics): MqttGauges {
  const dropped = (reason: string) =>
    metrics.counter('millrace_mqtt_messages_dropped_total', 'Messages not delivered to a client', { reason });
  return {
    connections: metrics.gauge('millrace_mqtt_connections', 'Clients connected'),
    connects: metrics.counter('millrace_mqtt_connects_total', 'Connections accepted'),
    refused: metrics.counter('millrace_mqtt_connects_refused_total', 'Connections refused'),
    messagesIn: metrics.counter('millrace_mqtt_messages_received_total', 'Messages that clients have published'),
    messagesOut: metrics.counter('millrace_mqtt_messages_sent_total', 'Messages sent to clients'),
    bytesIn: metrics.counter('millrace_mqtt_received_bytes_total', 'Bytes read from clients'),
    bytesOut: metrics.counter('millrace_mqtt_sent_bytes_total', 'Bytes written to clients'),
    throttled: metrics.counter('millrace_mqtt_throttled_total', 'Pauses of clients that have sent more than they may'),
    droppedSlow: dropped('slow-client'),
    droppedTooLarge: dropped('too-large'),
    crowdedOut: metrics.counter(
      'millrace_mqtt_crowded_out_total',
      'Clients disconnected since too much waits for all together',
    ),
    protocolErrors: metrics.counter('millrace_mqtt_protocol_errors_total', 'Connections closed for a protocol error'),
  };
}
