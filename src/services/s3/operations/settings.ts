import type { Operation } from '../../index.ts';
import { s3Error } from '../errors.ts';
import { S3_LIMITS } from '../limits.ts';
import type { BucketSettings, Settings } from '../settings.ts';

/** What S3 does with every new object of a bucket that says nothing else, since January 2023. */
const ENCRYPTION_DEFAULT: BucketSettings['encryption'] = [
  { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' }, BucketKeyEnabled: false },
];

/** Policy, tags and default encryption of a bucket. */
export function settingOperations(settings: Settings): Record<string, Operation> {
  return {
    PutBucketPolicy: async ({ Bucket, Policy }) => {
      checkPolicy(Policy);
      await settings.put(Bucket, 'policy', Policy);
      return {};
    },

    GetBucketPolicy: async ({ Bucket }) => {
      const Policy = await settings.get(Bucket, 'policy');
      if (Policy === undefined) throw s3Error('no-bucket-policy', { fields: { BucketName: Bucket } });
      return { Policy };
    },

    DeleteBucketPolicy: async ({ Bucket }) => {
      await settings.remove(Bucket, 'policy');
      return {};
    },

    PutBucketTagging: async ({ Bucket, Tagging }) => {
      checkTags(Tagging.TagSet);
      await settings.put(Bucket, 'tags', Tagging.TagSet);
      return {};
    },

    GetBucketTagging: async ({ Bucket }) => {
      const TagSet = await settings.get(Bucket, 'tags');
      if (TagSet === undefined) throw s3Error('no-tag-set', { fields: { BucketName: Bucket } });
      return { TagSet };
    },

    DeleteBucketTagging: async ({ Bucket }) => {
      await settings.remove(Bucket, 'tags');
      return {};
    },

    PutBucketEncryption: async ({ Bucket, ServerSideEncryptionConfiguration: { Rules } }) => {
      checkEncryption(Rules);
      await settings.put(Bucket, 'encryption', Rules);
      return {};
    },

    GetBucketEncryption: async ({ Bucket }) => {
      const Rules = (await settings.get(Bucket, 'encryption')) ?? ENCRYPTION_DEFAULT;
      return { ServerSideEncryptionConfiguration: { Rules } };
    },

    // Back to what S3 does by itself.
    DeleteBucketEncryption: async ({ Bucket }) => {
      await settings.remove(Bucket, 'encryption');
      return {};
    },
  };
}

/** Refuses what is no policy at all; what its statements mean is for the engine that decides calls. */
function checkPolicy(text: string): void {
  if (Buffer.byteLength(text) > S3_LIMITS.bucketPolicyBytesMax) {
    throw s3Error('malformed-policy', { message: `Policies are limited to ${S3_LIMITS.bucketPolicyBytesMax} bytes` });
  }
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw s3Error('malformed-policy', { message: "Policies must be valid JSON and the first byte must be '{'" });
  }
  const { Statement } = (document ?? {}) as { Statement?: unknown };
  const statements = Array.isArray(Statement) ? Statement : [Statement];
  if (Statement === undefined || statements.length === 0) {
    throw s3Error('malformed-policy', { message: 'Missing required field Statement' });
  }
  for (const statement of statements) {
    const { Effect, Principal, NotPrincipal } = (statement ?? {}) as Record<string, unknown>;
    if (Effect !== 'Allow' && Effect !== 'Deny') throw s3Error('malformed-policy', { message: 'Invalid effect' });
    if (Principal === undefined && NotPrincipal === undefined) {
      throw s3Error('malformed-policy', { message: 'Missing required field Principal' });
    }
  }
}

function checkTags(tags: BucketSettings['tags']): void {
  if (tags.length > S3_LIMITS.bucketTagsMax) {
    throw s3Error('bad-request', { message: `Bucket tag count cannot be greater than ${S3_LIMITS.bucketTagsMax}` });
  }
  if (new Set(tags.map(({ Key }) => Key)).size < tags.length) {
    throw s3Error('tag-invalid', { message: 'Cannot provide multiple Tags with the same key' });
  }
}

/** Objects lie as they are on the node's disk; keys of KMS would promise more than that. */
function checkEncryption(rules: BucketSettings['encryption']): void {
  if (rules.length !== 1) throw s3Error('malformed');
  const { ApplyServerSideEncryptionByDefault: standard } = rules[0] as {
    ApplyServerSideEncryptionByDefault?: { SSEAlgorithm: string };
  };
  if (standard !== undefined && standard.SSEAlgorithm !== 'AES256') {
    throw s3Error('encryption-not-built', {
      message: `A default encryption with ${standard.SSEAlgorithm} is not built in Millrace; AES256 is, as S3's own default`,
    });
  }
}
