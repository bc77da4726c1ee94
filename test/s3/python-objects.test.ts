import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { clientEnvironment, run } from '../wire/support.ts';
import { withS3 } from './support.ts';

const PYTHON = '/usr/bin/python3';
const AWS = '/usr/bin/aws';
const skip = existsSync(PYTHON) && existsSync(AWS) ? false : 'boto3 and the aws CLI are not installed';

const SCRIPT = `
import boto3, os, datetime, hashlib, base64
from botocore.exceptions import ClientError
s3 = boto3.client('s3', endpoint_url=os.environ['ENDPOINT'])
def refused(code, call, **names):
    try:
        call(**names)
    except ClientError as e:
        assert e.response['Error']['Code'] == code, e.response
        return e.response
    raise SystemExit(f'{call} was not refused')
B = 'boto-objects'
s3.create_bucket(Bucket=B, ObjectLockEnabledForBucket=True, CreateBucketConfiguration={'LocationConstraint': 'eu-central-1'})
assert s3.get_bucket_versioning(Bucket=B)['Status'] == 'Enabled'
one = s3.put_object(Bucket=B, Key='k', Body=b'one', Tagging='a=1', Metadata={'m': 'v'})['VersionId']
two = s3.put_object(Bucket=B, Key='k', Body=b'two')['VersionId']
assert s3.get_object(Bucket=B, Key='k', VersionId=one)['Body'].read() == b'one'
assert s3.get_object_tagging(Bucket=B, Key='k', VersionId=one)['TagSet'] == [{'Key': 'a', 'Value': '1'}]
s3.put_object_tagging(Bucket=B, Key='k', Tagging={'TagSet': [{'Key': 'b', 'Value': '2'}]})
assert s3.get_object(Bucket=B, Key='k')['TagCount'] == 1
s3.delete_object_tagging(Bucket=B, Key='k')
marker = s3.delete_object(Bucket=B, Key='k')
assert marker['DeleteMarker'] and marker['VersionId']
error = refused('NoSuchKey', s3.get_object, Bucket=B, Key='k')
assert error['ResponseMetadata']['HTTPHeaders']['x-amz-delete-marker'] == 'true', error
refused('MethodNotAllowed', s3.get_object, Bucket=B, Key='k', VersionId=marker['VersionId'])
refused('NoSuchVersion', s3.get_object, Bucket=B, Key='k', VersionId='nonenonenonenonenonenonenonenone')
pages = s3.get_paginator('list_object_versions').paginate(Bucket=B, PaginationConfig={'PageSize': 1})
found = [v['VersionId'] for p in pages for v in p.get('Versions', []) + p.get('DeleteMarkers', [])]
assert found == [marker['VersionId'], two, one], found
s3.delete_object(Bucket=B, Key='k', VersionId=marker['VersionId'])
until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
s3.put_object_retention(Bucket=B, Key='k', Retention={'Mode': 'GOVERNANCE', 'RetainUntilDate': until})
assert s3.get_object_retention(Bucket=B, Key='k')['Retention']['Mode'] == 'GOVERNANCE'
refused('AccessDenied', s3.delete_object, Bucket=B, Key='k', VersionId=two)
s3.put_object_legal_hold(Bucket=B, Key='k', LegalHold={'Status': 'ON'})
refused('AccessDenied', s3.delete_object, Bucket=B, Key='k', VersionId=two, BypassGovernanceRetention=True)
s3.put_object_legal_hold(Bucket=B, Key='k', LegalHold={'Status': 'OFF'})
removed = s3.delete_objects(Bucket=B, BypassGovernanceRetention=True,
    Delete={'Objects': [{'Key': 'k', 'VersionId': two}, {'Key': 'k', 'VersionId': one}]})
assert len(removed['Deleted']) == 2 and 'Errors' not in removed, removed
key = b'k' * 32
sse = {'SSECustomerAlgorithm': 'AES256', 'SSECustomerKey': key}
s3.put_object(Bucket=B, Key='secret', Body=b'secret', **sse)
assert s3.get_object(Bucket=B, Key='secret', **sse)['Body'].read() == b'secret'
refused('InvalidRequest', s3.get_object, Bucket=B, Key='secret')
sha = base64.b64encode(hashlib.sha256(b'sum').digest()).decode()
assert s3.put_object(Bucket=B, Key='sum', Body=b'sum', ChecksumAlgorithm='SHA256')['ChecksumSHA256'] == sha
assert s3.head_object(Bucket=B, Key='sum', ChecksumMode='ENABLED')['ChecksumSHA256'] == sha
attributes = s3.get_object_attributes(Bucket=B, Key='sum', ObjectAttributes=['ETag', 'Checksum', 'ObjectSize'])
assert attributes['Checksum']['ChecksumSHA256'] == sha and attributes['ObjectSize'] == 3, attributes
etag = s3.head_object(Bucket=B, Key='sum')['ETag']
assert refused('304', s3.head_object, Bucket=B, Key='sum', IfNoneMatch=etag)
refused('PreconditionFailed', s3.get_object, Bucket=B, Key='sum', IfMatch='"other"')
s3.copy_object(Bucket=B, Key='copy', CopySource={'Bucket': B, 'Key': 'sum'}, TaggingDirective='REPLACE', Tagging='c=3')
assert s3.get_object_tagging(Bucket=B, Key='copy')['TagSet'] == [{'Key': 'c', 'Value': '3'}]
upload = s3.create_multipart_upload(Bucket=B, Key='parts', ChecksumAlgorithm='CRC32')
names = {'Bucket': B, 'Key': 'parts', 'UploadId': upload['UploadId']}
part = s3.upload_part(PartNumber=1, Body=b'part', ChecksumAlgorithm='CRC32', **names)
parts = [{'PartNumber': 1, 'ETag': part['ETag'], 'ChecksumCRC32': part['ChecksumCRC32']}]
done = s3.complete_multipart_upload(MultipartUpload={'Parts': parts}, **names)
assert done['ChecksumCRC32'].endswith('-1'), done
assert s3.get_object(Bucket=B, Key='parts', PartNumber=1)['PartsCount'] == 1
assert s3.get_object_acl(Bucket=B, Key='sum')['Grants'][0]['Permission'] == 'FULL_CONTROL'
refused('AccessControlListNotSupported', s3.put_object_acl, Bucket=B, Key='sum', ACL='private')
print('ok')
`;

test('boto3 sees versions, markers, locks, keys, checksums and parts as on S3', { skip }, () =>
  withS3(async (wire) => {
    const { stdout, stderr } = await run(PYTHON, ['-c', SCRIPT], clientEnvironment(wire));
    assert.equal(stdout, 'ok\n', stderr);
  }),
);

test('the aws CLI drives versions, tags and attributes', { skip }, () =>
  withS3(async (wire) => {
    const api = async (operation: string, ...args: string[]) => {
      const all = ['--endpoint-url', wire.url, '--output', 'json', 's3api', operation, '--bucket', 'cli', ...args];
      const { code, stdout, stderr } = await run(AWS, all, clientEnvironment(wire));
      assert.equal(code, 0, stderr);
      return stdout === '' ? {} : JSON.parse(stdout);
    };
    await api('create-bucket', '--create-bucket-configuration', 'LocationConstraint=eu-central-1');
    await api('put-bucket-versioning', '--versioning-configuration', 'Status=Enabled');
    const { VersionId } = await api('put-object', '--key', 'k', '--tagging', 'a=1', '--checksum-algorithm', 'CRC32C');
    assert.ok(VersionId);
    const attributes = await api(
      'get-object-attributes',
      '--key',
      'k',
      '--object-attributes',
      'ObjectSize',
      'Checksum',
    );
    assert.deepEqual([attributes.ObjectSize, attributes.Checksum.ChecksumCRC32C], [0, 'AAAAAA==']);
    assert.deepEqual((await api('get-object-tagging', '--key', 'k')).TagSet, [{ Key: 'a', Value: '1' }]);
    assert.equal((await api('delete-object', '--key', 'k')).DeleteMarker, true);
    const { Versions, DeleteMarkers } = await api('list-object-versions');
    assert.deepEqual([Versions.length, DeleteMarkers.length], [1, 1]);
  }),
);
