import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { eventually } from '../../support/eventually.ts';
import type { Call, Rig, Scenario } from '../scenario.ts';

const OWNER = { ID: '0'.repeat(64), DisplayName: 'millrace' };
const MIB = 1 << 20;

/** What HEAD answers has no body to tell a code in: one client has a name for it, the others have the status. */
const NOT_FOUND = { name: /^(NotFound|404)$/ };

export const s3: Scenario = {
  service: 's3',
  departures: {
    'GetBucketNotificationConfiguration.QueueConfigurations[].Filter.Key.FilterRules[].Name':
      'Prefix and Suffix; the model has them in lower case',
  },
  refused: { GetBucketReplication: 'buckets are not copied to others: S3 answers so where no replication is set' },
  async run(rig) {
    await buckets(rig);
    await appearance(rig);
    await lifecycles(rig);
    await access(rig);
    await lists(rig);
    await objects(rig);
    await copies(rig);
    await listings(rig);
    await versions(rig);
    await locks(rig);
    await uploads(rig);
    await notifications(rig);
  },
};

async function buckets({ call, name }: Rig): Promise<void> {
  const [Bucket, far] = [name('buckets'), name('far')];
  assert.equal((await call('CreateBucket', { Bucket })).Location, `/${Bucket}`);
  await call('CreateBucket', { Bucket: far, CreateBucketConfiguration: { LocationConstraint: 'eu-west-1' } });
  await assert.rejects(call('CreateBucket', { Bucket: 'Not_A_Name' }), { name: 'InvalidBucketName' });
  // Null stands for the first region; some clients answer it as no member.
  assert.equal((await call('GetBucketLocation', { Bucket })).LocationConstraint ?? null, null);
  assert.equal((await call('GetBucketLocation', { Bucket: far })).LocationConstraint, 'eu-west-1');
  const listed = await call('ListBuckets');
  assert.deepEqual(listed.Owner, OWNER);
  const found = listed.Buckets.filter(({ Name }: any) => Name === Bucket || Name === far);
  assert.deepEqual(
    found.map(({ Name }: any) => Name),
    [Bucket, far],
  );
  assert.ok(found.every(({ CreationDate }: any) => Math.abs(Date.now() - CreationDate.getTime()) < 60_000));
  await call('HeadBucket', { Bucket });
  await assert.rejects(call('HeadBucket', { Bucket: name('none') }), NOT_FOUND);

  await call('PutObject', { Bucket: far, Key: 'k', Body: Buffer.from('x') });
  await assert.rejects(call('DeleteBucket', { Bucket: far }), { name: 'BucketNotEmpty' });
  await call('DeleteObject', { Bucket: far, Key: 'k' });
  assert.deepEqual(await call('DeleteBucket', { Bucket: far }), {});
  await assert.rejects(call('ListObjectsV2', { Bucket: far }), { name: 'NoSuchBucket' });
  await call('DeleteBucket', { Bucket });
}

/** How a bucket's objects are kept and shown. */
async function appearance({ call, name }: Rig): Promise<void> {
  const Bucket = name('appearance');
  await call('CreateBucket', { Bucket });
  const TagSet = [
    { Key: 'line', Value: 'größer: a+b=c / d@e' },
    { Key: 'shift', Value: '' },
  ];
  await call('PutBucketTagging', { Bucket, Tagging: { TagSet } });
  assert.deepEqual(await call('GetBucketTagging', { Bucket }), { TagSet });
  assert.deepEqual(await call('DeleteBucketTagging', { Bucket }), {});
  await assert.rejects(call('GetBucketTagging', { Bucket }), { name: 'NoSuchTagSet' });

  const encryption = async () =>
    (await call('GetBucketEncryption', { Bucket })).ServerSideEncryptionConfiguration.Rules;
  const rule = (BucketKeyEnabled: boolean) => ({
    ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' },
    BucketKeyEnabled,
  });
  assert.deepEqual(await encryption(), [rule(false)]);
  const ServerSideEncryptionConfiguration = { Rules: [rule(true)] };
  await call('PutBucketEncryption', { Bucket, ServerSideEncryptionConfiguration });
  assert.deepEqual(await encryption(), [rule(true)]);
  await call('DeleteBucketEncryption', { Bucket });
  assert.deepEqual(await encryption(), [rule(false)]);

  const CORSRules = [
    {
      ...{
        ID: 'site',
        AllowedHeaders: ['*'],
        AllowedMethods: ['GET', 'PUT'],
        AllowedOrigins: ['https://*.example.com'],
      },
      ...{ ExposeHeaders: ['ETag'], MaxAgeSeconds: 600 },
    },
    { AllowedMethods: ['HEAD'], AllowedOrigins: ['*'] },
  ];
  await call('PutBucketCors', { Bucket, CORSConfiguration: { CORSRules } });
  assert.deepEqual(await call('GetBucketCors', { Bucket }), { CORSRules });
  await call('DeleteBucketCors', { Bucket });
  await assert.rejects(call('GetBucketCors', { Bucket }), { name: 'NoSuchCORSConfiguration' });

  const WebsiteConfiguration = {
    ...{ IndexDocument: { Suffix: 'index.html' }, ErrorDocument: { Key: 'error.html' } },
    RoutingRules: [
      { Condition: { KeyPrefixEquals: 'old/' }, Redirect: { ReplaceKeyPrefixWith: 'new/', HttpRedirectCode: '302' } },
    ],
  };
  await call('PutBucketWebsite', { Bucket, WebsiteConfiguration });
  assert.deepEqual(await call('GetBucketWebsite', { Bucket }), WebsiteConfiguration);
  await call('DeleteBucketWebsite', { Bucket });
  await assert.rejects(call('GetBucketWebsite', { Bucket }), { name: 'NoSuchWebsiteConfiguration' });

  assert.deepEqual(await call('GetBucketAccelerateConfiguration', { Bucket }), {});
  assert.deepEqual(await call('GetBucketLogging', { Bucket }), {});
  assert.deepEqual(await call('GetBucketRequestPayment', { Bucket }), { Payer: 'BucketOwner' });
  await assert.rejects(call('GetBucketReplication', { Bucket }), { name: 'ReplicationConfigurationNotFoundError' });
}

async function lifecycles({ call, name }: Rig): Promise<void> {
  const Bucket = name('lifecycles');
  await call('CreateBucket', { Bucket });
  const Rules = [
    {
      ...{ ID: 'old', Status: 'Enabled', Filter: { Prefix: 'logs/' }, Expiration: { Days: 30 } },
      ...{
        NoncurrentVersionExpiration: { NoncurrentDays: 7 },
        AbortIncompleteMultipartUpload: { DaysAfterInitiation: 2 },
      },
    },
    {
      ...{ ID: 'then', Status: 'Disabled', Expiration: { Date: new Date('2030-01-01T00:00:00Z') } },
      Filter: { And: { Prefix: 'tmp/', Tags: [{ Key: 'kind', Value: 'scratch' }], ObjectSizeGreaterThan: 10 } },
    },
  ];
  await call('PutBucketLifecycleConfiguration', { Bucket, LifecycleConfiguration: { Rules } });
  const got = await call('GetBucketLifecycleConfiguration', { Bucket });
  assert.deepEqual(got.Rules, Rules);
  const put = await call('PutObject', { Bucket, Key: 'logs/1', Body: Buffer.from('line') });
  assert.match(put.Expiration, /rule-id="old"/);
  await call('DeleteBucketLifecycle', { Bucket });
  await assert.rejects(call('GetBucketLifecycleConfiguration', { Bucket }), { name: 'NoSuchLifecycleConfiguration' });
}

/** Who may reach a bucket, by policy. */
async function access({ call, name }: Rig): Promise<void> {
  const Bucket = name('access');
  await call('CreateBucket', { Bucket });
  const blocked = async () => (await call('GetPublicAccessBlock', { Bucket })).PublicAccessBlockConfiguration;
  const all = ['BlockPublicAcls', 'IgnorePublicAcls', 'BlockPublicPolicy', 'RestrictPublicBuckets'];
  const only = (...set: readonly string[]) => Object.fromEntries(all.map((one) => [one, set.includes(one)]));
  assert.deepEqual(await blocked(), only(...all));
  const Policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: `arn:aws:s3:::${Bucket}/*` }],
  });
  await assert.rejects(call('PutBucketPolicy', { Bucket, Policy }), { name: 'AccessDenied' });
  await call('PutPublicAccessBlock', { Bucket, PublicAccessBlockConfiguration: only('BlockPublicAcls') });
  assert.deepEqual(await blocked(), only('BlockPublicAcls'));
  assert.deepEqual(await call('PutBucketPolicy', { Bucket, Policy }), {});
  assert.deepEqual(await call('GetBucketPolicy', { Bucket }), { Policy });
  assert.deepEqual(await call('GetBucketPolicyStatus', { Bucket }), { PolicyStatus: { IsPublic: true } });
  await call('DeleteBucketPolicy', { Bucket });
  await assert.rejects(call('GetBucketPolicy', { Bucket }), { name: 'NoSuchBucketPolicy' });
  await call('DeletePublicAccessBlock', { Bucket });
  await assert.rejects(blocked(), { name: 'NoSuchPublicAccessBlockConfiguration' });
}

/** Who may reach a bucket and its objects, by list. */
async function lists({ call, name }: Rig): Promise<void> {
  const [Bucket, Key] = [name('lists'), 'k'];
  await call('CreateBucket', { Bucket });
  const own = { Grantee: { ...OWNER, Type: 'CanonicalUser' }, Permission: 'FULL_CONTROL' };
  const everyone = (Permission: string) => ({
    Grantee: { Type: 'Group', URI: 'http://acs.amazonaws.com/groups/global/AllUsers' },
    Permission,
  });
  assert.deepEqual(await call('GetBucketAcl', { Bucket }), { Owner: OWNER, Grants: [own] });
  await call('PutObject', { Bucket, Key, Body: Buffer.from('x') });
  await assert.rejects(call('PutObjectAcl', { Bucket, Key, ACL: 'public-read' }), {
    name: 'AccessControlListNotSupported',
  });
  const controls = async () => (await call('GetBucketOwnershipControls', { Bucket })).OwnershipControls.Rules;
  assert.deepEqual(await controls(), [{ ObjectOwnership: 'BucketOwnerEnforced' }]);
  const OwnershipControls = { Rules: [{ ObjectOwnership: 'ObjectWriter' }] };
  await call('PutBucketOwnershipControls', { Bucket, OwnershipControls });
  assert.deepEqual(await controls(), OwnershipControls.Rules);
  await call('DeletePublicAccessBlock', { Bucket });

  await call('PutBucketAcl', { Bucket, ACL: 'public-read' });
  assert.deepEqual((await call('GetBucketAcl', { Bucket })).Grants, [own, everyone('READ')]);
  const AccessControlPolicy = { Owner: OWNER, Grants: [own, everyone('READ_ACP')] };
  await call('PutObjectAcl', { Bucket, Key, AccessControlPolicy });
  assert.deepEqual(await call('GetObjectAcl', { Bucket, Key }), AccessControlPolicy);
  await call('PutObjectAcl', { Bucket, Key, GrantRead: 'uri="http://acs.amazonaws.com/groups/global/AllUsers"' });
  assert.deepEqual((await call('GetObjectAcl', { Bucket, Key })).Grants, [everyone('READ')]);
  await call('PutBucketAcl', { Bucket, ACL: 'private' });
  await call('DeleteBucketOwnershipControls', { Bucket });
  await assert.rejects(controls(), { name: 'OwnershipControlsNotFoundError' });
}

async function objects({ call, name }: Rig): Promise<void> {
  const [Bucket, Key] = [name('objects'), 'ordner/größe +&.bin'];
  await call('CreateBucket', { Bucket });
  const Body = Buffer.from([...Array(256).keys()]);
  const headers = {
    ...{
      ContentType: 'application/x-plant',
      ContentLanguage: 'de',
      ContentDisposition: 'attachment; filename="a.bin"',
    },
    ...{
      CacheControl: 'max-age=60',
      Expires: new Date('2031-02-03T04:05:06Z'),
      Metadata: { line: '7', shift: 'night' },
    },
  };
  const sum = createHash('sha256').update(Body).digest('base64');
  const tagging = { Tagging: 'a=1&b=%C3%BC', ChecksumAlgorithm: 'SHA256', StorageClass: 'STANDARD_IA' };
  const put = await call('PutObject', { Bucket, Key, Body, ...headers, ...tagging });
  const ETag = `"${createHash('md5').update(Body).digest('hex')}"`;
  assert.deepEqual([put.ETag, put.ChecksumSHA256, put.ServerSideEncryption], [ETag, sum, 'AES256']);

  const got = await call('GetObject', { Bucket, Key, ChecksumMode: 'ENABLED' });
  assert.deepEqual(got.Body, Body);
  const head = await call('HeadObject', { Bucket, Key, ChecksumMode: 'ENABLED' });
  for (const answer of [got, head]) {
    for (const [member, value] of Object.entries(headers)) assert.deepEqual(answer[member], value, member);
    assert.deepEqual([answer.ContentLength, answer.ETag, answer.ChecksumSHA256], [256, ETag, sum]);
    assert.deepEqual([answer.AcceptRanges, answer.StorageClass], ['bytes', 'STANDARD_IA']);
    assert.ok(Math.abs(Date.now() - answer.LastModified.getTime()) < 60_000);
  }
  assert.equal(got.TagCount, 2);
  const range = await call('GetObject', { Bucket, Key, Range: 'bytes=-6', ResponseContentType: 'text/plain' });
  assert.deepEqual(range.Body, Body.subarray(-6));
  assert.deepEqual([range.ContentRange, range.ContentType], ['bytes 250-255/256', 'text/plain']);
  const asked = { Bucket, Key, ObjectAttributes: ['ETag', 'Checksum', 'ObjectSize', 'StorageClass'] };
  const attributes = await call('GetObjectAttributes', asked);
  assert.deepEqual(
    [attributes.ETag, attributes.Checksum.ChecksumSHA256, attributes.ObjectSize, attributes.StorageClass],
    [ETag.slice(1, -1), sum, 256, 'STANDARD_IA'],
  );

  await assert.rejects(call('HeadObject', { Bucket, Key, IfNoneMatch: ETag }), { name: '304' });
  await assert.rejects(call('GetObject', { Bucket, Key, IfMatch: '"other"' }), { name: 'PreconditionFailed' });
  await assert.rejects(call('GetObject', { Bucket, Key: 'none' }), { name: 'NoSuchKey' });
  await assert.rejects(call('GetObject', { Bucket, Key, Range: 'bytes=300-' }), { name: 'InvalidRange' });

  const customer = { SSECustomerAlgorithm: 'AES256', SSECustomerKey: 'k'.repeat(32) };
  const secret = { Bucket, Key: 'secret' };
  await call('PutObject', { ...secret, Body, ...customer });
  assert.deepEqual((await call('GetObject', { ...secret, ...customer })).Body, Body);
  await assert.rejects(call('GetObject', secret), { name: 'InvalidRequest' });

  const TagSet = [{ Key: 'c', Value: 'größer: a+b=c / d@e' }];
  assert.deepEqual(setOf(await call('GetObjectTagging', { Bucket, Key })), { a: '1', b: 'ü' });
  await call('PutObjectTagging', { Bucket, Key, Tagging: { TagSet } });
  assert.deepEqual((await call('GetObjectTagging', { Bucket, Key })).TagSet, TagSet);
  await call('DeleteObjectTagging', { Bucket, Key });
  assert.deepEqual((await call('GetObjectTagging', { Bucket, Key })).TagSet, []);
  const empty = await call('PutObject', { Bucket, Key: 'empty' });
  assert.equal(empty.ETag, `"${createHash('md5').digest('hex')}"`);
  assert.deepEqual((await call('GetObject', { Bucket, Key: 'empty' })).Body, Buffer.alloc(0));
}

async function copies({ call, name }: Rig): Promise<void> {
  const Bucket = name('copies');
  await call('CreateBucket', { Bucket });
  const Body = Buffer.from('copied');
  const { ETag } = await call('PutObject', { Bucket, Key: 'a', Body, ContentType: 'text/plain', Metadata: { m: '1' } });
  const CopySource = `${Bucket}/a`;
  const { CopyObjectResult } = await call('CopyObject', { Bucket, Key: 'b', CopySource });
  assert.equal(CopyObjectResult.ETag, ETag);
  assert.ok(Math.abs(Date.now() - CopyObjectResult.LastModified.getTime()) < 60_000);
  const copied = await call('GetObject', { Bucket, Key: 'b' });
  assert.deepEqual([copied.Body, copied.ContentType, copied.Metadata], [Body, 'text/plain', { m: '1' }]);
  const replaced = { Bucket, Key: 'a', CopySource, MetadataDirective: 'REPLACE', Metadata: { m: '2' } };
  await call('CopyObject', replaced);
  assert.deepEqual((await call('HeadObject', { Bucket, Key: 'a' })).Metadata, { m: '2' });
  await assert.rejects(call('CopyObject', { Bucket, Key: 'a', CopySource }), { name: 'InvalidRequest' });
  const changed = { Bucket, Key: 'c', CopySource, CopySourceIfNoneMatch: ETag };
  await assert.rejects(call('CopyObject', changed), { name: 'PreconditionFailed' });

  const Objects = [{ Key: 'a' }, { Key: 'b' }, { Key: 'never there' }];
  assert.deepEqual(await call('DeleteObjects', { Bucket, Delete: { Objects } }), { Deleted: Objects });
  await assert.rejects(call('HeadObject', { Bucket, Key: 'a' }), NOT_FOUND);
  assert.deepEqual(await call('DeleteObject', { Bucket, Key: 'a' }), {});
}

async function listings({ call, name }: Rig): Promise<void> {
  const Bucket = name('listings');
  await call('CreateBucket', { Bucket });
  const keys = ['a', 'd/1', 'd/2', 'e ü+&<>', 'f'];
  for (const Key of keys) await call('PutObject', { Bucket, Key, Body: Buffer.from(Key) });

  const all = await call('ListObjectsV2', { Bucket, FetchOwner: true });
  assert.deepEqual(keysOf(all), keys);
  assert.deepEqual([all.Name, all.KeyCount, all.MaxKeys, all.IsTruncated], [Bucket, 5, 1000, false]);
  const { Size, ETag, StorageClass, Owner, LastModified } = all.Contents[3];
  assert.deepEqual(
    { Size, ETag, StorageClass, Owner },
    {
      ...{ Size: Buffer.byteLength(keys[3]!), ETag: `"${createHash('md5').update(keys[3]!).digest('hex')}"` },
      ...{ StorageClass: 'STANDARD', Owner: OWNER },
    },
  );
  assert.ok(Math.abs(Date.now() - LastModified.getTime()) < 60_000);

  const wish = { Bucket, Delimiter: '/', MaxKeys: 2 };
  const first = await call('ListObjectsV2', wish);
  const { NextContinuationToken: ContinuationToken } = first;
  const rest = await call('ListObjectsV2', { ...wish, ContinuationToken });
  assert.deepEqual([first, rest].map(keysOf), [['a'], keys.slice(3)]);
  assert.deepEqual([first.CommonPrefixes, first.IsTruncated, rest.IsTruncated], [[{ Prefix: 'd/' }], true, false]);
  assert.deepEqual(keysOf(await call('ListObjectsV2', { Bucket, StartAfter: 'd/1', Prefix: 'd/' })), ['d/2']);

  const page = await call('ListObjects', wish);
  assert.deepEqual([keysOf(page), page.NextMarker], [['a'], 'd/']);
  assert.deepEqual(keysOf(await call('ListObjects', { ...wish, Marker: page.NextMarker })), keys.slice(3));
  assert.deepEqual(keysOf(await call('ListObjects', { Bucket, Prefix: 'none' })), []);
}

async function versions({ call, name }: Rig): Promise<void> {
  const [Bucket, Key] = [name('versions'), 'k'];
  await call('CreateBucket', { Bucket });
  assert.deepEqual(await call('GetBucketVersioning', { Bucket }), {});
  await call('PutBucketVersioning', { Bucket, VersioningConfiguration: { Status: 'Enabled' } });
  assert.deepEqual(await call('GetBucketVersioning', { Bucket }), { Status: 'Enabled' });
  const put = async (text: string) => (await call('PutObject', { Bucket, Key, Body: Buffer.from(text) })).VersionId;
  const [one, two] = [await put('one'), await put('two')];
  const { VersionId: marker, DeleteMarker } = await call('DeleteObject', { Bucket, Key });
  assert.equal(DeleteMarker, true);
  await assert.rejects(call('GetObject', { Bucket, Key }), { name: 'NoSuchKey' });
  const first = await call('GetObject', { Bucket, Key, VersionId: one });
  assert.deepEqual([first.Body, first.VersionId], [Buffer.from('one'), one]);

  const listed = await call('ListObjectVersions', { Bucket });
  assert.deepEqual(
    listed.Versions.map(({ VersionId, IsLatest, Size }: any) => ({ VersionId, IsLatest, Size })),
    [two, one].map((VersionId) => ({ VersionId, IsLatest: false, Size: 3 })),
  );
  assert.deepEqual(
    listed.DeleteMarkers.map((mark: any) => [mark.Key, mark.VersionId, mark.IsLatest]),
    [[Key, marker, true]],
  );
  const page = await call('ListObjectVersions', { Bucket, MaxKeys: 2 });
  const { NextKeyMarker: KeyMarker, NextVersionIdMarker: VersionIdMarker } = page;
  const rest = await call('ListObjectVersions', { Bucket, KeyMarker, VersionIdMarker });
  assert.deepEqual([page.IsTruncated, rest.Versions.map((each: any) => each.VersionId)], [true, [one]]);

  const Objects = [
    { Key, VersionId: marker },
    { Key, VersionId: two },
  ];
  const { Deleted } = await call('DeleteObjects', { Bucket, Delete: { Objects } });
  assert.deepEqual(Deleted, [{ ...Objects[0], DeleteMarker: true, DeleteMarkerVersionId: marker }, Objects[1]]);
  assert.deepEqual((await call('GetObject', { Bucket, Key })).Body, Buffer.from('one'));
}

async function locks({ call, name }: Rig): Promise<void> {
  const [Bucket, Key] = [name('locks'), 'k'];
  await call('CreateBucket', { Bucket, ObjectLockEnabledForBucket: true });
  const configuration = async () => (await call('GetObjectLockConfiguration', { Bucket })).ObjectLockConfiguration;
  assert.deepEqual(await configuration(), { ObjectLockEnabled: 'Enabled' });
  const ObjectLockConfiguration = {
    ObjectLockEnabled: 'Enabled',
    Rule: { DefaultRetention: { Mode: 'GOVERNANCE', Days: 1 } },
  };
  await call('PutObjectLockConfiguration', { Bucket, ObjectLockConfiguration });
  assert.deepEqual(await configuration(), ObjectLockConfiguration);

  const { VersionId } = await call('PutObject', { Bucket, Key, Body: Buffer.from('x'), ChecksumAlgorithm: 'SHA256' });
  const head = await call('HeadObject', { Bucket, Key });
  assert.equal(head.ObjectLockMode, 'GOVERNANCE');
  const hours = (head.ObjectLockRetainUntilDate.getTime() - Date.now()) / 3_600_000;
  assert.ok(hours > 23 && hours <= 24, `${hours} hours`);
  const Retention = { Mode: 'GOVERNANCE', RetainUntilDate: new Date('2040-01-01T00:00:00Z') };
  await call('PutObjectRetention', { Bucket, Key, Retention });
  assert.deepEqual(await call('GetObjectRetention', { Bucket, Key }), { Retention });
  await assert.rejects(call('DeleteObject', { Bucket, Key, VersionId }), { name: 'AccessDenied' });
  await call('PutObjectLegalHold', { Bucket, Key, LegalHold: { Status: 'ON' } });
  assert.deepEqual(await call('GetObjectLegalHold', { Bucket, Key }), { LegalHold: { Status: 'ON' } });
  const bypassing = { Bucket, Key, VersionId, BypassGovernanceRetention: true };
  await assert.rejects(call('DeleteObject', bypassing), { name: 'AccessDenied' });
  await call('PutObjectLegalHold', { Bucket, Key, LegalHold: { Status: 'OFF' } });
  assert.equal((await call('DeleteObject', bypassing)).VersionId, VersionId);
}

async function uploads({ call, knows, name }: Rig): Promise<void> {
  const [Bucket, Key] = [name('uploads'), 'whole'];
  await call('CreateBucket', { Bucket });
  const begun = { Bucket, Key, ContentType: 'text/plain', ChecksumAlgorithm: 'SHA256', Metadata: { m: '1' } };
  const { UploadId, ...made } = await call('CreateMultipartUpload', begun);
  assert.deepEqual([made.Bucket, made.Key, made.ChecksumAlgorithm], [Bucket, Key, 'SHA256']);
  const upload = { Bucket, Key, UploadId };
  const large = Buffer.alloc(5 * MIB, 'large ');
  const one = await call('UploadPart', { ...upload, PartNumber: 1, Body: large, ChecksumAlgorithm: 'SHA256' });
  assert.equal(one.ETag, `"${createHash('md5').update(large).digest('hex')}"`);
  assert.equal(one.ChecksumSHA256, createHash('sha256').update(large).digest('base64'));
  await call('PutObject', { Bucket, Key: 'source', Body: Buffer.from('0123456789') });
  const source = { CopySource: `${Bucket}/source`, CopySourceRange: 'bytes=2-5' };
  const { CopyPartResult: two } = await call('UploadPartCopy', { ...upload, PartNumber: 2, ...source });
  assert.equal(two.ETag, `"${createHash('md5').update('2345').digest('hex')}"`);

  const first = await call('ListParts', { ...upload, MaxParts: 1 });
  const rest = await call('ListParts', { ...upload, PartNumberMarker: first.NextPartNumberMarker });
  assert.deepEqual(
    [...first.Parts, ...rest.Parts].map(({ PartNumber, ETag, Size }: any) => ({ PartNumber, ETag, Size })),
    [
      { PartNumber: 1, ETag: one.ETag, Size: large.length },
      { PartNumber: 2, ETag: two.ETag, Size: 4 },
    ],
  );
  const under = await call('ListMultipartUploads', { Bucket, Prefix: 'wh' });
  assert.deepEqual(
    under.Uploads.map((each: any) => [each.Key, each.UploadId, each.Owner]),
    [[Key, UploadId, OWNER]],
  );
  const Parts = [one, two].map(({ ETag, ChecksumSHA256 }, at) => ({ PartNumber: at + 1, ETag, ChecksumSHA256 }));
  const completing = { ...upload, MultipartUpload: { Parts } };
  const whole = await call('CompleteMultipartUpload', completing);
  const digests = [large, Buffer.from('2345')].map((part) => createHash('md5').update(part).digest());
  assert.equal(whole.ETag, `"${createHash('md5').update(Buffer.concat(digests)).digest('hex')}-2"`);
  assert.deepEqual([whole.Bucket, whole.Key], [Bucket, Key]);
  assert.match(whole.ChecksumSHA256, /-2$/);
  const last = await call('GetObject', { Bucket, Key, PartNumber: 2 });
  assert.deepEqual([last.Body, last.PartsCount, last.ContentType], [Buffer.from('2345'), 2, 'text/plain']);

  const dropped = { Bucket, Key: 'dropped' };
  const { UploadId: id } = await call('CreateMultipartUpload', dropped);
  if (await knows('AbortMultipartUpload', 'IfMatchInitiatedTime')) {
    const condition = { ...dropped, UploadId: id, IfMatchInitiatedTime: new Date() };
    await assert.rejects(call('AbortMultipartUpload', condition), { name: 'NotImplemented' });
  }
  assert.deepEqual(await call('AbortMultipartUpload', { ...dropped, UploadId: id }), {});
  await assert.rejects(call('ListParts', { ...dropped, UploadId: id }), { name: 'NoSuchUpload' });
}

async function notifications({ call, name, of }: Rig): Promise<void> {
  const Bucket = name('notifications');
  await call('CreateBucket', { Bucket });
  const QueueArn = `arn:aws:sqs:us-east-1:000000000000:${Bucket}`;
  const Principal = { Service: 's3.amazonaws.com' };
  const Policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal, Action: 'sqs:SendMessage', Resource: QueueArn }],
  });
  const { QueueUrl } = await of('sqs')('CreateQueue', { QueueName: Bucket, Attributes: { Policy } });
  const rules = (prefix: string, suffix: string) => ({
    Key: {
      FilterRules: [
        { Name: prefix, Value: 'in/' },
        { Name: suffix, Value: '.json' },
      ],
    },
  });
  const Events = ['s3:ObjectCreated:*', 's3:ObjectRemoved:Delete'];
  const arrivals = { Id: 'arrivals', QueueArn, Events };
  const QueueConfigurations = [{ ...arrivals, Filter: rules('prefix', 'suffix') }];
  const missing = { QueueConfigurations: [{ QueueArn: `${QueueArn}-none`, Events }] };
  await assert.rejects(call('PutBucketNotificationConfiguration', { Bucket, NotificationConfiguration: missing }), {
    name: 'InvalidArgument',
  });
  await call('PutBucketNotificationConfiguration', { Bucket, NotificationConfiguration: { QueueConfigurations } });
  assert.deepEqual(await call('GetBucketNotificationConfiguration', { Bucket }), {
    QueueConfigurations: [{ ...arrivals, Filter: rules('Prefix', 'Suffix') }],
  });
  await call('PutObject', { Bucket, Key: 'out/1.json', Body: Buffer.from('{}') });
  await call('PutObject', { Bucket, Key: 'in/1.json', Body: Buffer.from('{}') });
  assert.deepEqual(await told(of('sqs'), QueueUrl, 2), ['s3:TestEvent', 'ObjectCreated:Put in/1.json']);
}

/** What a queue was told of a bucket, until it is as much as expected. */
async function told(sqs: Call, QueueUrl: string, count: number): Promise<readonly string[]> {
  const found: string[] = [];
  await eventually(
    async () => {
      const { Messages = [] } = await sqs('ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 10 });
      for (const { Body } of Messages) {
        const { Event, Records = [] } = JSON.parse(Body);
        if (Event !== undefined) found.push(Event);
        for (const { eventName, s3: bucket } of Records) found.push(`${eventName} ${bucket.object.key}`);
      }
    },
    () => found.length >= count,
  );
  return found;
}

function keysOf({ Contents = [] }: { readonly Contents?: readonly { readonly Key: string }[] }): readonly string[] {
  return Contents.map(({ Key }) => Key);
}

function setOf({ TagSet }: { readonly TagSet: readonly { readonly Key: string; readonly Value: string }[] }) {
  return Object.fromEntries(TagSet.map(({ Key, Value }) => [Key, Value]));
}
