import { PublishBatchCommand, type SNSClient } from '@aws-sdk/client-sns';
import type { Reading } from './reading.ts';

/** What subscribers get, as JSON. */
export interface Alert {
  /** The same when the same event is delivered twice: subscribers may drop the second. */
  readonly alertId: string;
  readonly device: string;
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
          PublishBatchRequestEntries: alerts.slice(at, at + ENTRIES_MAX).map((alert, index) => ({
            Id: String(index),
            Subject: `Alert: ${alert.device}`.slice(0, 100),
            Message: JSON.stringify(alert),
            MessageAttributes: { device: { DataType: 'String', StringValue: alert.device } },
          })),
        }),
      );
      if (Failed.length > 0) throw new Error(`${Failed.length} alerts not published: ${Failed[0]!.Message}`);
    }
  }
}
