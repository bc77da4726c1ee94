import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * A service with every setting of the events `sqs`, `sns` and `stream`, and of asynchronous invocations, that osls has for them; and
 * with events of APIs and buckets, a URL, a layer and a key.
 */
const SERVICE = `
service: plant
configValidationMode: error
provider:
  name: aws
  runtime: nodejs24.x
  stackTags: { team: plant }
  environment: { SEEN: !Ref Seen }
  apiGateway: { apiKeys: [first] }
  # osls itself adds it for an ARN that it can read, not for a reference.
  iam: { role: { statements: [{ Effect: Allow, Action: sns:Publish, Resource: !Ref Existing }] } }
package:
  patterns: ['!**', handler.js]
layers:
  words: { path: words, package: { patterns: ['**'] } }
functions:
  jobs:
    handler: handler.record
    events:
      - sqs:
          arn: !GetAtt Jobs.Arn
          batchSize: 20
          maximumBatchingWindow: 1
          functionResponseType: ReportBatchItemFailures
          filterPatterns: [{ body: { kind: [job] } }]
          maximumConcurrency: 5
  alarms:
    handler: handler.record
    events:
      - sns:
          topicName: alarms
          displayName: Alarms of the plant
          filterPolicy: { severity: [critical] }
          filterPolicyScope: MessageBody
          redrivePolicy: { deadLetterTargetRef: DeadLetters }
      - sns: notes
      - sns: { arn: !Ref Existing, topicName: existing, filterPolicy: { line: [{ prefix: a- }] } }
  readings:
    handler: handler.record
    events:
      - stream:
          type: kinesis
          arn: !GetAtt Readings.Arn
          batchSize: 100
          batchWindow: 1
          startingPosition: TRIM_HORIZON
          maximumRetryAttempts: 1
          bisectBatchOnFunctionError: true
          maximumRecordAgeInSeconds: 600
          parallelizationFactor: 2
          functionResponseType: ReportBatchItemFailures
          filterPatterns: [{ partitionKey: [press-1] }]
          destinations: { onFailure: { type: sqs, arn: !GetAtt DeadLetters.Arn } }
  windows:
    handler: handler.record
    events:
      - stream: { type: kinesis, arn: !GetAtt Readings.Arn, consumer: true, tumblingWindowInSeconds: 30, startingPosition: LATEST, enabled: false }
  changes:
    handler: handler.record
    events:
      - stream:
          type: dynamodb
          arn: !GetAtt Orders.StreamArn
          batchSize: 10
          startingPosition: TRIM_HORIZON
          maximumRetryAttempts: 2
          filterPatterns: [{ eventName: [INSERT], dynamodb: { NewImage: { id: { S: [a] } } } }]
  page:
    handler: handler.page
    url: { cors: true }
  api:
    handler: handler.answer
    events:
      - httpApi: GET /items/{id}
      - http: { path: 'keyed/{id}', method: get, private: true }
  uploads:
    handler: handler.record
    events:
      - s3: { bucket: plant-uploads, event: 's3:ObjectCreated:*', rules: [{ suffix: .csv }] }
  greeter:
    handler: handler.greet
    layers: [!Ref WordsLambdaLayer]
    onError: !Ref Existing
    maximumEventAge: 120
    maximumRetryAttempts: 0
    destinations: { onSuccess: jobs, onFailure: { type: sqs, arn: !GetAtt DeadLetters.Arn } }
resources:
  Resources:
    Jobs: { Type: AWS::SQS::Queue, Properties: { VisibilityTimeout: 60 } }
    DeadLetters: { Type: AWS::SQS::Queue }
    Existing: { Type: AWS::SNS::Topic }
    Readings: { Type: AWS::Kinesis::Stream, Properties: { ShardCount: 1 } }
    Seen: { Type: AWS::SQS::Queue, Properties: { QueueName: seen } }
    Orders:
      Type: AWS::DynamoDB::Table
      Properties:
        BillingMode: PAY_PER_REQUEST
        AttributeDefinitions: [{ AttributeName: id, AttributeType: S }]
        KeySchema: [{ AttributeName: id, KeyType: HASH }]
        StreamSpecification: { StreamViewType: NEW_IMAGE }
  Outputs:
    Jobs: { Value: !Ref Jobs }
    DeadLetters: { Value: !Ref DeadLetters }
    Existing: { Value: !Ref Existing }
    Readings: { Value: !Ref Readings }
    Seen: { Value: !Ref Seen }
    Orders: { Value: !Ref Orders }
`;

/** The functions tell what they get through the queue `seen`. */
const HANDLER = `
const dataOf = (record) =>
  record.s3?.object.key ?? record.dynamodb?.Keys.id.S ?? record.Sns?.Message ?? record.body ?? (record.kinesis && Buffer.from(record.kinesis.data, 'base64').toString());
exports.record = async (event, { functionName }) => {
  const seen = event.Records ? event.Records.map(dataOf) : [event];
  const MessageBody = JSON.stringify({ by: functionName, seen });
  const form = { Action: 'SendMessage', Version: '2012-11-05', QueueUrl: process.env.SEEN, MessageBody };
  const answer = await fetch(process.env.AWS_ENDPOINT_URL, { method: 'POST', body: new URLSearchParams(form) });
  if (!answer.ok) throw new Error(await answer.text());
  return { batchItemFailures: [] };
};
exports.page = async ({ rawPath }) => 'page ' + rawPath;
exports.answer = async ({ pathParameters }) => ({ statusCode: 200, body: 'item ' + pathParameters.id });
exports.greet = async ({ name }) => {
  if (name === undefined) throw new Error('nobody to greet');
  console.log('greeting', name);
  return require('words').hello + ' ' + name;
};
`;

const WORDS = "exports.hello = 'hello';\n";

/** Writes the service into a folder. */
export async function writeService(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'serverless.yml'), SERVICE);
  await writeFile(join(directory, 'handler.js'), HANDLER);
  const layer = join(directory, 'words/nodejs/node_modules/words');
  await mkdir(layer, { recursive: true });
  await writeFile(join(layer, 'index.js'), WORDS);
}

/** The service with some of its text replaced. */
export async function changeService(directory: string, from: string, to: string): Promise<void> {
  if (!SERVICE.includes(from)) throw new Error(`the service has no "${from}"`);
  await writeFile(join(directory, 'serverless.yml'), SERVICE.replace(from, to));
}

/** The service as it was written, with some text of its functions replaced. */
export async function changeHandler(directory: string, from: string, to: string): Promise<void> {
  if (!HANDLER.includes(from)) throw new Error(`the functions have no "${from}"`);
  await writeFile(join(directory, 'handler.js'), HANDLER.replace(from, to));
}
