import type { SystemValue } from '../../services/iot/index.ts';
import type { Metrics } from '../../telemetry/index.ts';

/** What the gateway adds to the `$SYS/broker/` topics, by the names that mosquitto gives them. */
export function systemValues(metrics: Metrics, connected: () => number): Readonly<Record<string, SystemValue>> {
  const total = (name: string) => () => metrics.read(name).reduce((sum, { value }) => sum + value, 0);
  return {
    'clients/connected': connected,
    'connections/accepted': total('millrace_mqtt_connects_total'),
    'connections/refused': total('millrace_mqtt_connects_refused_total'),
    'publish/messages/received': total('millrace_mqtt_messages_received_total'),
    'publish/messages/sent': total('millrace_mqtt_messages_sent_total'),
    'publish/messages/dropped': total('millrace_mqtt_messages_dropped_total'),
    'bytes/received': total('millrace_mqtt_received_bytes_total'),
    'bytes/sent': total('millrace_mqtt_sent_bytes_total'),
  };
}
