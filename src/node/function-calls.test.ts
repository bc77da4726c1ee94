import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FunctionSpec } from '../runtime/index.ts';
import { FunctionCalls } from './function-calls.ts';

const arnOf = (service: string, resource: string) => `arn:aws:${service}:us-east-1:000000000000:${resource}`;
const arn = arnOf('lambda', 'function:f');

test('a call counts towards what it is about, whatever way that is named', () => {
  const calls = new FunctionCalls();
  const { accessKeyId } = calls.credentials({ arn, version: '$LATEST', logGroup: 'g' } as FunctionSpec);
  const caller = { accessKeyId } as Parameters<FunctionCalls['count']>[0];
  const made: readonly (readonly [service: string, input: object, target: string])[] = [
    ['sns', { TopicArn: arnOf('sns', 't') }, arnOf('sns', 't')],
    ['sqs', { QueueUrl: 'http://127.0.0.1:4566/000000000000/q' }, arnOf('sqs', 'q')],
    ['kinesis', { StreamName: 's' }, arnOf('kinesis', 'stream/s')],
    ['lambda', { FunctionName: 'g' }, arnOf('lambda', 'function:g')],
    ['dynamodb', { TableName: 'orders', Item: {} }, arnOf('dynamodb', 'table/orders')],
    ['dynamodb', { TableName: arnOf('dynamodb', 'table/orders') }, arnOf('dynamodb', 'table/orders')],
    ['s3', { Bucket: 'pictures', Key: 'k' }, 'arn:aws:s3:::pictures'],
  ];
  for (const [service, input] of made) calls.count(caller, service, input);
  calls.count(caller, 'logs', { logGroupName: 'g' });
  calls.count({ ...caller, accessKeyId: 'AKIDSOMEBODYELSE' }, 'sns', made[0]![1]);
  assert.deepEqual(
    new Map([...calls.all()].map(({ target, calls }) => [target, calls])),
    new Map(made.map(([service, , target]) => [target, service === 'dynamodb' ? 2 : 1])),
  );
});
