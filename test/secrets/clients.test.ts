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
