import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';
import { AlertTopic } from './alerts.ts';
import { DeadLetterQueue } from './dead-letters.ts';
import type { BatchResponse, KinesisEvent } from './kinesis-event.ts';
import { Pipeline } from './pipeline.ts';
import { SeriesClient } from './series.ts';

const { env } = process;

// Made once per environment, while it starts: a warm invocation has its connections open already.
const pipeline = new Pipeline({
  series: new SeriesClient(
    env.SERIES_URL || required('AWS_ENDPOINT_URL'),
    env.SERIES_DATABASE || 'machines',
    // Without a token of its own the function is known by that of its session, as it is to the AWS APIs.
    env.SERIES_TOKEN || env.AWS_SESSION_TOKEN,
  ),
  alerts: new AlertTopic(new SNSClient({}), required('ALERT_TOPIC_ARN')),
  deadLetters: new DeadLetterQueue(new SQSClient({}), required('DEAD_LETTER_QUEUE_URL')),
});

/** Takes a batch of up to 500 readings from the stream. */
export async function handler(event: KinesisEvent): Promise<BatchResponse> {
  const { batchItemFailures, readings, rejected, alerts } = await pipeline.run(event.Records);
  if (rejected > 0 || alerts > 0) console.log(JSON.stringify({ readings, rejected, alerts }));
  return { batchItemFailures };
}

function required(name: string): string {
  const value = env[name];
  if (!value) throw new Error(`the environment variable ${name} is not set`);
  return value;
}
