import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  CreateFunctionCommand,
  GetFunctionCommand,
  InvokeCommand,
  LambdaClient,
  waitUntilFunctionActiveV2,
} from '@aws-sdk/client-lambda';
import { zipOf } from '../support/clients.ts';
import { TestNode } from '../support/node.ts';
import { BOTO3, RUNTIME } from './support.ts';

let node: TestNode;
let lambda: LambdaClient;
before(async () => {
  node = await TestNode.start();
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  lambda = new LambdaClient({ endpoint: node.endpoints.http, region: 'us-east-1', credentials });
});
after(async () => {
  lambda.destroy();
  await node[Symbol.asyncDispose]();
});

async function create(name: string, files: Readonly<Record<string, string>>, handler = 'app.handler') {
  await lambda.send(
    new CreateFunctionCommand({
      FunctionName: name,
      Runtime: RUNTIME as 'python3.12',
      Handler: handler,
      Role: 'arn:aws:iam::000000000000:role/r',
      Timeout: 20,
      MemorySize: 512,
      Code: { ZipFile: await zipOf(files) },
    }),
  );
  await waitUntilFunctionActiveV2({ client: lambda, maxWaitTime: 10 }, { FunctionName: name });
}

async function invoke(name: string, payload: unknown = {}) {
  const answer = await lambda.send(new InvokeCommand({ FunctionName: name, Payload: JSON.stringify(payload) }));
  return { ...answer, value: JSON.parse(Buffer.from(answer.Payload!).toString()) };
}

test('boto3 in a function speaks to the node that runs it', BOTO3, async () => {
  const code = `
import boto3, json
sqs, sns, kinesis, s3 = (boto3.client(name) for name in ('sqs', 'sns', 'kinesis', 's3'))
def handler(event, context):
    url = sqs.create_queue(QueueName=event['queue'])['QueueUrl']
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps(event))
    [message] = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)['Messages']
    s3.create_bucket(Bucket=event['queue'])
    s3.put_object(Bucket=event['queue'], Key='a/b', Body=message['Body'].encode())
    body = s3.get_object(Bucket=event['queue'], Key='a/b')['Body'].read()
    try:
        sns.publish(TopicArn='arn:aws:sns:us-east-1:000000000000:none', Message='x')
    except sns.exceptions.NotFoundException as error:
        missing = error.response['Error']['Code']
    return [json.loads(body), missing, kinesis.list_streams()['StreamNames']]
`;
  await create('boto', { 'app.py': code });
  const { value } = await invoke('boto', { queue: 'python-queue' });
  assert.deepEqual(value, [{ queue: 'python-queue' }, 'NotFound', []]);
});

test('a function in a package, its error and its log as the API tells them', BOTO3, async () => {
  await create(
    'package',
    {
      'src/__init__.py': '',
      'src/lib.py': 'LIMIT = 3',
      'src/app.py': 'from .lib import LIMIT\ndef main(e, c): return LIMIT // e',
    },
    'src.app.main',
  );
  assert.equal((await invoke('package', 1)).value, 3);
  const { FunctionError, value } = await invoke('package', 0);
  assert.equal(FunctionError, 'Unhandled');
  assert.deepEqual([value.errorType, value.errorMessage], ['ZeroDivisionError', 'integer division or modulo by zero']);
  const { Configuration } = await lambda.send(new GetFunctionCommand({ FunctionName: 'package' }));
  assert.equal(Configuration!.Runtime, RUNTIME);
});
