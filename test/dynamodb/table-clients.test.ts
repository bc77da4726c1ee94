import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { clientEnvironment, run } from '../wire/support.ts';
import { TablesNode } from './support.ts';

let node: TablesNode;

before(async () => {
  node = await TablesNode.start();
});
after(() => node[Symbol.asyncDispose]());

const environment = () => clientEnvironment({ url: node.node.endpoints.http } as never);

const BOTO3 = `
import os, time, boto3
from botocore.exceptions import ClientError
endpoint = os.environ['ENDPOINT']
ddb = boto3.client('dynamodb', endpoint_url=endpoint)
resource = boto3.resource('dynamodb', endpoint_url=endpoint)
table = resource.create_table(TableName='boto', BillingMode='PAY_PER_REQUEST',
    AttributeDefinitions=[{'AttributeName': 'h', 'AttributeType': 'S'}, {'AttributeName': 'g', 'AttributeType': 'N'}],
    KeySchema=[{'AttributeName': 'h', 'KeyType': 'HASH'}],
    GlobalSecondaryIndexes=[{'IndexName': 'by-g', 'KeySchema': [{'AttributeName': 'g', 'KeyType': 'HASH'}],
        'Projection': {'ProjectionType': 'INCLUDE', 'NonKeyAttributes': ['note']}}],
    StreamSpecification={'StreamEnabled': True, 'StreamViewType': 'KEYS_ONLY'})
table.meta.client.get_waiter('table_exists').wait(TableName='boto', WaiterConfig={'Delay': 1})
table.reload()
assert table.table_status == 'ACTIVE' and table.latest_stream_arn, table.table_status
table.put_item(Item={'h': 'a', 'g': 1, 'note': 'kept', 'other': 'not'})
found = table.query(IndexName='by-g', KeyConditionExpression=boto3.dynamodb.conditions.Key('g').eq(1))['Items']
assert [sorted(item) for item in found] == [['g', 'h', 'note']], found
table.reload()
assert table.item_count == 1, table.item_count
ddb.update_time_to_live(TableName='boto', TimeToLiveSpecification={'Enabled': True, 'AttributeName': 'until'})
assert ddb.describe_time_to_live(TableName='boto')['TimeToLiveDescription']['AttributeName'] == 'until'
ddb.update_continuous_backups(TableName='boto', PointInTimeRecoverySpecification={'PointInTimeRecoveryEnabled': True})
arn = ddb.create_backup(TableName='boto', BackupName='first')['BackupDetails']['BackupArn']
for _ in range(100):
    description = ddb.describe_backup(BackupArn=arn)['BackupDescription']
    if description['BackupDetails']['BackupStatus'] == 'AVAILABLE': break
assert description['SourceTableDetails']['ItemCount'] == 1, description
ddb.restore_table_from_backup(TargetTableName='restored', BackupArn=arn)
ddb.get_waiter('table_exists').wait(TableName='restored', WaiterConfig={'Delay': 1})
assert ddb.get_item(TableName='restored', Key={'h': {'S': 'a'}})['Item']['note'] == {'S': 'kept'}
ddb.restore_table_to_point_in_time(SourceTableName='boto', TargetTableName='latest', UseLatestRestorableTime=True)
ddb.get_waiter('table_exists').wait(TableName='latest', WaiterConfig={'Delay': 1})
try:
    ddb.create_backup(TableName='none', BackupName='none')
    raise AssertionError('backed up')
except ddb.exceptions.TableNotFoundException as error:
    assert error.response['Error']['Message'] == 'Table not found: none', error.response
ddb.tag_resource(ResourceArn=table.table_arn, Tags=[{'Key': 'team', 'Value': 'edge'}])
pages = ddb.get_paginator('list_tags_of_resource').paginate(ResourceArn=table.table_arn)
assert [tag for page in pages for tag in page['Tags']] == [{'Key': 'team', 'Value': 'edge'}]
assert [name for page in ddb.get_paginator('list_tables').paginate(PaginationConfig={'PageSize': 1}) for name in page['TableNames']] == ['boto', 'latest', 'restored']
table.delete()
table.wait_until_not_exists()
print('done')
`;

test('boto3 drives tables, its waiters, paginators and resources too', async () => {
  const { stdout, stderr } = await run('/usr/bin/python3', ['-c', BOTO3], environment());
  assert.equal(stdout.trim(), 'done', stderr);
});

test('the aws CLI drives tables', async () => {
  const aws = async (...args: string[]) => {
    const { code, stdout, stderr } = await run(
      '/usr/bin/aws',
      ['--endpoint-url', node.node.endpoints.http, '--output', 'json', 'dynamodb', ...args],
      environment(),
    );
    assert.equal(code, 0, stderr);
    return stdout.trim() === '' ? undefined : JSON.parse(stdout);
  };
  const { TableDescription } = await aws(
    ...['create-table', '--table-name', 'cli', '--billing-mode', 'PAY_PER_REQUEST'],
    ...['--attribute-definitions', 'AttributeName=h,AttributeType=S', '--key-schema', 'AttributeName=h,KeyType=HASH'],
  );
  assert.equal(TableDescription.TableStatus, 'CREATING');
  await aws('wait', 'table-exists', '--table-name', 'cli');
  await aws('put-item', '--table-name', 'cli', '--item', '{"h":{"S":"a"},"g":{"S":"b"}}');
  const index =
    '[{"Create":{"IndexName":"by-g","KeySchema":[{"AttributeName":"g","KeyType":"HASH"}],"Projection":{"ProjectionType":"ALL"}}}]';
  await aws(
    ...['update-table', '--table-name', 'cli', '--attribute-definitions', 'AttributeName=g,AttributeType=S'],
    ...['--global-secondary-index-updates', index],
  );
  const { Table } = await aws('describe-table', '--table-name', 'cli');
  assert.equal(Table.GlobalSecondaryIndexes[0].IndexStatus, 'ACTIVE');
  const { Count } = await aws(
    ...['query', '--table-name', 'cli', '--index-name', 'by-g', '--key-condition-expression', 'g = :g'],
    ...['--expression-attribute-values', '{":g":{"S":"b"}}'],
  );
  assert.equal(Count, 1);
  const { TableNames } = await aws('list-tables');
  assert.ok(TableNames.includes('cli'));
  await aws('delete-table', '--table-name', 'cli');
});
