import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { clientEnvironment, run } from '../wire/support.ts';
import { House } from './house.ts';

const AWS = '/usr/bin/aws';
const PYTHON = '/usr/bin/python3';

let house: House;

before(async () => {
  house = await House.open();
});

after(() => house?.[Symbol.asyncDispose]());

async function python(script: string): Promise<string> {
  const answer = await run(PYTHON, ['-c', `import boto3, json, os\n${script}`], clientEnvironment(house.wire));
  assert.equal(answer.code, 0, answer.stderr);
  return answer.stdout.trim();
}

async function aws(...words: readonly string[]): Promise<any> {
  const argv = ['--endpoint-url', house.wire.url, '--output', 'json', ...words];
  const answer = await run(AWS, argv, clientEnvironment(house.wire));
  assert.equal(answer.code, 0, answer.stderr);
  return answer.stdout.trim() === '' ? {} : JSON.parse(answer.stdout);
}

test('boto3 drives Parameter Store', { skip: !existsSync(PYTHON) }, async () => {
  const said = await python(`
ssm = boto3.client('ssm', endpoint_url=os.environ['ENDPOINT'])
ssm.put_parameter(Name='/py/a', Value='1', Type='String', Tags=[{'Key': 'k', 'Value': 'v'}])
ssm.put_parameter(Name='/py/b', Value='hidden', Type='SecureString')
ssm.put_parameter(Name='/py/a', Value='2', Overwrite=True)
ssm.label_parameter_version(Name='/py/a', ParameterVersion=1, Labels=['old'])
pages = ssm.get_paginator('get_parameters_by_path').paginate(Path='/py', WithDecryption=True, PaginationConfig={'PageSize': 1})
print([(p['Name'], p['Value']) for page in pages for p in page['Parameters']])
print(ssm.get_parameter(Name='/py/a:old')['Parameter']['Value'])
try: ssm.get_parameter(Name='/py/none')
except ssm.exceptions.ParameterNotFound as e: print(e.response['Error']['Code'])
print(ssm.list_tags_for_resource(ResourceType='Parameter', ResourceId='/py/a')['TagList'])
print(ssm.delete_parameters(Names=['/py/a', '/py/b', '/py/c'])['InvalidParameters'])`);
  assert.deepEqual(said.split('\n'), [
    "[('/py/a', '2'), ('/py/b', 'hidden')]",
    '1',
    'ParameterNotFound',
    "[{'Key': 'k', 'Value': 'v'}]",
    "['/py/c']",
  ]);
});

test('the aws CLI drives Parameter Store', { skip: !existsSync(AWS) }, async () => {
  const name = ['--name', '/cli/list'];
  const made = await aws(
    'ssm',
    'put-parameter',
    ...name,
    '--type',
    'StringList',
    '--value',
    'a,b',
    '--description',
    'd',
  );
  assert.equal(made.Version, 1);
  await aws('ssm', 'put-parameter', ...name, '--value', 'a,b,c', '--overwrite');
  assert.equal((await aws('ssm', 'get-parameter', ...name)).Parameter.Value, 'a,b,c');
  assert.equal((await aws('ssm', 'get-parameter-history', ...name)).Parameters.length, 2);
  const filter = 'Key=Name,Option=BeginsWith,Values=/cli';
  assert.equal((await aws('ssm', 'describe-parameters', '--parameter-filters', filter)).Parameters[0].Description, 'd');
  await aws('ssm', 'delete-parameter', ...name);
});

test('boto3 drives Secrets Manager', { skip: !existsSync(PYTHON) }, async () => {
  const said = await python(`
sm = boto3.client('secretsmanager', endpoint_url=os.environ['ENDPOINT'])
arn = sm.create_secret(Name='py/s', SecretString=json.dumps({'user': 'a'}), Tags=[{'Key': 'k', 'Value': 'v'}])['ARN']
first = sm.get_secret_value(SecretId=arn)
print(json.loads(first['SecretString'])['user'], first['VersionStages'])
sm.put_secret_value(SecretId='py/s', SecretBinary=bytes([0, 255]))
print(sm.get_secret_value(SecretId='py/s')['SecretBinary'])
print([s['Name'] for page in sm.get_paginator('list_secrets').paginate() for s in page['SecretList']])
print(len(sm.get_random_password(PasswordLength=20)['RandomPassword']))
try: sm.get_secret_value(SecretId='none')
except sm.exceptions.ResourceNotFoundException as e: print(e)
sm.delete_secret(SecretId='py/s', ForceDeleteWithoutRecovery=True)`);
  assert.deepEqual(said.split('\n'), [
    "a ['AWSCURRENT']",
    "b'\\x00\\xff'",
    "['py/s']",
    '20',
    "An error occurred (ResourceNotFoundException) when calling the GetSecretValue operation: Secrets Manager can't find the specified secret.",
  ]);
});

test('the aws CLI drives Secrets Manager', { skip: !existsSync(AWS) }, async () => {
  const id = ['--secret-id', 'cli'];
  await aws('secretsmanager', 'create-secret', '--name', 'cli', '--secret-string', 'one');
  await aws('secretsmanager', 'update-secret', ...id, '--secret-string', 'two', '--description', 'd');
  const previous = await aws('secretsmanager', 'get-secret-value', ...id, '--version-stage', 'AWSPREVIOUS');
  assert.equal(previous.SecretString, 'one');
  assert.equal((await aws('secretsmanager', 'describe-secret', ...id)).Description, 'd');
  const versions = await aws('secretsmanager', 'list-secret-version-ids', ...id);
  assert.equal(versions.Versions.length, 2);
  await aws('secretsmanager', 'delete-secret', ...id, '--recovery-window-in-days', '7');
  await aws('secretsmanager', 'restore-secret', ...id);
});
