import type { Random } from '../../base/index.ts';

/** A role as it is stored. */
export interface Role {
  readonly name: string;
  readonly id: string;
  readonly arn: string;
  readonly path: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** Who may assume it: a policy document, as text. */
  readonly trustPolicy: string;
  readonly description?: string;
  readonly maxSessionSeconds: number;
  readonly tags: Readonly<Record<string, string>>;
  /** Inline policies by name: documents, as text. */
  readonly inlinePolicies: Readonly<Record<string, string>>;
  /** ARNs of managed policies, in the order they were attached. */
  readonly attachedPolicies: readonly string[];
}

/** A user as it is stored. */
export interface User {
  readonly name: string;
  readonly id: string;
  readonly arn: string;
  readonly path: string;
  readonly createdAt: number;
  readonly tags: Readonly<Record<string, string>>;
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

/** An identifier as AWS has them: `AROA` for roles, `AIDA` users, `AKIA` keys, `ASIA` temporary keys, and 16 random letters. */
export function uniqueId(prefix: 'AROA' | 'AIDA' | 'AKIA' | 'ASIA', random: Random): string {
  let id: string = prefix;
  for (const byte of random.bytes(16)) id += ALPHABET[byte & 31];
  return id;
}

/** A secret of 40 characters. */
export function newSecret(random: Random): string {
  return random.bytes(30).toString('base64');
}
