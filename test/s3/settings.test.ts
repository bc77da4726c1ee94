import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as s3 from '@aws-sdk/client-s3';
import { clientOptions, type TestWire } from '../wire/support.ts';
import { withS3 } from './support.ts';

const Bucket = 'settings-bucket';

async function withBucket(run: (client: s3.S3, wire: TestWire) => Promise<void>): Promise<void> {
  await withS3(async (wire) => {
    const client = new s3.S3({ ...clientOptions(wire), forcePathStyle: true });
    await client.createBucket({ Bucket });
    await run(client, wire);
    client.destroy();
  });
}

/** The code and message that a call fails with. */
async function failure(call: Promise<unknown>): Promise<readonly [string, string]> {
  const error = await call.then(
    () => assert.fail('no error'),
    (error: Error) => error,
  );
  return [error.name, error.message];
}

const MALFORMED = 'The XML you provided was not well-formed or did not validate against our published schema';

test('each setting is given back as it was put, and missing ones are missed by their own names', () =>
  withBucket(async (client) => {
    const CORSRules = [
      { ID: 'one', AllowedMethods: ['GET', 'PUT'], AllowedOrigins: ['https://*.example.com'], MaxAgeSeconds: 60 },
      { AllowedMethods: ['POST'], AllowedOrigins: ['*'], AllowedHeaders: ['x-*'], ExposeHeaders: ['ETag'] },
    ];
    assert.deepEqual(await failure(client.getBucketCors({ Bucket })), [
      'NoSuchCORSConfiguration',
      'The CORS configuration does not exist',
    ]);
    await client.putBucketCors({ Bucket, CORSConfiguration: { CORSRules } });
    assert.deepEqual((await client.getBucketCors({ Bucket })).CORSRules, CORSRules);
    await client.deleteBucketCors({ Bucket });
    assert.equal((await failure(client.getBucketCors({ Bucket })))[0], 'NoSuchCORSConfiguration');

    const IndexDocument = { Suffix: 'index.html' };
    const RoutingRules = [
      { Condition: { KeyPrefixEquals: 'docs/' }, Redirect: { ReplaceKeyPrefixWith: 'documents/' } },
    ];
    assert.equal((await failure(client.getBucketWebsite({ Bucket })))[0], 'NoSuchWebsiteConfiguration');
    await client.putBucketWebsite({ Bucket, WebsiteConfiguration: { IndexDocument, RoutingRules } });
    const { $metadata: _, ...website } = await client.getBucketWebsite({ Bucket });
    assert.deepEqual(website, { IndexDocument, RoutingRules });

    assert.equal(
      (await failure(client.getBucketLifecycleConfiguration({ Bucket })))[0],
      'NoSuchLifecycleConfiguration',
    );
    const Rules: s3.LifecycleRule[] = [
      {
        ID: 'old',
        Status: 'Enabled',
        Filter: { And: { Prefix: 'logs/', Tags: [{ Key: 'k', Value: 'v' }], ObjectSizeGreaterThan: 10 } },
        Expiration: { Days: 30 },
        NoncurrentVersionExpiration: { NoncurrentDays: 3, NewerNoncurrentVersions: 2 },
        Transitions: [{ Days: 5, StorageClass: 'STANDARD_IA' }],
      },
      { ID: 'at', Status: 'Disabled', Filter: { Prefix: '' }, Expiration: { Date: new Date('2030-01-01T00:00:00Z') } },
      { ID: 'parts', Status: 'Enabled', Filter: {}, AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 } },
    ];
    await client.putBucketLifecycleConfiguration({ Bucket, LifecycleConfiguration: { Rules } });
    const lifecycle = async () => {
      const { Rules: rules, TransitionDefaultMinimumObjectSize: size } = await client.getBucketLifecycleConfiguration({
        Bucket,
      });
      return { rules, size };
    };
    assert.deepEqual(await lifecycle(), { rules: Rules, size: 'all_storage_classes_128K' });
    const varies = { TransitionDefaultMinimumObjectSize: 'varies_by_storage_class' } as const;
    const put = await client.putBucketLifecycleConfiguration({ Bucket, LifecycleConfiguration: { Rules }, ...varies });
    assert.equal(put.TransitionDefaultMinimumObjectSize, 'varies_by_storage_class');
    assert.deepEqual(await lifecycle(), { rules: Rules, size: 'varies_by_storage_class' });

    assert.equal((await client.getBucketVersioning({ Bucket })).Status, undefined);
    assert.equal(
      (await failure(client.getObjectLockConfiguration({ Bucket })))[0],
      'ObjectLockConfigurationNotFoundError',
    );
    const lock = { ObjectLockEnabled: 'Enabled', Rule: { DefaultRetention: { Mode: 'GOVERNANCE', Days: 5 } } } as const;
    assert.deepEqual(await failure(client.putObjectLockConfiguration({ Bucket, ObjectLockConfiguration: lock })), [
      'InvalidBucketState',
      "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration",
    ]);
    await client.putBucketVersioning({ Bucket, VersioningConfiguration: { Status: 'Enabled' } });
    assert.equal((await client.getBucketVersioning({ Bucket })).Status, 'Enabled');
    await client.putObjectLockConfiguration({ Bucket, ObjectLockConfiguration: lock });
    assert.deepEqual((await client.getObjectLockConfiguration({ Bucket })).ObjectLockConfiguration, lock);
    const suspended = client.putBucketVersioning({ Bucket, VersioningConfiguration: { Status: 'Suspended' } });
    assert.equal((await failure(suspended))[0], 'InvalidBucketState');

    assert.equal((await client.getBucketRequestPayment({ Bucket })).Payer, 'BucketOwner');
    assert.equal((await failure(client.getBucketReplication({ Bucket })))[0], 'ReplicationConfigurationNotFoundError');
    assert.equal((await failure(client.getBucketCors({ Bucket: 'not-there' })))[0], 'NoSuchBucket');
  }));

test('settings that mean nothing are refused in the words of S3', () =>
  withBucket(async (client) => {
    const cors = (rule: Partial<s3.CORSRule>) =>
      failure(
        client.putBucketCors({
          Bucket,
          CORSConfiguration: { CORSRules: [{ AllowedMethods: ['GET'], AllowedOrigins: ['*'], ...rule }] },
        }),
      );
    assert.deepEqual(await cors({ AllowedMethods: ['PATCH'] }), [
      'InvalidRequest',
      'Found unsupported HTTP method in CORS config. Unsupported method is PATCH',
    ]);
    assert.deepEqual(await cors({ AllowedOrigins: ['http://*.*'] }), [
      'InvalidRequest',
      'AllowedOrigin "http://*.*" can not have more than one wildcard.',
    ]);
    assert.deepEqual(await cors({ ExposeHeaders: ['x-*'] }), [
      'InvalidRequest',
      'ExposeHeader "x-*" contains wildcard. We currently do not support wildcard for ExposeHeader.',
    ]);
    assert.deepEqual(await cors({ AllowedOrigins: [] }), ['MalformedXML', MALFORMED]);

    const lifecycle = (rule: Partial<s3.LifecycleRule>, more: readonly s3.LifecycleRule[] = []) =>
      failure(
        client.putBucketLifecycleConfiguration({
          Bucket,
          LifecycleConfiguration: { Rules: [{ ID: 'a', Status: 'Enabled', Filter: { Prefix: '' }, ...rule }, ...more] },
        }),
      );
    assert.deepEqual(await lifecycle({}), ['InvalidRequest', 'At least one action needs to be specified in a rule']);
    assert.deepEqual(await lifecycle({ Expiration: { Days: 0 } }), [
      'InvalidArgument',
      "'Days' for Expiration action must be a positive integer",
    ]);
    assert.deepEqual(await lifecycle({ Expiration: { Date: new Date('2030-01-01T01:00:00Z') } }), [
      'InvalidArgument',
      "'Date' must be at midnight GMT",
    ]);
    assert.equal((await lifecycle({ Expiration: { Days: 1, ExpiredObjectDeleteMarker: true } }))[0], 'MalformedXML');
    const twin: s3.LifecycleRule = { ID: 'a', Status: 'Enabled', Filter: { Prefix: 'x' }, Expiration: { Days: 1 } };
    assert.deepEqual(await lifecycle({ Expiration: { Days: 1 } }, [twin]), [
      'InvalidArgument',
      'Rule ID must be unique. Found same ID for more than one rule',
    ]);
    const tagged = { Filter: { Tag: { Key: 'k', Value: 'v' } } };
    assert.equal(
      (await lifecycle({ ...tagged, AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 } }))[1],
      'AbortIncompleteMultipartUpload cannot be specified with Tags',
    );
    assert.equal((await lifecycle({ Transitions: [{ Days: 1, StorageClass: 'GLACIER' }] }))[0], 'NotImplemented');

    const website = (WebsiteConfiguration: s3.WebsiteConfiguration) =>
      failure(client.putBucketWebsite({ Bucket, WebsiteConfiguration }));
    assert.deepEqual(await website({}), [
      'InvalidArgument',
      'A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty',
    ]);
    assert.equal(
      (await website({ IndexDocument: { Suffix: 'a/b' } }))[1],
      'The IndexDocument Suffix is not well formed',
    );
    const elsewhere = { HostName: 'example.com\r\nset-cookie: a=b' };
    assert.equal((await website({ RedirectAllRequestsTo: elsewhere }))[0], 'MalformedXML');

    const tags = (TagSet: s3.Tag[]) => failure(client.putBucketTagging({ Bucket, Tagging: { TagSet } }));
    assert.deepEqual(await tags([{ Key: 'aws:a', Value: '' }]), [
      'InvalidTag',
      'System tags cannot be added/updated by requester',
    ]);
    assert.equal((await tags([{ Key: 'k'.repeat(129), Value: '' }]))[1], 'The TagKey you have provided is invalid');
    const many = Array.from({ length: 51 }, (_, index) => ({ Key: `k${index}`, Value: 'v' }));
    assert.equal((await tags(many))[0], 'BadRequest');

    const versioning = { MFADelete: 'Enabled', Status: 'Enabled' } as const;
    const mfa = client.putBucketVersioning({ Bucket, VersioningConfiguration: versioning });
    assert.equal((await failure(mfa))[0], 'NotImplemented');
  }));

test('a new bucket is closed to the public until its owner opens it', () =>
  withBucket(async (client) => {
    const block = {
      BlockPublicAcls: true,
      IgnorePublicAcls: true,
      BlockPublicPolicy: true,
      RestrictPublicBuckets: true,
    };
    assert.deepEqual((await client.getPublicAccessBlock({ Bucket })).PublicAccessBlockConfiguration, block);
    const { OwnershipControls } = await client.getBucketOwnershipControls({ Bucket });
    assert.deepEqual(OwnershipControls?.Rules, [{ ObjectOwnership: 'BucketOwnerEnforced' }]);
    const statement = { Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: `arn:aws:s3:::${Bucket}/*` };
    const Policy = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
    const refused = await failure(client.putBucketPolicy({ Bucket, Policy }));
    assert.equal(refused[0], 'AccessDenied');
    assert.match(refused[1], /not authorized to perform: s3:PutBucketPolicy .*BlockPublicPolicy/);
    const narrow = { ...statement, Condition: { IpAddress: { 'aws:SourceIp': '10.1.0.0/16' } } };
    await client.putBucketPolicy({ Bucket, Policy: JSON.stringify({ Version: '2012-10-17', Statement: [narrow] }) });
    assert.equal((await client.getBucketPolicyStatus({ Bucket })).PolicyStatus?.IsPublic, false);
    assert.deepEqual(await failure(client.putBucketAcl({ Bucket, ACL: 'public-read' })), [
      'AccessControlListNotSupported',
      'The bucket does not allow ACLs',
    ]);

    await client.deletePublicAccessBlock({ Bucket });
    assert.equal((await failure(client.getPublicAccessBlock({ Bucket })))[0], 'NoSuchPublicAccessBlockConfiguration');
    await client.putBucketPolicy({ Bucket, Policy });
    assert.equal((await client.getBucketPolicyStatus({ Bucket })).PolicyStatus?.IsPublic, true);
    const rules = (ObjectOwnership: s3.ObjectOwnership) => ({
      Bucket,
      OwnershipControls: { Rules: [{ ObjectOwnership }] },
    });
    await client.putBucketOwnershipControls(rules('BucketOwnerPreferred'));
    await client.putBucketAcl({ Bucket, ACL: 'public-read' });
    const { Grants = [] } = await client.getBucketAcl({ Bucket });
    assert.deepEqual(
      Grants.map(({ Grantee, Permission }) => [Grantee?.Type, Grantee?.URI, Permission]),
      [
        ['CanonicalUser', undefined, 'FULL_CONTROL'],
        ['Group', 'http://acs.amazonaws.com/groups/global/AllUsers', 'READ'],
      ],
    );
    assert.deepEqual(await failure(client.putBucketOwnershipControls(rules('BucketOwnerEnforced'))), [
      'InvalidBucketAclWithObjectOwnership',
      "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
    ]);
    const stranger = { ID: 'f'.repeat(64), Type: 'CanonicalUser' } as const;
    const owner = (await client.getBucketAcl({ Bucket })).Owner!;
    const grant = { Grantee: stranger, Permission: 'READ' } as const;
    assert.deepEqual(
      await failure(client.putBucketAcl({ Bucket, AccessControlPolicy: { Owner: owner, Grants: [grant] } })),
      ['InvalidArgument', 'Invalid id'],
    );
  }));

test('a policy that could not be meant is refused, and one that runs away with patterns is not waited for', () =>
  withBucket(async (client) => {
    const put = (statement: object, more: object = {}) => {
      const base = { Effect: 'Deny', Principal: '*', Action: 's3:GetObject', Resource: `arn:aws:s3:::${Bucket}/*` };
      const document = { Version: '2012-10-17', Statement: [{ ...base, ...statement }], ...more };
      return failure(client.putBucketPolicy({ Bucket, Policy: JSON.stringify(document) }));
    };
    const problem = async (statement: object) => (await put(statement))[1];
    assert.equal(await problem({ Principal: undefined }), 'Missing required field Principal');
    assert.equal(await problem({ Principal: { AWS: 'somebody' } }), 'Invalid principal in policy');
    assert.equal(await problem({ Resource: 'arn:aws:s3:::other-bucket/*' }), 'Policy has invalid resource');
    assert.equal(await problem({ Action: 'sqs:SendMessage' }), 'Policy has invalid action');
    const reach = 'Action does not apply to any resource(s) in statement';
    assert.equal(await problem({ Resource: `arn:aws:s3:::${Bucket}` }), reach);
    assert.equal(await problem({ Action: 's3:ListBucket' }), reach);
    assert.equal(await problem({ Extra: 1 }), 'Unknown field Extra');
    const started = performance.now();
    assert.equal(await problem({ Resource: `arn:aws:s3:::${'*a'.repeat(8000)}` }), 'Policy has invalid resource');
    assert.ok(performance.now() - started < 1000);
    const [code, message] = await failure(client.putBucketPolicy({ Bucket, Policy: 'no json' }));
    assert.equal(code, 'MalformedPolicy');
    assert.equal(message, "Policies must be valid JSON and the first byte must be '{'");
  }));
