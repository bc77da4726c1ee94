import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { idOf } from './entities.ts';

/** A policy of AWS's own, as its latest version stands. */
export interface AwsManagedPolicy {
  readonly name: string;
  readonly id: string;
  readonly arn: string;
  readonly path: string;
  /** `v3`. */
  readonly version: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** JSON text. */
  readonly document: string;
}

interface Row {
  readonly version: string;
  readonly created: string;
  readonly updated: string;
  readonly document: unknown;
}

const PREFIX = 'arn:aws:iam::aws:policy/';

let policies: ReadonlyMap<string, AwsManagedPolicy> | undefined;

/** True for the ARN of a policy that AWS keeps, whether or not its document is known here. */
export function isAwsManaged(arn: string): boolean {
  return arn.startsWith(PREFIX);
}

/**
 * A policy that AWS keeps; `undefined` where its document is not among `aws-managed-policies.json`. Policies that grant reading
 * of everything (ReadOnlyAccess, ViewOnlyAccess, SecurityAudit) are kept with the actions of services that a node may have.
 */
export function awsManagedPolicy(arn: string): AwsManagedPolicy | undefined {
  return isAwsManaged(arn) ? load().get(arn) : undefined;
}

/** All that are known, sorted by name. */
export function awsManagedPolicies(): readonly AwsManagedPolicy[] {
  return [...load().values()];
}

/** Reads the file when the first of them is asked for: few nodes need it, and not at their start. */
function load(): ReadonlyMap<string, AwsManagedPolicy> {
  if (policies) return policies;
  const file = new URL('./aws-managed-policies.json', import.meta.url);
  const rows = JSON.parse(readFileSync(file, 'utf8')) as Record<string, Row>;
  const read = Object.entries(rows).map(([place, row]) => toPolicy(place, row));
  policies = new Map(read.sort((a, b) => (a.name < b.name ? -1 : 1)).map((policy) => [policy.arn, policy]));
  return policies;
}

function toPolicy(place: string, { version, created, updated, document }: Row): AwsManagedPolicy {
  const arn = `${PREFIX}${place}`;
  const slash = place.lastIndexOf('/') + 1;
  return {
    name: place.slice(slash),
    // AWS's own ids are not published; ours stay the same from node to node.
    id: idOf('ANPA', createHash('sha256').update(arn).digest().subarray(0, 16)),
    arn,
    path: `/${place.slice(0, slash)}`,
    version,
    createdAt: Date.parse(created),
    updatedAt: Date.parse(updated),
    document: JSON.stringify(document),
  };
}
