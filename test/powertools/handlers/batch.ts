import { BatchProcessor, EventType, FullBatchFailureError, processPartialResponse } from '@aws-lambda-powertools/batch';

const queue = new BatchProcessor(EventType.SQS);
const stream = new BatchProcessor(EventType.KinesisDataStreams);

const textOf = (record: any): string =>
  record.kinesis ? Buffer.from(record.kinesis.data, 'base64').toString() : record.body;

/** Refuses records that say so, and notes each in the log. */
const handle = async (record: any) => {
  const text = textOf(record);
  process.stdout.write(`handled ${text}\n`);
  if (text.startsWith('bad')) throw new Error(`cannot handle ${text}`);
};

export const handler = async (event: any, context: any) => {
  const processor = event.Records[0].eventSource === 'aws:kinesis' ? stream : queue;
  try {
    return await processPartialResponse(event, handle, processor, { context });
  } catch (error) {
    if (error instanceof FullBatchFailureError) process.stdout.write(`full batch failure: ${error.name}\n`);
    throw error;
  }
};
