import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CloudWatchLogsClient, FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { CreateFunctionCommand, InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { zipOf } from '../support/clients.ts';
import { temporaryDirectory } from '../support/directory.ts';
import { until } from '../support/eventually.ts';
import { TestNode } from '../support/node.ts';

/** Outlasts the time that deliveries have to end, and not the time that environments have. */
const SLOW = `exports.handler = () => {
  console.log('began');
  return new Promise((resolve) => setTimeout(resolve, 4000));
};`;

test('what an invocation has used that ends while the node drains is in the usage of the next run', async () => {
  await using directory = await temporaryDirectory();
  {
    await using node = await TestNode.start({ dataDirectory: directory.path });
    const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
    const options = { endpoint: node.endpoints.http, region: 'us-east-1', credentials };
    const lambda = new LambdaClient(options);
    const logs = new CloudWatchLogsClient(options);
    const FunctionName = 'slow';
    const Code = { ZipFile: await zipOf({ 'index.js': SLOW }) };
    const settings = { Runtime: 'nodejs24.x', Role: 'arn:aws:iam::000000000000:role/r', Timeout: 10 } as const;
    await lambda.send(new CreateFunctionCommand({ FunctionName, Handler: 'index.handler', Code, ...settings }) as any);
    await lambda.send(new InvokeCommand({ FunctionName, InvocationType: 'Event' }) as any);
    await until(async () => {
      const command = new FilterLogEventsCommand({ logGroupName: '/aws/lambda/slow', filterPattern: 'began' });
      const { events = [] }: any = await logs.send(command as any).catch(() => ({}));
      return events.length > 0;
    }, 'the invocation');
    lambda.destroy();
    logs.destroy();
    assert.equal(await node.stop(), 0);
  }
  await using node = await TestNode.start({ dataDirectory: directory.path });
  const q = encodeURIComponent('SELECT function, sum(invocations) AS n FROM usage GROUP BY function');
  const answer = await fetch(`${node.endpoints.http}/api/v3/query_sql?db=millrace&format=json&q=${q}`);
  const rows = (await answer.json()) as { function: string; n: number }[];
  assert.deepEqual(
    rows.map(({ function: name, n }) => [name, Number(n)]),
    [['slow', 1]],
  );
});
