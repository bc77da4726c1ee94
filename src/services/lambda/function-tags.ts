/*
 * Settings of a function that AWS's API has no member for: they are tags, as templates and every client can set them.
 *
 *     millrace:egress                   none | all | allow:DESTINATION,...   what its code reaches beside the node
 *     millrace:environment-concurrency  1 to 1,000                           invocations that one environment runs at once
 *
 * A destination is a host name, an IPv4 address or network (10.0.0.0/8), each with :PORT where only one is meant.
 */
import { isIPv4 } from 'node:net';
import type { Egress } from '../../runtime/index.ts';
import { invalidParameter } from './errors.ts';
import { LAMBDA_LIMITS } from './model.ts';

const EGRESS_TAG = 'millrace:egress';
const CONCURRENCY_TAG = 'millrace:environment-concurrency';

export type FunctionTags = Readonly<Record<string, string>>;

export interface TagSettings {
  readonly egress: Egress;
  readonly environmentConcurrency: number;
}

/** What the tags of a function set. @throws invalid-parameter: a value that is none, naming the tag */
export function tagSettings(tags: FunctionTags): TagSettings {
  return {
    egress: egressOf(tags[EGRESS_TAG] ?? 'all'),
    environmentConcurrency: concurrencyOf(tags[CONCURRENCY_TAG] ?? '1'),
  };
}

/** @throws invalid-parameter: the tags are too many, or one of the node's own has a wrong value */
export function checkTags(tags: FunctionTags): void {
  if (Object.keys(tags).length > LAMBDA_LIMITS.tagsMax) {
    throw invalidParameter(`Number of tags exceeds resource tag limit of ${LAMBDA_LIMITS.tagsMax}`);
  }
  tagSettings(tags);
}

function egressOf(text: string): Egress {
  if (text === 'all' || text === 'none') return { kind: text };
  const destinations = /^allow:(.+)$/
    .exec(text)?.[1]
    ?.split(',')
    .map((one) => one.trim());
  if (!destinations) {
    throw invalidParameter(
      `The tag ${EGRESS_TAG} is none, all, or allow:HOST[:PORT],NETWORK[:PORT],...; it was ${text}`,
    );
  }
  if (destinations.length > LAMBDA_LIMITS.egressDestinationsMax) {
    throw invalidParameter(`The tag ${EGRESS_TAG} takes ${LAMBDA_LIMITS.egressDestinationsMax} destinations at most`);
  }
  const wrong = destinations.find((one) => !isDestination(one));
  if (wrong === undefined) return { kind: 'allowlist', destinations };
  throw invalidParameter(
    `The tag ${EGRESS_TAG} has ${JSON.stringify(wrong)}: a destination is a host name, an IPv4 address or a network such as 10.0.0.0/8, with :PORT where only one is meant`,
  );
}

/** `host`, `1.2.3.4`, `10.0.0.0/8`, each with or without `:port`. Sandboxes have no IPv6. */
function isDestination(text: string): boolean {
  const parts = /^(?<host>[^:/]+)(?:\/(?<bits>\d{1,2}))?(?::(?<port>\d{1,5}))?$/.exec(text)?.groups;
  if (!parts) return false;
  const { host = '', bits, port } = parts;
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) return false;
  if (bits !== undefined) return isIPv4(host) && Number(bits) <= 32;
  return isIPv4(host) || isHostName(host);
}

/** Labels of letters, digits and hyphens; not all digits, or a mistyped address would pass for a name. */
function isHostName(host: string): boolean {
  const labels = host.split('.');
  if (host.length > 253 || /^[\d.]+$/.test(host)) return false;
  return labels.every((label) => /^(?!-)[A-Za-z0-9-]{1,63}(?<!-)$/.test(label));
}

function concurrencyOf(text: string): number {
  const value = Number(text);
  const max = LAMBDA_LIMITS.environmentConcurrencyMax;
  if (/^\d+$/.test(text) && value >= 1 && value <= max) return value;
  throw invalidParameter(`The tag ${CONCURRENCY_TAG} is a whole number from 1 to ${max}; it was ${text}`);
}
