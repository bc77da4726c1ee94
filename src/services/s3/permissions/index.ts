/*
 * Rights in S3. A bucket's policy has its say in every call on the bucket and on what is in it, and so have the lists (ACLs) that
 * ownership controls leave. The rights that headers ask for (an ACL, tags, a lock) are asked for beside that to the operation.
 *
 *     GetObject on what is not there   needs s3:ListBucket too: whoever may not list is told 403 and not 404, as by AWS
 *     CopyObject                       s3:GetObject on the source, s3:PutObject on the target
 *     DeleteObjects                    s3:DeleteObject on each; one that is refused is answered for, the others are deleted
 */
import type { Clock } from '../../../base/index.ts';
import { type Conditions, type Permission, type PermissionsOf, permission, type Target } from '../../index.ts';
import type { Grant } from '../acl.ts';
import { objectStatements } from '../acl.ts';
import { effectivePolicy } from '../bucket-policy.ts';
import { parseCopySource } from '../copy-source.ts';
import type { Settings } from '../settings.ts';
import { BUCKET_ACTIONS, OBJECT_ACTIONS, WRITE_ACTIONS } from './actions.ts';
import { conditionsOf, existingTags } from './conditions.ts';

type Input = Readonly<Record<string, any>>;

/** An object that is there, as far as rights on it go. */
export interface GuardedObject {
  readonly tags: Readonly<Record<string, string>>;
  /** JSON of its grants. */
  readonly acl?: string;
}

export interface GuardedBuckets {
  readonly settings: Pick<Settings, 'peek'>;
  /** `undefined` where there is none. */
  object(bucket: string, key: string, versionId?: string): Promise<GuardedObject | undefined>;
  readonly clock: Pick<Clock, 'now'>;
}

/** @param operations  names of those that are built */
export function s3Permissions(
  buckets: GuardedBuckets,
  operations: readonly string[],
): Readonly<Record<string, PermissionsOf>> {
  const all = new Rights(buckets).table();
  return Object.fromEntries(operations.flatMap((name) => (all[name] ? [[name, all[name]]] : [])));
}

class Rights {
  readonly #buckets: GuardedBuckets;

  constructor(buckets: GuardedBuckets) {
    this.#buckets = buckets;
  }

  table(): Record<string, PermissionsOf> {
    const onBucket = mapped(BUCKET_ACTIONS, (action) => (input: Input) => [this.#onBucket(action, input)]);
    const onUpload = mapped(WRITE_ACTIONS, (action) => (input: Input) => [this.#onKey(action, input)]);
    const onObject = mapped(
      OBJECT_ACTIONS,
      (actions) => (input: Input) => this.#onObject(input.VersionId === undefined ? actions[0] : actions[1], input),
    );
    return {
      ...onBucket,
      ...onUpload,
      ...onObject,
      ListBuckets: () => [permission('s3:ListAllMyBuckets', { resources: ['*'] })],
      CreateBucket: (input: Input) => this.#create(input),
      // Its prefix is no condition key.
      ListMultipartUploads: ({ Bucket }: Input) => [this.#onBucket('ListBucketMultipartUploads', { Bucket })],
      PutObject: (input: Input) => this.#put(input),
      CreateMultipartUpload: (input: Input) => this.#put(input),
      CopyObject: async (input: Input) => [...(await this.#source(input, 'copy')), ...this.#put(input)],
      UploadPartCopy: async (input: Input) => [...(await this.#source(input, 'part')), this.#onKey('PutObject', input)],
      DeleteObject: (input: Input) => this.#delete(input),
      DeleteObjects: ({ Delete, ...input }: Input) =>
        (Delete?.Objects ?? []).flatMap((one: Input, entry: number) =>
          this.#delete({ ...input, ...one }).map((right) => ({ ...right, entry })),
        ),
      PutObjectRetention: async (input: Input) => [
        ...(await this.#onObject('PutObjectRetention', input)),
        ...this.#bypassing(input),
      ],
      GetObjectAttributes: async (input: Input) => {
        const isVersion = input.VersionId !== undefined;
        const names = isVersion
          ? ['GetObjectVersionAttributes', 'GetObjectVersion']
          : ['GetObjectAttributes', 'GetObject'];
        return (await Promise.all(names.map((name) => this.#onObject(name, input)))).flat();
      },
    };
  }

  #onBucket(action: string, input: Input): Permission {
    return permission(`s3:${action}`, {
      resources: [bucketArn(input.Bucket)],
      context: this.#conditions(action, input),
      policy: this.#policy(input.Bucket),
    });
  }

  #onKey(action: string, input: Input): Permission {
    return permission(`s3:${action}`, {
      resources: [objectArn(input.Bucket, input.Key)],
      context: this.#conditions(action, input),
      policy: this.#policy(input.Bucket),
    });
  }

  /** On an object that is there, with its tags and its list; where it is not, listing the bucket is asked for too. */
  async #onObject(action: string, input: Input): Promise<readonly Permission[]> {
    const { Bucket, Key, VersionId } = input;
    const found = await this.#buckets.object(Bucket, Key, VersionId);
    const target: Target = {
      resources: [objectArn(Bucket, Key)],
      context: { ...this.#conditions(action, input), ...existingTags(found?.tags) },
      policy: this.#policy(Bucket, { key: Key, acl: found?.acl }),
    };
    const right = permission(`s3:${action}`, target);
    if (found || !/^GetObject(Version)?$/.test(action)) return [right];
    return [right, this.#onBucket(VersionId === undefined ? 'ListBucket' : 'ListBucketVersions', { Bucket })];
  }

  #create(input: Input): readonly Permission[] {
    const { Bucket, ACL, ObjectOwnership, ObjectLockEnabledForBucket, CreateBucketConfiguration: place } = input;
    const context = {
      ...this.#conditions('CreateBucket', input),
      ...(place?.LocationConstraint !== undefined && { 's3:locationconstraint': String(place.LocationConstraint) }),
    };
    const names = [
      'CreateBucket',
      ...(ACL !== undefined || grantsIn(input) ? ['PutBucketAcl'] : []),
      ...(ObjectOwnership === undefined ? [] : ['PutBucketOwnershipControls']),
      ...(ObjectLockEnabledForBucket ? ['PutBucketObjectLockConfiguration', 'PutBucketVersioning'] : []),
      ...(place?.Tags?.length > 0 ? ['TagResource'] : []),
    ];
    return names.map((name) => permission(`s3:${name}`, { resources: [bucketArn(Bucket)], context }));
  }

  /** The rights to put an object, and to what its headers say of it. */
  #put(input: Input): Permission[] {
    const { ACL, Tagging, ObjectLockMode, ObjectLockRetainUntilDate, ObjectLockLegalHoldStatus: hold } = input;
    const names = [
      'PutObject',
      ...(ACL !== undefined || grantsIn(input) ? ['PutObjectAcl'] : []),
      ...(Tagging === undefined ? [] : ['PutObjectTagging']),
      ...(ObjectLockMode === undefined && ObjectLockRetainUntilDate === undefined ? [] : ['PutObjectRetention']),
      ...(hold === undefined ? [] : ['PutObjectLegalHold']),
    ];
    return names.map((name) => this.#onKey(name, input));
  }

  /** The rights to what is copied; the tags of a whole object go with it. */
  async #source(input: Input, what: 'copy' | 'part'): Promise<readonly Permission[]> {
    const source = readSource(input.CopySource);
    if (!source) return [];
    const { bucket: Bucket, key: Key, versionId: VersionId } = source;
    const from = { Bucket, Key, ...(VersionId !== undefined && { VersionId }) };
    const read = await this.#onObject(VersionId === undefined ? 'GetObject' : 'GetObjectVersion', from);
    if (what === 'part' || input.TaggingDirective === 'REPLACE') return read;
    const found = await this.#buckets.object(Bucket, Key, VersionId);
    if (!found || Object.keys(found.tags).length === 0) return read;
    const reading = VersionId === undefined ? 'GetObjectTagging' : 'GetObjectVersionTagging';
    return [...read, ...(await this.#onObject(reading, from)), this.#onKey('PutObjectTagging', input)];
  }

  #delete(input: Input): readonly Permission[] {
    const action = input.VersionId === undefined ? 'DeleteObject' : 'DeleteObjectVersion';
    return [this.#onKey(action, input), ...this.#bypassing(input)];
  }

  #bypassing(input: Input): readonly Permission[] {
    return input.BypassGovernanceRetention ? [this.#onKey('BypassGovernanceRetention', input)] : [];
  }

  #conditions(action: string, input: Input): Conditions {
    return conditionsOf(action, input, this.#buckets.clock.now());
  }

  /** What the bucket's policy, and lists of the bucket and of the object, say of everybody. */
  #policy(bucket: string, object?: { readonly key: string; readonly acl: string | undefined }): string | undefined {
    const { settings } = this.#buckets;
    const ownership = settings.peek(bucket, 'ownership');
    // Absent means that the owner of the bucket is that of all in it: no list counts.
    const listsCount = ownership !== undefined && ownership !== 'BucketOwnerEnforced';
    const grants = listsCount ? (settings.peek(bucket, 'acl') ?? []) : [];
    const own: readonly Grant[] = listsCount && object?.acl !== undefined ? JSON.parse(object.acl) : [];
    const statements = object ? objectStatements(bucket, object.key, own) : [];
    const block = settings.peek(bucket, 'publicAccessBlock');
    return effectivePolicy(
      bucket,
      settings.peek(bucket, 'policy'),
      grants,
      statements,
      block === undefined ? ALL : block,
    );
  }
}

/** Blocked is what nobody has set otherwise. */
const ALL = { BlockPublicAcls: true, IgnorePublicAcls: true, BlockPublicPolicy: true, RestrictPublicBuckets: true };

function bucketArn(bucket: string): string {
  return `arn:aws:s3:::${bucket}`;
}

function objectArn(bucket: string, key: string): string {
  return `arn:aws:s3:::${bucket}/${key}`;
}

function grantsIn({ GrantFullControl, GrantRead, GrantReadACP, GrantWrite, GrantWriteACP }: Input): boolean {
  return [GrantFullControl, GrantRead, GrantReadACP, GrantWrite, GrantWriteACP].some((one) => one !== undefined);
}

/** `undefined` for what the operation will refuse. */
function readSource(header: unknown) {
  try {
    return parseCopySource(String(header));
  } catch {
    return undefined;
  }
}

function mapped<T>(
  table: Readonly<Record<string, T>>,
  rights: (value: T) => PermissionsOf,
): Record<string, PermissionsOf> {
  return Object.fromEntries(Object.entries(table).map(([name, value]) => [name, rights(value)]));
}
