import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { test } from 'node:test';
import { CreateFunctionCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { CreateQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import { startNode } from '../../src/node/index.ts';
import { zipOf } from '../support/clients.ts';
import { temporaryDirectory } from '../support/directory.ts';

/** Sends a message as AWS's SDKs do inside of a function: with the trace header that the environment names. */
const CALLS_ON = `
exports.handler = async () => {
  const response = await fetch(process.env.AWS_ENDPOINT_URL, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': 'AmazonSQS.SendMessage',
      'x-amzn-trace-id': process.env._X_AMZN_TRACE_ID,
    },
    body: JSON.stringify({ QueueUrl: process.env.QUEUE, MessageBody: 'x' }),
  });
  return response.status;
};`;

test('one trace shows the call, the invocation, its init, its handler and the call that the handler makes', async () => {
  await using directory = await temporaryDirectory();
  const spans: any[] = [];
  const collector = createServer(async (request, response) => {
    const body: any = await json(request);
    spans.push(...body.resourceSpans[0].scopeSpans[0].spans);
    response.end('{}');
  });
  collector.listen(0, '127.0.0.1');
  await once(collector, 'listening');
  try {
    const tracesEndpoint = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`;
    const listen = { host: '127.0.0.1', httpPort: 0, mqttPort: 0, mode: 'dev' } as const;
    await using node = await startNode({ dataDirectory: directory.path, ...listen, tracesEndpoint });
    const options = {
      endpoint: node.endpoint,
      region: 'us-east-1',
      credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    };
    const sqs = new SQSClient(options);
    const lambda = new LambdaClient(options);
    const { QueueUrl }: any = await sqs.send(new CreateQueueCommand({ QueueName: 'q' }) as any);
    await lambda.send(
      new CreateFunctionCommand({
        FunctionName: 'calls-on',
        Runtime: 'nodejs24.x',
        Role: 'arn:aws:iam::000000000000:role/traces',
        Handler: 'index.handler',
        Code: { ZipFile: await zipOf({ 'index.js': CALLS_ON }) },
        Environment: { Variables: { QUEUE: QueueUrl } },
      }) as any,
    );
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const traceparent = `00-${traceId}-b7ad6b7169203331-01`;
    const path = '/2015-03-31/functions/calls-on/invocations';
    const answer = await fetch(`${node.endpoint}${path}`, { method: 'POST', body: '{}', headers: { traceparent } });
    assert.equal(await answer.text(), '200');
    sqs.destroy();
    lambda.destroy();
    await node[Symbol.asyncDispose]();
    const byName = new Map(spans.map((span) => [span.name, span]));
    const parentOf = (name: string) => byName.get(name)?.parentSpanId;
    assert.deepEqual([...new Set(spans.map((span) => span.traceId))], [traceId]);
    assert.equal(parentOf('lambda.Invoke'), 'b7ad6b7169203331');
    assert.equal(parentOf('calls-on'), byName.get('lambda.Invoke').spanId);
    for (const below of ['Initialization', 'Invocation', 'sqs.SendMessage']) {
      assert.equal(parentOf(below), byName.get('calls-on').spanId, below);
    }
  } finally {
    collector.closeAllConnections();
    collector.close();
  }
});
