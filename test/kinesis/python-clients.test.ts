import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { clientEnvironment, run } from '../wire/support.ts';
import { startKinesis, type TestKinesis } from './support.ts';

const PYTHON = '/usr/bin/python3';
const AWS = '/usr/bin/aws';
const missing = existsSync(PYTHON) && existsSync(AWS) ? false : 'boto3 and the aws CLI are not installed';

let node: TestKinesis;
before(async () => {
  node = await startKinesis();
});
after(() => node[Symbol.asyncDispose]());

const SCRIPT = `
import boto3, json, os
k = boto3.client('kinesis', endpoint_url=os.environ['ENDPOINT'])
k.create_stream(StreamName='python', ShardCount=2)
k.get_waiter('stream_exists').wait(StreamName='python')
k.add_tags_to_stream(StreamName='python', Tags={'a': '1'})
put = k.put_records(StreamName='python', Records=[{'PartitionKey': str(i), 'Data': ('r%d' % i).encode()} for i in range(20)])
assert put['FailedRecordCount'] == 0
k.merge_shards(StreamName='python', ShardToMerge='shardId-000000000000', AdjacentShardToMerge='shardId-000000000001')
got = []
for shard in k.list_shards(StreamName='python')['Shards']:
    it = k.get_shard_iterator(StreamName='python', ShardId=shard['ShardId'], ShardIteratorType='TRIM_HORIZON')['ShardIterator']
    answer = k.get_records(ShardIterator=it)
    got += [r['Data'].decode() for r in answer['Records']]
    assert ('NextShardIterator' in answer) == ('EndingSequenceNumber' not in shard['SequenceNumberRange'])
assert sorted(got) == sorted('r%d' % i for i in range(20)), got
arn = k.describe_stream_summary(StreamName='python')['StreamDescriptionSummary']['StreamARN']
c = k.register_stream_consumer(StreamARN=arn, ConsumerName='one')['Consumer']['ConsumerARN']
k.put_record(StreamName='python', PartitionKey='x', Data=b'pushed')
events = k.subscribe_to_shard(ConsumerARN=c, ShardId='shardId-000000000002', StartingPosition={'Type': 'TRIM_HORIZON'})['EventStream']
for event in events:
    if event['SubscribeToShardEvent']['Records']:
        assert event['SubscribeToShardEvent']['Records'][0]['Data'] == b'pushed'
        break
events.close()
try:
    k.get_shard_iterator(StreamName='python', ShardId='shardId-000000000007', ShardIteratorType='LATEST')
except k.exceptions.ResourceNotFoundException as e:
    print(json.dumps({'tags': k.list_tags_for_stream(StreamName='python')['Tags'], 'error': str(e)}))
`;

test('boto3 works with streams, shards, consumers and tags', { skip: missing }, async () => {
  const { code, stdout, stderr } = await run(PYTHON, ['-c', SCRIPT], clientEnvironment(node.wire));
  assert.equal(code, 0, stderr);
  const { tags, error } = JSON.parse(stdout);
  assert.deepEqual(tags, [{ Key: 'a', Value: '1' }]);
  assert.match(error, /Could not find shard shardId-000000000007 in stream python under account 000000000000\.$/);
});

test('the aws CLI creates, scales and describes a stream', { skip: missing }, async () => {
  const aws = async (...args: string[]) => {
    const all = ['--endpoint-url', node.wire.url, '--output', 'json', 'kinesis', ...args];
    const { code, stdout, stderr } = await run(AWS, all, clientEnvironment(node.wire));
    assert.equal(code, 0, stderr);
    return stdout ? JSON.parse(stdout) : undefined;
  };
  await aws('create-stream', '--stream-name', 'cli', '--shard-count', '1');
  const scaled = await aws(
    'update-shard-count',
    '--stream-name',
    'cli',
    '--target-shard-count',
    '2',
    '--scaling-type',
    'UNIFORM_SCALING',
  );
  assert.equal(scaled.TargetShardCount, 2);
  const { StreamDescription } = await aws('describe-stream', '--stream-name', 'cli');
  assert.equal(StreamDescription.Shards.length, 3);
  assert.equal(StreamDescription.StreamStatus, 'ACTIVE');
});
