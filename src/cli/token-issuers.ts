import { resolve } from 'node:path';
import type { NodeConfig } from '../node/index.ts';
import { UsageError } from './command.ts';
import type { ConfigurationSource } from './outgoing.ts';

type TokenIssuer = NonNullable<NodeConfig['tokenIssuers']>[number];

/** Issuers that a node takes tokens of. */
const ISSUERS_MAX = 20;
const MEMBERS = ['issuer', 'audience', 'keys'];

/**
 * Reads the member `tokenIssuers` of a configuration.
 * @throws UsageError  naming the setting and what is wrong with it
 */
export function readTokenIssuers(given: unknown, from: ConfigurationSource): Pick<NodeConfig, 'tokenIssuers'> {
  if (given === undefined) return {};
  const entries = Object.entries(mappingOf('tokenIssuers', given));
  if (entries.length > ISSUERS_MAX) throw new UsageError(`tokenIssuers has more than ${ISSUERS_MAX} members`);
  return { tokenIssuers: entries.map(([name, settings]) => issuerOf(name, settings, from)) };
}

function issuerOf(name: string, given: unknown, from: ConfigurationSource): TokenIssuer {
  const path = `tokenIssuers.${name}`;
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(name)) {
    throw new UsageError(`${path}: names have 1 to 64 letters, digits, _ or -`);
  }
  const settings = mappingOf(path, given);
  const unknown = Object.keys(settings).find((member) => !MEMBERS.includes(member));
  if (unknown !== undefined)
    throw new UsageError(`unknown setting ${path}.${unknown}; there are ${MEMBERS.join(', ')}`);
  const keys = textOf(`${path}.keys`, settings.keys);
  const isAddress = /^https?:\/\//.test(keys);
  if (isAddress && !URL.canParse(keys)) throw new UsageError(`${path}.keys is no address`);
  const audience = audienceOf(`${path}.audience`, settings.audience);
  return {
    name,
    issuer: textOf(`${path}.issuer`, settings.issuer),
    keys: isAddress ? keys : resolve(from.directory, keys),
    ...(audience && { audience }),
  };
}

function audienceOf(path: string, value: unknown): readonly string[] | undefined {
  if (value === undefined) return undefined;
  return (Array.isArray(value) ? value : [value]).map((one: unknown) => textOf(path, one));
}

function textOf(path: string, value: unknown): string {
  if (value === undefined) throw new UsageError(`${path} is missing`);
  if (typeof value === 'string' && value !== '') return value;
  throw new UsageError(`${path} must be text`);
}

function mappingOf(path: string, value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new UsageError(`${path} must be a mapping`);
}
