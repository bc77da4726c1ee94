import type { Random } from '../../base/index.ts';

/** Tags by key; keys that differ in case only are the same. */
export type Tags = Readonly<Record<string, string>>;

/** What every entity has. */
interface Entity {
  readonly name: string;
  readonly id: string;
  readonly arn: string;
  /** Begins and ends with a slash. */
  readonly path: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
}

/** What policies hang on. Members may miss in data of releases that knew none of them. */
interface Holder extends Entity {
  /** Inline policies by name: documents, as text. */
  readonly inlinePolicies?: Readonly<Record<string, string>>;
  /** ARNs of managed policies, in the order they were attached. */
  readonly attachedPolicies?: readonly string[];
}

/** A role as it is stored. */
export interface Role extends Holder {
  /** Who may assume it: a policy document, as text. */
  readonly trustPolicy: string;
  readonly description?: string;
  readonly maxSessionSeconds: number;
  readonly tags: Tags;
  /** ARN of the managed policy that bounds its rights. */
  readonly boundary?: string;
}

/** A user as it is stored. */
export interface User extends Holder {
  readonly tags: Tags;
  readonly boundary?: string;
  /** Ids of the groups it is in, in the order it joined them. */
  readonly groups?: readonly string[];
}

/** A group as it is stored. Who is in it stands with the users. */
export interface Group extends Holder {}

/** A managed policy of the account, as it is stored. */
export interface ManagedPolicy extends Entity {
  readonly description?: string;
  /** Of the last new version, or the last change of the default one. */
  readonly updatedAt: number;
  readonly tags: Tags;
  /** `v1`. */
  readonly defaultVersion: string;
  /** Number of the last version that was made: numbers are not used again. */
  readonly lastVersion: number;
  readonly versions: Readonly<Record<string, PolicyVersion>>;
}

export interface PolicyVersion {
  readonly document: string;
  readonly createdAt: number;
}

/** An instance profile as it is stored. */
export interface InstanceProfile extends Entity {
  readonly tags: Tags;
  /** Names of roles: one at most. */
  readonly roles: readonly string[];
}

/** An OpenID Connect provider as it is stored. */
export interface OidcProvider {
  readonly arn: string;
  /** Host and path, without `https://`. */
  readonly url: string;
  readonly createdAt: number;
  readonly clientIds: readonly string[];
  readonly thumbprints: readonly string[];
  readonly tags: Tags;
}

/** What is set for the account as a whole. */
export interface AccountSettings {
  readonly alias?: string;
}

/** A user's permanent key. */
export interface UserKey {
  readonly accessKeyId: string;
  readonly secret: string;
  readonly userName: string;
  readonly active: boolean;
  readonly createdAt: number;
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** What an identifier begins with: of roles, users, groups, managed policies, instance profiles, keys, temporary keys. */
export type IdPrefix = 'AROA' | 'AIDA' | 'AGPA' | 'ANPA' | 'AIPA' | 'AKIA' | 'ASIA';

/** An identifier as AWS has them: its kind and 16 random letters. @see IAM User Guide, IAM identifiers */
export function uniqueId(prefix: IdPrefix, random: Random): string {
  return idOf(prefix, random.bytes(16));
}

/** The identifier that 16 bytes give. */
export function idOf(prefix: IdPrefix, bytes: Uint8Array): string {
  let id: string = prefix;
  for (const byte of bytes) id += ALPHABET[byte & 31];
  return id;
}

/** A secret of 40 characters. */
export function newSecret(random: Random): string {
  return random.bytes(30).toString('base64');
}
