import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, test } from 'node:test';
import * as cloudFormation from '@aws-sdk/client-cloudformation';
import * as manager from '@aws-sdk/client-secrets-manager';
import { aMoment } from '../support/eventually.ts';
import { TestNode } from '../support/node.ts';

/** In the form of AWS's own rotation functions, with boto3. */
const FUNCTION = `
import boto3, json
sm = boto3.client('secretsmanager')
def handler(event, context):
    arn, token, step = event['SecretId'], event['ClientRequestToken'], event['Step']
    versions = sm.describe_secret(SecretId=arn)['VersionIdsToStages']
    if token not in versions: raise ValueError('no such version')
    if 'AWSCURRENT' in versions[token]: return
    if 'AWSPENDING' not in versions[token]: raise ValueError('not pending')
    if step == 'createSecret':
        current = json.loads(sm.get_secret_value(SecretId=arn, VersionStage='AWSCURRENT')['SecretString'])
        try:
            sm.get_secret_value(SecretId=arn, VersionId=token, VersionStage='AWSPENDING')
        except sm.exceptions.ResourceNotFoundException:
            current['password'] = sm.get_random_password(ExcludePunctuation=True, PasswordLength=24)['RandomPassword']
            sm.put_secret_value(SecretId=arn, ClientRequestToken=token, SecretString=json.dumps(current), VersionStages=['AWSPENDING'])
    elif step == 'finishSecret':
        current = next(v for v, stages in versions.items() if 'AWSCURRENT' in stages)
        sm.update_secret_version_stage(SecretId=arn, VersionStage='AWSCURRENT', MoveToVersionId=token, RemoveFromVersionId=current)
`;

const TEMPLATE = {
  Transform: 'AWS::Serverless-2016-10-31',
  Resources: {
    Secret: {
      Type: 'AWS::SecretsManager::Secret',
      Properties: { Name: 'rotated', SecretString: '{"username":"app","password":"old"}' },
    },
    Rotator: {
      Type: 'AWS::Serverless::Function',
      Properties: {
        FunctionName: 'rotator',
        Handler: 'index.handler',
        Runtime: 'python3.11',
        Timeout: 60,
        InlineCode: FUNCTION,
        Policies: [{ AWSSecretsManagerRotationPolicy: { FunctionName: 'rotator' } }],
      },
    },
    MayCall: {
      Type: 'AWS::Lambda::Permission',
      Properties: {
        FunctionName: { Ref: 'Rotator' },
        Action: 'lambda:InvokeFunction',
        Principal: 'secretsmanager.amazonaws.com',
      },
    },
    Schedule: {
      Type: 'AWS::SecretsManager::RotationSchedule',
      DependsOn: 'MayCall',
      Properties: {
        SecretId: { Ref: 'Secret' },
        RotationLambdaARN: { 'Fn::GetAtt': ['Rotator', 'Arn'] },
        RotationRules: { ScheduleExpression: 'rate(10 days)' },
      },
    },
  },
};

let node: TestNode;
let secrets: manager.SecretsManagerClient;
let stacks: cloudFormation.CloudFormationClient;

before(async () => {
  node = await TestNode.start();
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const options = { endpoint: node.endpoints.http, region: 'us-east-1', credentials };
  secrets = new manager.SecretsManagerClient(options);
  stacks = new cloudFormation.CloudFormationClient(options);
});

after(async () => {
  secrets?.destroy();
  stacks?.destroy();
  await node?.[Symbol.asyncDispose]();
});

async function password(): Promise<string> {
  const { SecretString } = await secrets.send(new manager.GetSecretValueCommand({ SecretId: 'rotated' }));
  return (JSON.parse(SecretString!) as { password: string }).password;
}

/** Resolves when the rotation has ended. */
async function rotated(before: string): Promise<string> {
  for (;;) {
    const { LastRotatedDate } = await secrets.send(new manager.DescribeSecretCommand({ SecretId: 'rotated' }));
    const now = await password();
    if (LastRotatedDate && now !== before) return now;
    assert.ok(!node.log.includes('rotation-step-failed'), node.log);
    await aMoment();
  }
}

test('a function of AWS’s form, its role and schedule from a template, rotates a secret', {
  skip: !existsSync('/usr/bin/python3'),
}, async () => {
  const StackName = 'rotation';
  await stacks.send(
    new cloudFormation.CreateStackCommand({
      ...{ StackName, TemplateBody: JSON.stringify(TEMPLATE) },
      Capabilities: ['CAPABILITY_IAM', 'CAPABILITY_AUTO_EXPAND'],
    }),
  );
  const waiting = { client: stacks, maxWaitTime: 60, minDelay: 0.1, maxDelay: 0.2 };
  await cloudFormation.waitUntilStackCreateComplete(waiting, { StackName });
  const first = await rotated('old');
  assert.match(first, /^[A-Za-z0-9]{24}$/);
  await secrets.send(new manager.RotateSecretCommand({ SecretId: 'rotated' }));
  assert.notEqual(await rotated(first), first);
  const { VersionIdsToStages, NextRotationDate } = await secrets.send(
    new manager.DescribeSecretCommand({ SecretId: 'rotated' }),
  );
  assert.equal(
    Object.values(VersionIdsToStages!)
      .flat()
      .filter((stage) => stage === 'AWSCURRENT').length,
    1,
  );
  assert.ok(NextRotationDate!.getTime() > Date.parse('2026-01-01'));
  assert.ok(!node.log.includes(first));
});
