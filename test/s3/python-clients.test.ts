import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { clientEnvironment, run, type TestWire } from '../wire/support.ts';
import { withS3 } from './support.ts';

const PYTHON = '/usr/bin/python3';
const AWS = '/usr/bin/aws';
const skip = existsSync(PYTHON) && existsSync(AWS) ? false : 'boto3 and the aws CLI are not installed';

async function aws(wire: TestWire, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(AWS, ['--endpoint-url', wire.url, ...args], clientEnvironment(wire));
  assert.equal(code, 0, stderr);
  return stdout;
}

test('the aws CLI copies, lists, synchronises and removes', { skip }, () =>
  withS3(async (wire, directory) => {
    const local = join(directory, 'local');
    await mkdir(join(local, 'sub'), { recursive: true });
    // Beyond 8 MB the CLI uploads in parts and downloads in ranges.
    const large = Buffer.alloc(17 << 20, 'large ');
    await writeFile(join(local, 'large.bin'), large);
    await writeFile(join(local, 'sub', 'smäll one.txt'), 'small');
    // Listings tell whole seconds, as on S3: a file of the same second would count as newer than its copy.
    const before = new Date('2026-01-01T00:00:00Z');
    for (const file of ['large.bin', 'sub/smäll one.txt']) await utimes(join(local, file), before, before);
    await aws(wire, 's3', 'mb', 's3://cli-bucket');
    await aws(wire, 's3', 'sync', local, 's3://cli-bucket/up');
    assert.match(await aws(wire, 's3', 'ls', 's3://cli-bucket/up/'), /PRE sub\/\n.* 17825792 large\.bin/);
    await aws(wire, 's3', 'sync', 's3://cli-bucket/up', join(directory, 'back'));
    assert.ok((await readFile(join(directory, 'back', 'large.bin'))).equals(large));
    assert.equal(await readFile(join(directory, 'back', 'sub', 'smäll one.txt'), 'utf8'), 'small');
    assert.equal(await aws(wire, 's3', 'sync', local, 's3://cli-bucket/up'), '', 'nothing is left to do');
    await aws(wire, 's3', 'cp', 's3://cli-bucket/up/large.bin', 's3://cli-bucket/copy.bin');
    await aws(wire, 's3', 'rb', '--force', 's3://cli-bucket');
  }),
);

const SCRIPT = `
import boto3, os, io, botocore
s3 = boto3.client('s3', endpoint_url=os.environ['ENDPOINT'])
s3.create_bucket(Bucket='boto-bucket', CreateBucketConfiguration={'LocationConstraint': 'eu-central-1'})
data = os.urandom(20 * 1024 * 1024)
open(os.environ['FILE'], 'wb').write(data)
s3.upload_file(os.environ['FILE'], 'boto-bucket', 'twenty', ExtraArgs={'Metadata': {'a': 'b'}})
back = io.BytesIO()
s3.download_fileobj('boto-bucket', 'twenty', back)
assert back.getvalue() == data
assert s3.head_object(Bucket='boto-bucket', Key='twenty')['Metadata'] == {'a': 'b'}
for i in range(5): s3.put_object(Bucket='boto-bucket', Key=f'd/{i} \\u00fc', Body=b'x')
pages = s3.get_paginator('list_objects_v2').paginate(Bucket='boto-bucket', Prefix='d/', PaginationConfig={'PageSize': 2})
assert [o['Key'] for p in pages for o in p['Contents']] == [f'd/{i} \\u00fc' for i in range(5)]
try:
    s3.get_object(Bucket='boto-bucket', Key='none')
    raise SystemExit('no error')
except s3.exceptions.NoSuchKey as e:
    assert e.response['Error']['Key'] == 'none', e.response
try:
    s3.head_object(Bucket='boto-bucket', Key='none')
    raise SystemExit('no error')
except botocore.exceptions.ClientError as e:
    assert e.response['Error']['Code'] == '404', e.response
policy = '{"Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::boto-bucket/*"}]}'
s3.put_bucket_policy(Bucket='boto-bucket', Policy=policy)
assert s3.get_bucket_policy(Bucket='boto-bucket')['Policy'] == policy
s3.delete_bucket_policy(Bucket='boto-bucket')
s3.put_bucket_tagging(Bucket='boto-bucket', Tagging={'TagSet': [{'Key': 'k', 'Value': 'v'}]})
assert s3.get_bucket_tagging(Bucket='boto-bucket')['TagSet'] == [{'Key': 'k', 'Value': 'v'}]
s3.delete_bucket_tagging(Bucket='boto-bucket')
for call, code in ((s3.get_bucket_policy, 'NoSuchBucketPolicy'), (s3.get_bucket_tagging, 'NoSuchTagSet')):
    try:
        call(Bucket='boto-bucket')
        raise SystemExit('no error')
    except botocore.exceptions.ClientError as e:
        assert e.response['Error']['Code'] == code, e.response
rules = [{'ApplyServerSideEncryptionByDefault': {'SSEAlgorithm': 'AES256'}, 'BucketKeyEnabled': True}]
s3.put_bucket_encryption(Bucket='boto-bucket', ServerSideEncryptionConfiguration={'Rules': rules})
assert s3.get_bucket_encryption(Bucket='boto-bucket')['ServerSideEncryptionConfiguration']['Rules'] == rules
s3.delete_bucket_encryption(Bucket='boto-bucket')
boto3.resource('s3', endpoint_url=os.environ['ENDPOINT']).Bucket('boto-bucket').objects.all().delete()
s3.delete_bucket(Bucket='boto-bucket')
print('ok')
`;

test('boto3 uploads and downloads 20 MB, pages, and knows the errors', { skip }, () =>
  withS3(async (wire, directory) => {
    const environment = { ...clientEnvironment(wire), FILE: join(directory, 'file') };
    const { stdout, stderr } = await run(PYTHON, ['-c', SCRIPT], environment);
    assert.equal(stdout, 'ok\n', stderr);
  }),
);
