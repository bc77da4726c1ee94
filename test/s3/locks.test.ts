import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetObjectAclCommand,
  GetObjectLegalHoldCommand,
  GetObjectRetentionCommand,
  PutBucketOwnershipControlsCommand,
  PutObjectAclCommand,
  PutObjectLegalHoldCommand,
  PutObjectLockConfigurationCommand,
  PutObjectRetentionCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { systemClock } from '../../src/base/index.ts';
import { BUCKET, put, read, withBucket } from './support.ts';

const DAY_MS = 24 * 3600 * 1000;

/** The wall clock, moved by hand. */
function movedClock() {
  let ahead = 0;
  const clock = Object.create(systemClock, { now: { value: () => systemClock.now() + ahead } });
  return { clock, move: (ms: number) => (ahead += ms) };
}

const remove = (s3: S3Client, Key: string, more: object = {}) =>
  s3.send(new DeleteObjectCommand({ ...BUCKET, Key, ...more }));
const retain = (s3: S3Client, Retention: object, more: object = {}) =>
  s3.send(new PutObjectRetentionCommand({ ...BUCKET, Key: 'k', Retention, ...more }));
const inDays = (days: number) => new Date(Math.floor(Date.now() / 1000) * 1000 + days * DAY_MS);

test('a retained version is not deleted: governance by who may bypass it, compliance by nobody', () =>
  withBucket(
    async (s3) => {
      const until = inDays(2);
      const governed = { ObjectLockMode: 'GOVERNANCE', ObjectLockRetainUntilDate: until };
      const { VersionId } = await put(s3, 'k', 'x', governed);
      const shown = await read(s3, 'k');
      assert.deepEqual([shown.ObjectLockMode, +shown.ObjectLockRetainUntilDate!], ['GOVERNANCE', +until]);
      assert.equal((await remove(s3, 'k')).DeleteMarker, true, 'a marker takes nothing away');
      await assert.rejects(remove(s3, 'k', { VersionId }), {
        name: 'AccessDenied',
        message: 'Access Denied because object protected by object lock.',
      });
      await remove(s3, 'k', { VersionId, BypassGovernanceRetention: true });

      const second = await put(s3, 'k', 'y', { ...governed, ObjectLockMode: 'COMPLIANCE' });
      await assert.rejects(remove(s3, 'k', { VersionId: second.VersionId, BypassGovernanceRetention: true }), {
        name: 'AccessDenied',
      });
      const shorter = { Mode: 'COMPLIANCE', RetainUntilDate: inDays(1) };
      await assert.rejects(retain(s3, shorter, { BypassGovernanceRetention: true }), { name: 'AccessDenied' });
      const longer = { Mode: 'COMPLIANCE', RetainUntilDate: inDays(3) };
      await retain(s3, longer);
      const { Retention } = await s3.send(new GetObjectRetentionCommand({ ...BUCKET, Key: 'k' }));
      assert.deepEqual(Retention, longer);
    },
    { locks: true },
  ));

test("a bucket's default retention is of what is put after it, and ends", () => {
  const { clock, move } = movedClock();
  return withBucket(
    async (s3) => {
      await put(s3, 'before', 'x');
      const Rule = { DefaultRetention: { Mode: 'COMPLIANCE', Days: 1 } } as const;
      const ObjectLockConfiguration = { ObjectLockEnabled: 'Enabled', Rule } as const;
      await s3.send(new PutObjectLockConfigurationCommand({ ...BUCKET, ObjectLockConfiguration }));
      assert.equal((await read(s3, 'before')).ObjectLockMode, undefined);
      const { VersionId } = await put(s3, 'k', 'x');
      assert.equal((await read(s3, 'k')).ObjectLockMode, 'COMPLIANCE');
      await assert.rejects(remove(s3, 'k', { VersionId }), { name: 'AccessDenied' });
      move(DAY_MS + 1000);
      // Signed by the wall clock, which the node is ahead of now.
      s3.config.systemClockOffset = DAY_MS + 1000;
      await remove(s3, 'k', { VersionId });
    },
    { locks: true, clock },
  );
});

test('a legal hold keeps a version until it is lifted', () =>
  withBucket(
    async (s3) => {
      const { VersionId } = await put(s3, 'k', 'x', { ObjectLockLegalHoldStatus: 'ON' });
      const hold = async () =>
        (await s3.send(new GetObjectLegalHoldCommand({ ...BUCKET, Key: 'k' }))).LegalHold!.Status;
      assert.equal(await hold(), 'ON');
      await assert.rejects(remove(s3, 'k', { VersionId, BypassGovernanceRetention: true }), { name: 'AccessDenied' });
      await assert.rejects(s3.send(new DeleteBucketCommand(BUCKET)), { name: 'BucketNotEmpty' });
      await s3.send(new PutObjectLegalHoldCommand({ ...BUCKET, Key: 'k', LegalHold: { Status: 'OFF' } }));
      assert.equal(await hold(), 'OFF');
      await remove(s3, 'k', { VersionId });
    },
    { locks: true },
  ));

test('locks that mean nothing are refused', () =>
  withBucket(
    async (s3) => {
      const until = inDays(1);
      const invalid = (more: object, message: RegExp, name = 'InvalidArgument') =>
        assert.rejects(put(s3, 'k', 'x', more), { name, message });
      await invalid({ ObjectLockMode: 'GOVERNANCE' }, /must both be supplied/);
      await invalid({ ObjectLockMode: 'NONE', ObjectLockRetainUntilDate: until }, /Unknown wormMode/);
      const past = { ObjectLockMode: 'GOVERNANCE', ObjectLockRetainUntilDate: inDays(-1) };
      await invalid(past, /must be in the future/);
      await put(s3, 'k', 'x');
      await assert.rejects(s3.send(new GetObjectRetentionCommand({ ...BUCKET, Key: 'k' })), {
        name: 'NoSuchObjectLockConfiguration',
      });
      await assert.rejects(retain(s3, { Mode: 'GOVERNANCE' }), { name: 'MalformedXML' });
      // What nobody would keep is not taken as if somebody did.
      await invalid({ ObjectLockEventHold: 'ON' }, /until an event are not built/, 'NotImplemented');
      await assert.rejects(retain(s3, { EventHold: 'ON' } as object), { name: 'NotImplemented' });
    },
    { locks: true },
  ));

test('a bucket without object lock keeps nothing', () =>
  withBucket(async (s3) => {
    const message = 'Bucket is missing Object Lock Configuration';
    const refusal = { name: 'InvalidRequest', message };
    await assert.rejects(put(s3, 'k', 'x', { ObjectLockLegalHoldStatus: 'ON' }), refusal);
    await put(s3, 'k', 'x');
    await assert.rejects(retain(s3, { Mode: 'GOVERNANCE', RetainUntilDate: inDays(1) }), refusal);
    await assert.rejects(s3.send(new GetObjectLegalHoldCommand({ ...BUCKET, Key: 'k' })), refusal);
  }));

test('lists of objects mean nothing where the bucket owns all, and are kept elsewhere', () =>
  withBucket(async (s3) => {
    await put(s3, 'k', 'x', { ACL: 'bucket-owner-full-control' });
    const grants = async () => (await s3.send(new GetObjectAclCommand({ ...BUCKET, Key: 'k' }))).Grants!;
    assert.deepEqual(
      (await grants()).map(({ Permission, Grantee }) => [Permission, Grantee!.Type]),
      [['FULL_CONTROL', 'CanonicalUser']],
    );
    await assert.rejects(put(s3, 'k', 'x', { ACL: 'authenticated-read' }), { name: 'AccessControlListNotSupported' });
    const give = (ACL: 'private' | 'authenticated-read' | 'aws-exec-read') =>
      s3.send(new PutObjectAclCommand({ ...BUCKET, Key: 'k', ACL }));
    await assert.rejects(give('private'), { name: 'AccessControlListNotSupported' });
    const OwnershipControls = { Rules: [{ ObjectOwnership: 'ObjectWriter' as const }] };
    await s3.send(new PutBucketOwnershipControlsCommand({ ...BUCKET, OwnershipControls }));
    await give('aws-exec-read');
    assert.equal((await grants()).length, 1);
    await assert.rejects(give('authenticated-read'), { name: 'AccessDenied' }, 'public access is blocked');
  }));
