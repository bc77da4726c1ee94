import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { readTemplate } from '../template/reader.ts';
import type { JsonObject } from '../template/value.ts';
import { transformSam } from './transform.ts';

const folder = new URL('../fixtures/sam/', import.meta.url);

/** Recorded from AWS's own translator (1.110): same template and parameters in, its output beside. */
interface Recorded {
  readonly template: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly expected: { readonly Resources: Readonly<Record<string, JsonObject>> };
}

for (const file of readdirSync(folder)) {
  const { template, parameters, expected } = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Recorded;

  test(`${file}: the same resources under the same logical ids as AWS's translator`, () => {
    const actual = transformSam(readTemplate(template), parameters) as unknown as Recorded['expected'];
    assert.deepEqual(Object.keys(actual.Resources).sort(), Object.keys(expected.Resources).sort());
    for (const [id, resource] of Object.entries(expected.Resources)) {
      assert.deepEqual(comparable(actual.Resources[id]!), comparable(resource), id);
    }
    assert.deepEqual({ ...actual, Resources: {} }, { ...expected, Resources: {} });
  });
}

/** The order of policies in a role says nothing. */
function comparable(resource: JsonObject): unknown {
  if (resource.Type !== 'AWS::IAM::Role') return resource;
  const properties = resource.Properties as { ManagedPolicyArns?: unknown[]; Policies?: unknown[] };
  const sorted = (list?: unknown[]) => list?.map((one) => JSON.stringify(one)).sort();
  return { ...resource, Properties: { ...properties, ManagedPolicyArns: sorted(properties.ManagedPolicyArns) } };
}

const FUNCTION = { Handler: 'a.b', Runtime: 'nodejs24.x', InlineCode: 'x' };
const one = (properties: JsonObject, type = 'AWS::Serverless::Function') => ({
  Resources: { Fn: { Type: type, Properties: properties } },
});

const connector = (properties: object) => ({
  Resources: {
    ...one(FUNCTION).Resources,
    Queue: { Type: 'AWS::SQS::Queue' },
    Wire: { Type: 'AWS::Serverless::Connector', Properties: { Source: { Id: 'Fn' }, ...properties } },
  },
});

for (const [name, template, message] of [
  [
    'a state machine',
    one({}, 'AWS::Serverless::StateMachine'),
    /Resource with id \[Fn\] .* the type AWS::Serverless::StateMachine is not built/,
  ],
  ['an API without a stage', one({}, 'AWS::Serverless::Api'), /Missing required property 'StageName'/],
  [
    'an API with a canary',
    one({ StageName: 'a', CanarySetting: {} }, 'AWS::Serverless::Api'),
    /CanarySetting is not built/,
  ],
  ['a misspelt property of an API', one({ Cors: true }, 'AWS::Serverless::HttpApi'), /property Cors not defined/],
  [
    'a table of a wrong key',
    one({ PrimaryKey: { Type: 'Text' } }, 'AWS::Serverless::SimpleTable'),
    /Invalid 'Type' "Text"/,
  ],
  ['a table with a sort key', one({ SortKey: 'r' }, 'AWS::Serverless::SimpleTable'), /property SortKey not defined/],
  ['a schedule', one({ ...FUNCTION, Events: { E: { Type: 'Schedule' } } }), /\[FnE\].*type Schedule are not built/],
  [
    'half a route',
    one({ ...FUNCTION, Events: { E: { Type: 'HttpApi', Properties: { Path: '/' } } } }),
    /\[FnE\].*both 'Path' and 'Method' are required/,
  ],
  [
    'a misspelt property of an event',
    one({ ...FUNCTION, Events: { E: { Type: 'SQS', Properties: { Queue: 'q', BatchSise: 1 } } } }),
    /property BatchSise not defined/,
  ],
  ['a missing stream', one({ ...FUNCTION, Events: { E: { Type: 'Kinesis' } } }), /Missing required property 'Stream'/],
  [
    'traffic that shifts by and by',
    one({ ...FUNCTION, AutoPublishAlias: 'live', DeploymentPreference: { Type: 'Linear10PercentEvery1Minute' } }),
    /DeploymentPreference is not built in Millrace, unless Enabled is false/,
  ],
  ['a misspelt property', one({ ...FUNCTION, Handlr: 'x' }), /property Handlr not defined/],
  ['no code', one({ Handler: 'a.b', Runtime: 'x' }), /Either 'InlineCode' or 'CodeUri' must be set/],
  ['code on disk', one({ Handler: 'a.b', Runtime: 'x', CodeUri: './src' }), /not a valid S3 Uri/],
  ['no runtime', one({ Handler: 'a.b', InlineCode: 'x' }), /Runtime and Handler needs to be present/],
  ['an image', one({ PackageType: 'Image', ImageUri: 'x' }), /images are not built/],
  ['a policy template without its parameter', one({ ...FUNCTION, Policies: [{ SQSPollerPolicy: {} }] }), /'QueueName'/],
  ['a policy template that is none', one({ ...FUNCTION, Policies: [{ SqsPoller: {} }] }), /SqsPoller at index 0/],
  ['unknown globals', { Globals: { Functions: {} }, ...one(FUNCTION) }, /'Functions' is not supported/],
  [
    'an unknown global property',
    { Globals: { Function: { Events: {} } }, ...one(FUNCTION) },
    /'Events' is not a supported/,
  ],
  [
    'globals ignored that are none',
    { Resources: { Fn: { ...one(FUNCTION).Resources.Fn, IgnoreGlobals: ['Timeout'] } } },
    /Fn has invalid resource attribute 'IgnoreGlobals' on item 'Timeout'/,
  ],
  [
    'a connector to nothing',
    connector({ Destination: { Id: 'Nobody' }, Permissions: ['Write'] }),
    /\[Wire\] is invalid\. Unable to find resource with logical ID 'Nobody'/,
  ],
  [
    'a connector without permissions',
    connector({ Destination: { Id: 'Queue' }, Permissions: [] }),
    /'Permissions' cannot be empty/,
  ],
  [
    'a connector with a permission that is none',
    connector({ Destination: { Id: 'Queue' }, Permissions: ['Delete'] }),
    /from AWS::Lambda::Function to AWS::SQS::Queue; valid values are: Read, Write/,
  ],
  [
    'a connector of a pair that is not built',
    connector({ Source: { Id: 'Queue' }, Destination: { Id: 'Queue' }, Permissions: ['Write'] }),
    /from AWS::SQS::Queue to AWS::SQS::Queue; it is not built/,
  ],
  [
    'half a poller',
    connector({ Source: { Id: 'Queue' }, Destination: { Id: 'Fn' }, Permissions: ['Read'] }),
    /valid combinations are: Read \+ Write/,
  ],
] as const) {
  test(`refused: ${name}`, () => assert.throws(() => transformSam(template as JsonObject, {}), message));
}

test('a deployment preference that is switched off makes nothing', () => {
  const properties = { ...FUNCTION, AutoPublishAlias: 'live' };
  const off = { Type: 'AllAtOnce', Enabled: { Ref: 'Gradual' } };
  assert.deepEqual(
    transformSam(one({ ...properties, DeploymentPreference: off }), { Gradual: 'false' }).Resources,
    transformSam(one(properties), {}).Resources,
  );
});

test('a bucket may take what a stream gives up; the role may write to it', () => {
  const Destination = { 'Fn::GetAtt': ['Bucket', 'Arn'] };
  const Properties = {
    ...{ Stream: 's', StartingPosition: 'LATEST' },
    DestinationConfig: { OnFailure: { Type: 'S3', Destination } },
  };
  const { Resources } = transformSam(one({ ...FUNCTION, Events: { E: { Type: 'Kinesis', Properties } } }), {}) as any;
  assert.deepEqual(Resources.FnE.Properties.DestinationConfig, { OnFailure: { Destination } });
  const Statement = [
    { Action: 's3:PutObject', Effect: 'Allow', Resource: { 'Fn::Join': ['/', [Destination, '*']] } },
    { Action: 's3:ListBucket', Effect: 'Allow', Resource: Destination },
  ];
  const [policy] = Resources.FnRole.Properties.Policies;
  assert.deepEqual(policy, { PolicyName: 'FnES3Policy', PolicyDocument: { Statement } });
});

/** Ids as AWS's translator makes them of these layers (its own test data have the same two). */
const LAYERS = {
  Parameters: { Keep: { Type: 'String' } },
  Resources: {
    MyLayer: {
      Type: 'AWS::Serverless::LayerVersion',
      Properties: { ContentUri: 's3://bucket/key', RetentionPolicy: { Ref: 'Keep' } },
    },
    MyLayerWithAName: {
      Type: 'AWS::Serverless::LayerVersion',
      Metadata: { BuildMethod: 'nodejs24.x' },
      Properties: { ContentUri: 's3://bucket/key', LayerName: 'DifferentLayerName' },
    },
    Fn: {
      Type: 'AWS::Serverless::Function',
      DependsOn: ['MyLayer'],
      Properties: { ...FUNCTION, Layers: [{ Ref: 'MyLayerWithAName' }, { Ref: 'MyLayer' }] },
    },
  },
  Outputs: { Arn: { Value: { 'Fn::Sub': 'is ${MyLayer}' } } },
};

test('a layer becomes a version under an id with a hash, and what refers to it follows', () => {
  const { Resources, Outputs } = transformSam(LAYERS as unknown as JsonObject, { Keep: 'Delete' }) as any;
  assert.deepEqual(Resources.MyLayerd04062b365, {
    Type: 'AWS::Lambda::LayerVersion',
    DeletionPolicy: 'Delete',
    Properties: { LayerName: 'MyLayer', Content: { S3Bucket: 'bucket', S3Key: 'key' } },
  });
  assert.deepEqual(Resources.MyLayerWithANamefda8c9ec8c, {
    Type: 'AWS::Lambda::LayerVersion',
    Metadata: { BuildMethod: 'nodejs24.x' },
    DeletionPolicy: 'Retain',
    Properties: { LayerName: 'DifferentLayerName', Content: { S3Bucket: 'bucket', S3Key: 'key' } },
  });
  assert.deepEqual(Resources.Fn.Properties.Layers, [
    { Ref: 'MyLayerWithANamefda8c9ec8c' },
    { Ref: 'MyLayerd04062b365' },
  ]);
  assert.deepEqual(Resources.Fn.DependsOn, ['MyLayerd04062b365']);
  assert.deepEqual(Outputs.Arn.Value, { 'Fn::Sub': 'is ${MyLayerd04062b365}' });
});

for (const [name, properties, message] of [
  ['without content', { LayerName: 'x' }, /\[Fn\] is invalid\. Missing required property 'ContentUri'/],
  ['on disk', { ContentUri: './layer' }, /'ContentUri' is not a valid S3 Uri/],
  ['with a misspelt property', { ContentUri: 's3://b/k', LayrName: 'x' }, /property LayrName not defined/],
  ['kept for a while', { ContentUri: 's3://b/k', RetentionPolicy: 'Snapshot' }, /'RetentionPolicy' must be one of/],
] as const) {
  test(`a layer ${name} is refused`, () => {
    assert.throws(
      () => transformSam(one(properties as unknown as JsonObject, 'AWS::Serverless::LayerVersion'), {}),
      message,
    );
  });
}

test('a simple table is a table of one key, on demand unless it has units', () => {
  const expand = (properties: object) =>
    (transformSam(one(properties as never, 'AWS::Serverless::SimpleTable') as never, {}).Resources as any).Fn;
  assert.deepEqual(expand({}), {
    Type: 'AWS::DynamoDB::Table',
    Properties: {
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      BillingMode: 'PAY_PER_REQUEST',
    },
  });
  const ProvisionedThroughput = { ReadCapacityUnits: 5, WriteCapacityUnits: 5 };
  const PrimaryKey = { Name: 'n', Type: 'Number' };
  assert.deepEqual(expand({ PrimaryKey, ProvisionedThroughput, Tags: { a: 'b' } }).Properties, {
    AttributeDefinitions: [{ AttributeName: 'n', AttributeType: 'N' }],
    KeySchema: [{ AttributeName: 'n', KeyType: 'HASH' }],
    ProvisionedThroughput,
    Tags: [{ Key: 'a', Value: 'b' }],
  });
});

test('an application is a nested stack; one of the repository is refused by name', () => {
  const of = (Location: string | object) =>
    transformSam(
      {
        Resources: {
          Part: {
            Type: 'AWS::Serverless::Application',
            Properties: { Location: Location as never, Parameters: { A: '1' }, Tags: { team: 'x' } },
          },
        },
      },
      {},
    ).Resources;
  assert.deepEqual(of('https://s3.amazonaws.com/b/k'), {
    Part: {
      Type: 'AWS::CloudFormation::Stack',
      Properties: {
        TemplateURL: 'https://s3.amazonaws.com/b/k',
        Parameters: { A: '1' },
        Tags: [
          { Key: 'lambda:createdBy', Value: 'SAM' },
          { Key: 'team', Value: 'x' },
        ],
      },
    },
  });
  assert.throws(() => of({ ApplicationId: 'a', SemanticVersion: '1.0.0' }), /Serverless Application Repository/);
});
