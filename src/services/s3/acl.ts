/*
 * Access control lists, as far as object ownership leaves them any meaning. A list is kept as grants to the owner and to S3's
 * groups: there are no other accounts here.
 *
 * @see Amazon S3 user guide, "Access control list (ACL) overview"
 */
import { ACCOUNT_ID } from '../../base/index.ts';
import { s3Error } from './errors.ts';
import { S3_LIMITS } from './limits.ts';

/** Owner of everything, in the form of a canonical user. */
export const OWNER = { ID: ACCOUNT_ID.padStart(64, '0'), DisplayName: 'millrace' };

export type Ownership = 'BucketOwnerEnforced' | 'BucketOwnerPreferred' | 'ObjectWriter';

export type AclPermission = 'FULL_CONTROL' | 'READ' | 'WRITE' | 'READ_ACP' | 'WRITE_ACP';

/** - `owner`: the account; - `everyone`: with or without a signature; - `signed`: whoever has signed; - `logs`: S3's log delivery. */
export type Grantee = 'owner' | 'everyone' | 'signed' | 'logs';

export interface Grant {
  readonly to: Grantee;
  readonly permission: AclPermission;
}

const GROUPS: Readonly<Record<string, Grantee>> = {
  'http://acs.amazonaws.com/groups/global/AllUsers': 'everyone',
  'http://acs.amazonaws.com/groups/global/AuthenticatedUsers': 'signed',
  'http://acs.amazonaws.com/groups/s3/LogDelivery': 'logs',
};
const URIS = Object.fromEntries(Object.entries(GROUPS).map(([uri, to]) => [to, uri]));

const PERMISSIONS: readonly string[] = ['FULL_CONTROL', 'READ', 'WRITE', 'READ_ACP', 'WRITE_ACP'];

const OWN: Grant = { to: 'owner', permission: 'FULL_CONTROL' };

/** What holds where no list was given. */
export const PRIVATE: readonly Grant[] = [OWN];

const CANNED: Readonly<Record<string, readonly Grant[]>> = {
  private: PRIVATE,
  'public-read': [OWN, { to: 'everyone', permission: 'READ' }],
  'public-read-write': [OWN, { to: 'everyone', permission: 'READ' }, { to: 'everyone', permission: 'WRITE' }],
  'authenticated-read': [OWN, { to: 'signed', permission: 'READ' }],
  'log-delivery-write': [OWN, { to: 'logs', permission: 'WRITE' }, { to: 'logs', permission: 'READ_ACP' }],
  'aws-exec-read': PRIVATE,
  'bucket-owner-read': PRIVATE,
  'bucket-owner-full-control': PRIVATE,
};

/** Members that carry grants in headers, with the permission each gives. */
const HEADERS: Readonly<Record<string, AclPermission>> = {
  GrantFullControl: 'FULL_CONTROL',
  GrantRead: 'READ',
  GrantReadACP: 'READ_ACP',
  GrantWrite: 'WRITE',
  GrantWriteACP: 'WRITE_ACP',
};

/** The members of a request that may give a list. */
export interface AclInput {
  readonly ACL?: string;
  readonly AccessControlPolicy?: {
    readonly Owner?: { readonly ID?: string };
    readonly Grants?: readonly { readonly Grantee?: GranteeInput; readonly Permission?: string }[];
  };
  readonly [member: string]: unknown;
}

interface GranteeInput {
  readonly Type?: string;
  readonly ID?: string;
  readonly URI?: string;
  readonly EmailAddress?: string;
}

/**
 * The list that a request gives; `undefined` when it gives none.
 * @throws DomainError `request-invalid`, `argument-invalid`, `acl-malformed`, `access-denied`, `email-unresolvable`
 */
export function aclOf(input: AclInput): readonly Grant[] | undefined {
  const { ACL: canned, AccessControlPolicy: policy } = input;
  const headers = Object.entries(HEADERS).filter(([member]) => input[member] !== undefined);
  if (canned !== undefined && headers.length > 0) {
    throw s3Error('request-invalid', { message: 'Specifying both Canned ACLs and Header Grants is not allowed' });
  }
  if (policy !== undefined && (canned !== undefined || headers.length > 0)) {
    throw s3Error('request-invalid', { message: 'This request does not support content' });
  }
  if (canned !== undefined) return cannedAcl(canned);
  if (headers.length > 0) {
    return headers.flatMap(([member, permission]) =>
      headerGrantees(String(input[member])).map((to) => ({ to, permission })),
    );
  }
  return policy && policyGrants(policy);
}

function cannedAcl(name: string): readonly Grant[] {
  if (Object.hasOwn(CANNED, name)) return CANNED[name]!;
  throw s3Error('argument-invalid', { message: '', fields: { ArgumentName: 'x-amz-acl', ArgumentValue: name } });
}

/** `id="...", uri="..."`. */
function headerGrantees(text: string): readonly Grantee[] {
  return text.split(',').map((part) => {
    const match = /^\s*(id|uri|emailAddress)="?([^"]*)"?\s*$/i.exec(part);
    if (!match) throw s3Error('argument-invalid', { message: 'Argument format not recognized' });
    const [, kind, value] = match as unknown as [string, string, string];
    if (kind.toLowerCase() === 'id') return granteeOf({ Type: 'CanonicalUser', ID: value });
    if (kind.toLowerCase() === 'uri') return granteeOf({ Type: 'Group', URI: value });
    return granteeOf({ Type: 'AmazonCustomerByEmail', EmailAddress: value });
  });
}

function policyGrants({ Owner, Grants }: NonNullable<AclInput['AccessControlPolicy']>): readonly Grant[] {
  if (Owner?.ID === undefined || Grants === undefined || Grants.length > S3_LIMITS.aclGrantsMax) {
    throw s3Error('acl-malformed');
  }
  if (Owner.ID !== OWNER.ID) throw s3Error('access-denied');
  return Grants.map(({ Grantee, Permission }) => {
    if (!Grantee || !Permission || !PERMISSIONS.includes(Permission)) throw s3Error('acl-malformed');
    return { to: granteeOf(Grantee), permission: Permission as AclPermission };
  });
}

function granteeOf({ Type, ID, URI }: GranteeInput): Grantee {
  if (Type === 'CanonicalUser') {
    if (ID === OWNER.ID) return 'owner';
    throw s3Error('argument-invalid', {
      message: 'Invalid id',
      fields: { ArgumentName: 'CanonicalUser/ID', ArgumentValue: ID },
    });
  }
  if (Type === 'Group') {
    if (URI !== undefined && Object.hasOwn(GROUPS, URI)) return GROUPS[URI]!;
    throw s3Error('argument-invalid', {
      message: 'Invalid group uri',
      fields: { ArgumentName: 'Group/URI', ArgumentValue: URI },
    });
  }
  if (Type === 'AmazonCustomerByEmail') throw s3Error('email-unresolvable');
  throw s3Error('acl-malformed');
}

/** True when the list gives anything to who is not the owner. */
export function isPublicAcl(grants: readonly Grant[]): boolean {
  return grants.some(({ to }) => to === 'everyone' || to === 'signed');
}

/** True when it gives the owner all rights, and nobody else any. */
export function isPrivateAcl(grants: readonly Grant[]): boolean {
  return grants.every(({ to }) => to === 'owner') && grants.some(({ permission }) => permission === 'FULL_CONTROL');
}

/** Grants as S3 shows them. */
export function shownGrants(grants: readonly Grant[]): readonly object[] {
  return grants.map(({ to, permission }) => ({
    Grantee: to === 'owner' ? { ...OWNER, Type: 'CanonicalUser' } : { URI: URIS[to], Type: 'Group' },
    Permission: permission,
  }));
}

/** Actions that a grant on a bucket gives on it, and on its objects. */
const BUCKET_ACTIONS: Readonly<Record<AclPermission, { readonly bucket: string[]; readonly objects: string[] }>> = {
  READ: { bucket: ['s3:ListBucket', 's3:ListBucketVersions', 's3:ListBucketMultipartUploads'], objects: [] },
  WRITE: { bucket: [], objects: ['s3:PutObject', 's3:DeleteObject'] },
  READ_ACP: { bucket: ['s3:GetBucketAcl'], objects: [] },
  WRITE_ACP: { bucket: ['s3:PutBucketAcl'], objects: [] },
  FULL_CONTROL: {
    bucket: [
      ...['s3:ListBucket', 's3:ListBucketVersions', 's3:ListBucketMultipartUploads'],
      ...['s3:GetBucketAcl', 's3:PutBucketAcl'],
    ],
    objects: ['s3:PutObject', 's3:DeleteObject'],
  },
};

const OBJECT_ACTIONS: Readonly<Record<AclPermission, readonly string[]>> = {
  READ: ['s3:GetObject', 's3:GetObjectVersion', 's3:GetObjectTorrent'],
  WRITE: [],
  READ_ACP: ['s3:GetObjectAcl', 's3:GetObjectVersionAcl'],
  WRITE_ACP: ['s3:PutObjectAcl', 's3:PutObjectVersionAcl'],
  FULL_CONTROL: [
    ...['s3:GetObject', 's3:GetObjectVersion', 's3:GetObjectTorrent'],
    ...['s3:GetObjectAcl', 's3:GetObjectVersionAcl', 's3:PutObjectAcl', 's3:PutObjectVersionAcl'],
  ],
};

/** Who a grant is for, as the principal of a policy; `undefined` for those who need none. */
function principalOf(to: Grantee): unknown {
  if (to === 'everyone') return '*';
  if (to === 'logs') return { Service: 'logging.s3.amazonaws.com' };
  return undefined;
}

/** A list of a bucket as statements of a policy: whoever decides calls knows of policies only. */
export function bucketStatements(bucket: string, grants: readonly Grant[]): readonly object[] {
  const arn = `arn:aws:s3:::${bucket}`;
  return grants.flatMap(({ to, permission }) => {
    const { bucket: onBucket, objects } = BUCKET_ACTIONS[permission];
    return [...statement(to, onBucket, arn), ...statement(to, objects, `${arn}/*`)];
  });
}

/** The same for a list of an object. */
export function objectStatements(bucket: string, key: string, grants: readonly Grant[]): readonly object[] {
  return grants.flatMap(({ to, permission }) =>
    statement(to, OBJECT_ACTIONS[permission], literalArn(`arn:aws:s3:::${bucket}/${key}`)),
  );
}

/** Everyone who has signed is of the account, or unknown: a signature of nobody is refused before. */
function statement(to: Grantee, actions: readonly string[], resource: string): readonly object[] {
  if (actions.length === 0 || to === 'owner') return [];
  const principal = to === 'signed' ? { AWS: ACCOUNT_ID } : principalOf(to);
  return [{ Effect: 'Allow', Principal: principal, Action: actions, Resource: resource }];
}

/** A key as it stands, where patterns are read. */
const LITERALS: Readonly<Record<string, string>> = { '*': '${*}', '?': '${?}', $: '${$}' };

function literalArn(arn: string): string {
  return arn.replace(/[*?$]/g, (character) => LITERALS[character]!);
}
