import { PublishBatchCommand, type SNSClient } from '@aws-sdk/client-sns';
import type { Reading } from './reading.ts';

/** Subscribers choose by it, in the filter policies of their subscriptions. */
export type Severity = 'warning' | 'critical';

/** Distance from the usual level, in spreads, from which an alert is critical; about half of them are. */
const CRITICAL_SCORE = 3;

/** What subscribers get, as JSON; by e-mail they get its message. */
export interface Alert {
  /** The same when the same event is delivered twice: subscribers may drop the second. */
  readonly alertId: string;
  readonly device: string;
  readonly severity: Severity;
  /** When it was measured. */
  readonly at: string;
  /** Place in the recording; the same as `at` for a real machine. */
  readonly recordedAt: string;
  readonly temperatureC: number;
  readonly baselineC: number;
  readonly score: number;
  readonly message: string;
}

export function alertOf({ device, ts, celsius, time }: Reading, baseline: number, score: number): Alert {
  const hotter = score > 0 ? 'hotter' : 'colder';
  return {
    alertId: `${device}@${ts}`,
    device,
    severity: Math.abs(score) >= CRITICAL_SCORE ? 'critical' : 'warning',
    at: new Date(ts).toISOString(),
    recordedAt: new Date(time).toISOString(),
    temperatureC: round(celsius),
    baselineC: round(baseline),
    score: round(score),
    message: `${device} runs ${hotter} than usual: ${celsius.toFixed(1)} °C, usually ${baseline.toFixed(1)} °C`,
  };
}

const round = (value: number) => Math.round(value * 100) / 100;

/** Entries that SNS takes in one PublishBatch. */
const ENTRIES_MAX = 10;

/** Publishes alerts to a topic. */
export class AlertTopic {
  readonly #client: SNSClient;
  readonly #topicArn: string;

  constructor(client: SNSClient, topicArn: string) {
    this.#client = client;
    this.#topicArn = topicArn;
  }

  /** Publishes all or throws; what was published before the failure is published again by the next attempt. */
  async publish(alerts: readonly Alert[]): Promise<void> {
    for (let at = 0; at < alerts.length; at += ENTRIES_MAX) {
      const { Failed = [] } = await this.#client.send(
        new PublishBatchCommand({
          TopicArn: this.#topicArn,
          PublishBatchRequestEntries: alerts.slice(at, at + ENTRIES_MAX).map(entryOf),
        }),
      );
      if (Failed.length > 0) throw new Error(`${Failed.length} alerts not published: ${Failed[0]!.Message}`);
    }
  }
}

function entryOf(alert: Alert, index: number) {
  const { device, severity } = alert;
  return {
    Id: String(index),
    Subject: `${severity === 'critical' ? 'Critical' : 'Alert'}: ${device}`.slice(0, 100),
    MessageStructure: 'json',
    Message: JSON.stringify({ default: JSON.stringify(alert), email: textOf(alert) }),
    MessageAttributes: {
      device: { DataType: 'String', StringValue: device },
      severity: { DataType: 'String', StringValue: severity },
    },
  };
}

/** For people. */
function textOf({ alertId, at, message, severity, score }: Alert): string {
  const lines = [message, '', `severity: ${severity} (score ${score})`, `measured: ${at}`, `alert: ${alertId}`];
  return lines.join('\n');
}
