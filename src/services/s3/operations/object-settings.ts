import type { Operation } from '../../index.ts';
import { OWNER, PRIVATE, shownGrants } from '../acl.ts';
import { s3Error } from '../errors.ts';
import { checkLockable, wantedHold, wantedRetention } from '../locks.ts';
import { versionIdOf } from '../metadata.ts';
import { fromTagSet, toTagSet } from '../tags.ts';
import { causeOf, type Ground } from '../writing.ts';
import { checkedAcl, ownershipOf } from './access.ts';
import { versionOf } from './objects.ts';

/** What is said of a version after it was made: tags, what keeps it, who may read it. */
export function objectSettingOperations(ground: Ground): Record<string, Operation> {
  return { ...tagOperations(ground), ...lockOperations(ground), ...aclOperations(ground) };
}

function tagOperations({ objects }: Ground): Record<string, Operation> {
  return {
    PutObjectTagging: async (input, context) => {
      const { Bucket, Key, Tagging } = input;
      const tags = fromTagSet(Tagging?.TagSet);
      const bucket = await objects.bucket(Bucket);
      const info = await objects.setTags(Bucket, Key, tags, { ...versionOf(input), cause: causeOf(context) });
      return { VersionId: versionIdOf(info, bucket) };
    },

    GetObjectTagging: async (input) => {
      const { Bucket, Key } = input;
      const bucket = await objects.bucket(Bucket);
      const info = await objects.head(Bucket, Key, versionOf(input));
      return { TagSet: toTagSet(info.tags), VersionId: versionIdOf(info, bucket) };
    },

    DeleteObjectTagging: async (input, context) => {
      const { Bucket, Key } = input;
      const bucket = await objects.bucket(Bucket);
      const info = await objects.setTags(Bucket, Key, {}, { ...versionOf(input), cause: causeOf(context) });
      return { VersionId: versionIdOf(info, bucket) };
    },
  };
}

function lockOperations({ objects, settings, clock }: Ground): Record<string, Operation> {
  return {
    PutObjectRetention: async (input) => {
      const { Bucket, Key } = input;
      await objects.bucket(Bucket);
      checkLockable(settings, Bucket);
      const retention = wantedRetention(input.Retention, clock.now());
      const bypassGovernance = input.BypassGovernanceRetention === true;
      await objects.setRetention(Bucket, Key, retention, { ...versionOf(input), bypassGovernance });
      return {};
    },

    GetObjectRetention: async (input) => {
      const { Bucket, Key } = input;
      await objects.bucket(Bucket);
      checkLockable(settings, Bucket);
      const { retention } = await objects.head(Bucket, Key, versionOf(input));
      if (!retention) throw s3Error('no-retention');
      return { Retention: { Mode: retention.mode, RetainUntilDate: new Date(retention.until) } };
    },

    PutObjectLegalHold: async (input) => {
      const { Bucket, Key } = input;
      await objects.bucket(Bucket);
      checkLockable(settings, Bucket);
      await objects.setLegalHold(Bucket, Key, wantedHold(input.LegalHold), versionOf(input));
      return {};
    },

    GetObjectLegalHold: async (input) => {
      const { Bucket, Key } = input;
      await objects.bucket(Bucket);
      checkLockable(settings, Bucket);
      const { legalHold } = await objects.head(Bucket, Key, versionOf(input));
      return { LegalHold: { Status: legalHold ? 'ON' : 'OFF' } };
    },
  };
}

function aclOperations({ objects, settings }: Ground): Record<string, Operation> {
  return {
    PutObjectAcl: async (input, context) => {
      const { Bucket, Key } = input;
      await objects.bucket(Bucket);
      if (ownershipOf(settings, Bucket) === 'BucketOwnerEnforced') throw s3Error('acl-not-supported');
      const grants = checkedAcl(settings, Bucket, input, 's3:PutObjectAcl', context.caller);
      if (!grants) throw s3Error('request-invalid', { message: 'Your request was missing a required header' });
      await objects.setAcl(Bucket, Key, JSON.stringify(grants), { ...versionOf(input), cause: causeOf(context) });
      return {};
    },

    GetObjectAcl: async (input) => {
      const { Bucket, Key } = input;
      const { acl } = await objects.head(Bucket, Key, versionOf(input));
      const isEnforced = ownershipOf(settings, Bucket) === 'BucketOwnerEnforced';
      return { Owner: OWNER, Grants: shownGrants(isEnforced || acl === undefined ? PRIVATE : JSON.parse(acl)) };
    },
  };
}
