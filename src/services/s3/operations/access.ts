import type { Caller, Operation } from '../../index.ts';
import {
  type AclInput,
  aclOf,
  type Grant,
  isPrivateAcl,
  isPublicAcl,
  OWNER,
  type Ownership,
  PRIVATE,
  shownGrants,
} from '../acl.ts';
import { checkBucketPolicy, isPublicPolicy } from '../bucket-policy.ts';
import { s3Error } from '../errors.ts';
import type { PublicAccessBlock, Settings } from '../settings.ts';

const ALL_BLOCKED: PublicAccessBlock = {
  BlockPublicAcls: true,
  IgnorePublicAcls: true,
  BlockPublicPolicy: true,
  RestrictPublicBuckets: true,
};

/** What is blocked of a bucket; `null` for nothing. */
export function publicAccessBlockOf(settings: Settings, bucket: string): PublicAccessBlock | null {
  const block = settings.peek(bucket, 'publicAccessBlock');
  return block === undefined ? ALL_BLOCKED : block;
}

/** Who owns what is put into a bucket, and whether lists mean anything there. */
export function ownershipOf(settings: Settings, bucket: string): Ownership {
  const ownership = settings.peek(bucket, 'ownership');
  if (ownership === undefined) return 'BucketOwnerEnforced';
  return ownership ?? 'ObjectWriter';
}

/** @throws DomainError `malformed` */
export function checkOwnership(value: string): Ownership {
  if (value === 'BucketOwnerEnforced' || value === 'BucketOwnerPreferred' || value === 'ObjectWriter') return value;
  throw s3Error('malformed');
}

/**
 * The list that a put into a bucket, or of its own list, gives; `undefined` when it gives none that means anything.
 * @throws DomainError `acl-not-supported`, `access-denied`, and those of `aclOf`
 */
export function checkedAcl(
  settings: Settings,
  bucket: string,
  input: AclInput,
  action: string,
  caller: Caller,
): readonly Grant[] | undefined {
  const acl = aclOf(input);
  if (!acl) return undefined;
  if (ownershipOf(settings, bucket) === 'BucketOwnerEnforced') {
    if (isPrivateAcl(acl)) return undefined;
    throw s3Error('acl-not-supported');
  }
  if (publicAccessBlockOf(settings, bucket)?.BlockPublicAcls && isPublicAcl(acl)) {
    throw blocked(caller, action, bucket, 'public ACLs are prevented by the BlockPublicAcls setting');
  }
  return acl;
}

/** Who may do what with a bucket: policy, public access, ownership, list. */
export function accessOperations(settings: Settings): Record<string, Operation> {
  return {
    PutBucketPolicy: async ({ Bucket, Policy }, { caller }) => {
      await settings.get(Bucket, 'policy');
      checkBucketPolicy(Policy ?? '', Bucket);
      if (publicAccessBlockOf(settings, Bucket)?.BlockPublicPolicy && isPublicPolicy(Policy)) {
        const why = 'public policies are prevented by the BlockPublicPolicy setting';
        throw blocked(caller, 's3:PutBucketPolicy', Bucket, why);
      }
      await settings.put(Bucket, 'policy', Policy);
      return {};
    },

    GetBucketPolicy: async ({ Bucket }) => ({ Policy: await policyOf(settings, Bucket) }),

    GetBucketPolicyStatus: async ({ Bucket }) => {
      const IsPublic = isPublicPolicy(await policyOf(settings, Bucket));
      return { PolicyStatus: { IsPublic } };
    },

    DeleteBucketPolicy: async ({ Bucket }) => {
      await settings.remove(Bucket, 'policy');
      return {};
    },

    PutPublicAccessBlock: async ({ Bucket, PublicAccessBlockConfiguration: given }) => {
      if (!given) throw s3Error('malformed');
      const block = Object.fromEntries(Object.keys(ALL_BLOCKED).map((name) => [name, given[name] === true]));
      await settings.put(Bucket, 'publicAccessBlock', block as unknown as PublicAccessBlock);
      return {};
    },

    GetPublicAccessBlock: async ({ Bucket }) => {
      await settings.get(Bucket, 'publicAccessBlock');
      const block = publicAccessBlockOf(settings, Bucket);
      if (!block) throw s3Error('no-public-access-block', { fields: { BucketName: Bucket } });
      return { PublicAccessBlockConfiguration: block };
    },

    DeletePublicAccessBlock: async ({ Bucket }) => {
      await settings.put(Bucket, 'publicAccessBlock', null);
      return {};
    },

    PutBucketOwnershipControls: async ({ Bucket, OwnershipControls }) => {
      const rules = OwnershipControls?.Rules ?? [];
      if (rules.length !== 1) throw s3Error('malformed');
      const ownership = checkOwnership(rules[0].ObjectOwnership);
      const acl = await settings.get(Bucket, 'acl');
      if (ownership === 'BucketOwnerEnforced' && acl && !isPrivateAcl(acl)) throw s3Error('acl-with-ownership');
      await settings.put(Bucket, 'ownership', ownership);
      return {};
    },

    GetBucketOwnershipControls: async ({ Bucket }) => {
      if ((await settings.get(Bucket, 'ownership')) === null) {
        throw s3Error('no-ownership', { fields: { BucketName: Bucket } });
      }
      return { OwnershipControls: { Rules: [{ ObjectOwnership: ownershipOf(settings, Bucket) }] } };
    },

    DeleteBucketOwnershipControls: async ({ Bucket }) => {
      await settings.put(Bucket, 'ownership', null);
      return {};
    },

    PutBucketAcl: async (input, { caller }) => {
      const { Bucket } = input;
      await settings.get(Bucket, 'acl');
      const isEmpty = aclOf(input) === undefined;
      if (isEmpty) {
        throw s3Error('request-invalid', { message: 'Your request was missing a required header' });
      }
      const acl = checkedAcl(settings, Bucket, input, 's3:PutBucketAcl', caller);
      if (acl) await settings.put(Bucket, 'acl', acl);
      return {};
    },

    GetBucketAcl: async ({ Bucket }) => {
      const acl = (await settings.get(Bucket, 'acl')) ?? PRIVATE;
      const isEnforced = ownershipOf(settings, Bucket) === 'BucketOwnerEnforced';
      return { Owner: OWNER, Grants: shownGrants(isEnforced ? PRIVATE : acl) };
    },
  };
}

async function policyOf(settings: Settings, bucket: string): Promise<string> {
  const policy = await settings.get(bucket, 'policy');
  if (policy === undefined) throw s3Error('no-bucket-policy', { fields: { BucketName: bucket } });
  return policy;
}

function blocked({ arn }: Caller, action: string, bucket: string, why: string) {
  return s3Error('access-denied', {
    message: `User: ${arn} is not authorized to perform: ${action} on resource: "arn:aws:s3:::${bucket}" because ${why} in S3 Block Public Access.`,
  });
}
