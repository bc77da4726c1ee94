import { ACCOUNT_ID, formatArn } from '../../../base/index.ts';

/** A policy as it is stored. */
export interface Policy {
  readonly name: string;
  readonly region: string;
  /** Oldest first; at most five. */
  readonly versions: readonly PolicyVersion[];
  readonly defaultVersionId: string;
  /** Number of the next version: numbers are never used again. */
  readonly nextVersion: number;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly modifiedAt: number;
}

export interface PolicyVersion {
  readonly id: string;
  /** The document's text, as it was given. */
  readonly document: string;
  readonly createdAt: number;
}

export function policyArn({ name, region }: Pick<Policy, 'name' | 'region'>): string {
  return formatArn('iot', region, ACCOUNT_ID, `policy/${name}`);
}
