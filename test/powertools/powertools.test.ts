/** AWS Lambda Powertools for TypeScript from npm, unmodified, bundled as a user would, on the real runtime. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { GetMetricDataCommand, ListMetricsCommand } from '@aws-sdk/client-cloudwatch';
import { FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { CreateStreamCommand, PutRecordsCommand } from '@aws-sdk/client-kinesis';
import { CreateEventSourceMappingCommand } from '@aws-sdk/client-lambda';
import { CreateQueueCommand, GetQueueAttributesCommand, SendMessageBatchCommand } from '@aws-sdk/client-sqs';
import { until } from '../support/eventually.ts';
import { PowertoolsHouse } from './house.ts';

let house: PowertoolsHouse;

before(async () => {
  house = await PowertoolsHouse.open();
});
after(() => house[Symbol.asyncDispose]());

const dimensions = (values: Record<string, string>) => Object.entries(values).map(([Name, Value]) => ({ Name, Value }));

async function sum(MetricName: string, of: Record<string, string>, Stat = 'Sum'): Promise<number | undefined> {
  const Metric = { Namespace: 'shop', MetricName, Dimensions: dimensions(of) };
  const now = Date.now();
  const answer: any = await house.cloudwatch.send(
    new GetMetricDataCommand({
      StartTime: new Date(now - 3600_000),
      EndTime: new Date(now + 3600_000),
      MetricDataQueries: [{ Id: 'm', MetricStat: { Metric, Period: 7200, Stat } }],
    }) as any,
  );
  return answer.MetricDataResults[0].Values.reduce((total: number, value: number) => total + value, 0);
}

test('metrics: what a function adds is there for GetMetricData and ListMetrics, with its dimensions', async () => {
  await house.deploy('metrics');
  await house.invoke('metrics', { orders: [1, 2, 3] });
  await house.invoke('metrics', { orders: [4] });
  const of = { service: 'till', environment: 'test' };
  assert.equal(await until(async () => (await sum('orders', of)) === 10 && 10, 'orders'), 10);
  assert.equal(await sum('orders', of, 'Maximum'), 4);
  assert.equal(await sum('ColdStart', of), 1);
  assert.equal(await sum('alone', { ...of, kind: 'single' }), 14);
  const listed: any = await house.cloudwatch.send(new ListMetricsCommand({ Namespace: 'shop' }) as any);
  assert.deepEqual(listed.Metrics.map(({ MetricName }: any) => MetricName).sort(), ['ColdStart', 'alone', 'orders']);
});

test('metrics: more than a document holds come in several', async () => {
  await house.deploy('metrics', { FunctionName: 'many' });
  await house.invoke('many', { orders: [], names: 250 });
  const of = { service: 'till', environment: 'test' };
  await until(async () => (await sum('many-249', of)) === 249, 'the last of many');
  assert.equal(await sum('many-0', of, 'SampleCount'), 1);
});

test('logger: lines carry context, correlation id, cold start and trace id', async () => {
  await house.deploy('logger', { TracingConfig: { Mode: 'Active' } });
  assert.equal(await house.invoke('logger', { id: 'c-1' }), 'INFO');
  await house.invoke('logger', { id: 'c-2' });
  const lines = await house.lines('logger', 6);
  const [info, warning, error] = lines;
  assert.deepEqual([info.level, warning.level, error.level], ['INFO', 'WARN', 'ERROR']);
  assert.deepEqual(
    [info.service, info.correlation_id, info.order, info.detail, info.function_name, info.function_memory_size],
    ['till', 'c-1', 7, { deep: true }, 'logger', '256'],
  );
  assert.match(info.function_request_id, /^[0-9a-f-]{36}$/);
  assert.match(info.function_arn, /:function:logger$/);
  assert.match(info.xray_trace_id, /^1-[0-9a-f]{8}-[0-9a-f]{24}$/);
  assert.equal(error.error.name, 'TypeError');
  assert.deepEqual([lines[0].cold_start, lines[3].cold_start], [true, false]);
  assert.notEqual(lines[0].xray_trace_id, lines[3].xray_trace_id);
});

test('logger: POWERTOOLS_LOGGER_SAMPLE_RATE and POWERTOOLS_LOG_LEVEL decide what is said', async () => {
  const Variables = { POWERTOOLS_LOGGER_SAMPLE_RATE: '1', POWERTOOLS_LOG_LEVEL: 'ERROR' };
  await house.deploy('logger', { FunctionName: 'sampled', Environment: { Variables } });
  assert.equal(await house.invoke('sampled', { id: 's' }), 'DEBUG');
  const lines = await house.lines('sampled', 5);
  assert.deepEqual(
    lines.map(({ level, message }) => [level, message]),
    [
      ['DEBUG', 'Setting log level to DEBUG due to sampling rate'],
      ['DEBUG', 'a debug line'],
      ['INFO', 'an info line'],
      ['WARN', 'a warning'],
      ['ERROR', 'an error'],
    ],
  );
});

test("logger: Lambda's advanced logging controls set its level, and its lines stay JSON", async () => {
  const LoggingConfig = { LogFormat: 'JSON', ApplicationLogLevel: 'WARN', SystemLogLevel: 'WARN' } as const;
  await house.deploy('logger', { FunctionName: 'controlled', LoggingConfig });
  assert.equal(await house.invoke('controlled', { id: 'x' }), 'WARN');
  const lines = (await house.lines('controlled', 2)).filter(({ service }) => service === 'till');
  assert.deepEqual(
    lines.map(({ level, message }) => [level, message]),
    [
      ['WARN', 'a warning'],
      ['ERROR', 'an error'],
    ],
  );
});

test('batch: messages that fail come back to the queue, the others do not', async () => {
  // A queue hides messages for as long as the function may run.
  await house.deploy('batch', { Timeout: 2 });
  const { QueueUrl }: any = await house.sqs.send(
    new CreateQueueCommand({ QueueName: 'jobs', Attributes: { VisibilityTimeout: '2' } }) as any,
  );
  await house.lambda.send(
    new CreateEventSourceMappingCommand({
      FunctionName: 'batch',
      EventSourceArn: 'arn:aws:sqs:us-east-1:000000000000:jobs',
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      BatchSize: 10,
    }) as any,
  );
  const Entries = ['good 1', 'bad 2', 'good 3'].map((MessageBody, index) => ({ Id: String(index), MessageBody }));
  await house.sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries }) as any);
  const handled = await times('batch', (seen) => (seen.get('bad 2') ?? 0) >= 2);
  assert.deepEqual([handled.get('good 1'), handled.get('good 3')], [1, 1]);
  const AttributeNames = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'] as const;
  const { Attributes }: any = await house.sqs.send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: [...AttributeNames] }) as any,
  );
  assert.equal(
    AttributeNames.reduce((total, name) => total + Number(Attributes[name]), 0),
    1,
  );
});

test('batch: a batch of which nothing succeeds is an error of the function', async () => {
  await house.deploy('batch', { FunctionName: 'full' });
  const record = { messageId: '1', body: 'bad 1', eventSource: 'aws:sqs' };
  await assert.rejects(house.invoke('full', { Records: [record] }), { errorType: 'FullBatchFailureError' });
});

test('batch: records of a stream are tried again from the first that fails', async () => {
  await house.deploy('batch', { FunctionName: 'stream' });
  await house.kinesis.send(new CreateStreamCommand({ StreamName: 'records', ShardCount: 1 }) as any);
  await house.lambda.send(
    new CreateEventSourceMappingCommand({
      FunctionName: 'stream',
      EventSourceArn: 'arn:aws:kinesis:us-east-1:000000000000:stream/records',
      StartingPosition: 'TRIM_HORIZON',
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      MaximumRetryAttempts: 1,
      BatchSize: 10,
    }) as any,
  );
  const Records = ['good 1', 'good 2', 'bad 3', 'good 4'].map((text) => ({
    Data: Buffer.from(text),
    PartitionKey: 'one',
  }));
  await house.kinesis.send(new PutRecordsCommand({ StreamName: 'records', Records }) as any);
  const handled = await times('stream', (seen) => seen.has('good 4') && (seen.get('bad 3') ?? 0) >= 2);
  assert.equal(handled.get('good 1'), 1);
});

/** How often each record was handled, once `until` holds. */
async function times(
  functionName: string,
  enough: (seen: Map<string, number>) => boolean,
): Promise<Map<string, number>> {
  return until(async () => {
    const command = new FilterLogEventsCommand({
      logGroupName: `/aws/lambda/${functionName}`,
      filterPattern: 'handled',
    });
    const { events = [] }: any = await house.logs.send(command as any).catch(() => ({}));
    const seen = new Map<string, number>();
    for (const { message } of events) {
      const text = message.replace('handled ', '');
      seen.set(text, (seen.get(text) ?? 0) + 1);
    }
    return enough(seen) ? seen : undefined;
  }, `records of ${functionName}`);
}
