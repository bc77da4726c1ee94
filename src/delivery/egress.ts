import { BlockList, isIP } from 'node:net';
import type { EgressGuard } from './connection.ts';

export interface EgressRules {
  /** `dev` lets loopback and link-local pass: webhooks of a developer live there. */
  readonly mode: 'dev' | 'secured';
  /** Addresses, networks (`10.0.0.0/8`, `fd00::/8`) and host names that may be called although they are refused else. */
  readonly allow: readonly string[];
  /** Ports that the node itself listens on, now. */
  readonly ownPorts: () => readonly number[];
  /** Addresses of this machine's interfaces, now. */
  readonly ownAddresses: () => readonly string[];
}

/** Networks that reach this machine or its link only, or nobody in particular, and where clouds keep credentials of machines beside those. */
const RESERVED = [
  ['0.0.0.0', 8],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  // Alibaba Cloud.
  ['100.100.100.200', 32],
  ['224.0.0.0', 4],
  ['255.255.255.255', 32],
  ['::', 128],
  ['::1', 128],
  ['fe80::', 10],
  // Amazon's services within a VPC, and the metadata server of Google's.
  ['fd00:ec2::', 32],
  ['fd20:ce::254', 128],
  ['ff00::', 8],
] as const;

/** IPv6 addresses that have an IPv4 address in them, and at which byte: mapped, compatible, NAT64, 6to4. */
const EMBEDDED = [
  { prefix: '00000000000000000000ffff', at: 12 },
  { prefix: '000000000000000000000000', at: 12 },
  { prefix: '0064ff9b0000000000000000', at: 12 },
  { prefix: '2002', at: 2 },
] as const;

/**
 * Refuses the node's own ports at every address of this machine, always; in `secured` also loopback, link-local, multicast
 * and this machine's other addresses, unless they are allowed by name. An IPv6 address that wraps an IPv4 one is judged as that.
 */
export function egressGuard(rules: EgressRules): EgressGuard {
  const reserved = new BlockList();
  for (const [network, prefix] of RESERVED) reserved.addSubnet(network, prefix, familyOf(network));
  const allowed = allowList(rules.allow);
  const isHere = (address: string) => {
    return isLocal(address) || rules.ownAddresses().some((own) => canonicalAddress(own) === address);
  };
  return {
    refuse: (host, given, port) => {
      const address = canonicalAddress(given);
      const here = isHere(address);
      if (here && rules.ownPorts().includes(port)) return `${host} is this node itself`;
      if (rules.mode === 'dev' || allowed(host, address)) return undefined;
      if (here) return `${host} is this machine (${address}): allow it in webhooks.allow`;
      if (!reserved.check(address, familyOf(address))) return undefined;
      return `${host} is ${address}, which is not called unless webhooks.allow has it`;
    },
  };
}

/** An address, a network in CIDR notation, or a host name. */
export function isAllowEntry(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/');
  if (rest.length > 0) return false;
  const family = isIP(address);
  if (prefix !== undefined)
    return family !== 0 && /^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128);
  return (
    family !== 0 || /^(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/i.test(text)
  );
}

function allowList(entries: readonly string[]): (host: string, address: string) => boolean {
  const networks = new BlockList();
  const hosts = new Set<string>();
  for (const entry of entries) {
    const [address = '', prefix] = entry.split('/');
    if (isIP(address) === 0) hosts.add(entry.toLowerCase());
    else if (prefix === undefined) networks.addAddress(address, familyOf(address));
    else networks.addSubnet(address, Number(prefix), familyOf(address));
  }
  return (host, address) => hosts.has(host.toLowerCase()) || networks.check(address, familyOf(address));
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4';
}

/** 127.0.0.0/8, 0.0.0.0/8 (which connects to this machine), and what IPv6 has for them. */
function isLocal(address: string): boolean {
  return /^(127|0)\./.test(address) || address === '::1' || address === '::';
}

/** One spelling for an address: without zone, without leading zeros, the IPv4 address where one is wrapped in it. */
function canonicalAddress(text: string): string {
  const address = text.replace(/%.*$/, '');
  if (isIP(address) !== 6) return address;
  const bytes = bytesOf(address);
  const hex = bytes.toString('hex');
  const isPlain = hex === `${'0'.repeat(31)}1` || hex === '0'.repeat(32);
  const wrapped = isPlain ? undefined : EMBEDDED.find(({ prefix }) => hex.startsWith(prefix));
  if (wrapped) return [...bytes.subarray(wrapped.at, wrapped.at + 4)].join('.');
  // The URL parser spells addresses as RFC 5952 asks.
  return new URL(`http://[${address}]/`).hostname.slice(1, -1);
}

/** The 16 bytes of an IPv6 address. */
function bytesOf(address: string): Buffer {
  const spelled = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const [head = '', tail] = spelled.split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':'));
  const [before, after] = [groups(head), groups(tail ?? '')];
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  const all = [...before, ...Array.from({ length: zeros }, () => '0'), ...after];
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex');
}
