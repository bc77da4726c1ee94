import { isIP } from 'node:net';
import { invalid } from '../errors.ts';

const COUNT_MAX = 256;

/**
 * `Fn::Cidr`: the first `count` blocks of `cidrBits` host bits within a block.
 *
 * @param block  `10.0.0.0/16` or an IPv6 block
 * @param count  1 to 256
 * @param hostBits  bits of the host part of each block; 8 unless said
 * @throws validation
 */
export function subnets(block: string, count: number, hostBits: number): readonly string[] {
  const [address = '', length = ''] = block.split('/');
  const version = isIP(address);
  const bits = version === 6 ? 128 : 32;
  const prefix = Number(length);
  if (version === 0 || !/^\d+$/.test(length) || prefix > bits) {
    throw invalid(`Template error: Fn::Cidr requires a valid CIDR block, not ${block}`);
  }
  if (!Number.isInteger(count) || count < 1 || count > COUNT_MAX) {
    throw invalid(`Template error: Fn::Cidr requires a count between 1 and ${COUNT_MAX}`);
  }
  const room = bits - prefix - hostBits;
  if (!Number.isInteger(hostBits) || hostBits < 1 || room < 0 || 2n ** BigInt(room) < BigInt(count)) {
    throw invalid(`Template error: Fn::Cidr: ${count} blocks of ${hostBits} host bits do not fit into ${block}`);
  }
  const mask = ((1n << BigInt(prefix)) - 1n) << BigInt(bits - prefix);
  const first = (version === 6 ? readIpv6(address) : readIpv4(address)) & mask;
  const write = version === 6 ? writeIpv6 : writeIpv4;
  return Array.from(
    { length: count },
    (_, index) => `${write(first + (BigInt(index) << BigInt(hostBits)))}/${bits - hostBits}`,
  );
}

function readIpv4(text: string): bigint {
  return text.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n);
}

function writeIpv4(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.');
}

function readIpv6(text: string): bigint {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  if (dotted) {
    const low = readIpv4(dotted[2]!);
    return readIpv6(`${dotted[1]}${(low >> 16n).toString(16)}:${(low & 65_535n).toString(16)}`);
  }
  const [head = '', tail] = text.split('::');
  const parts = (side: string) => (side === '' ? [] : side.split(':'));
  const left = parts(head);
  const right = tail === undefined ? [] : parts(tail);
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0');
  return [...left, ...zeros, ...right].reduce((sum, part) => sum * 65_536n + BigInt(`0x${part}`), 0n);
}

/** The longest run of zeros is left out, as everybody writes it. */
function writeIpv6(value: bigint): string {
  const parts = Array.from({ length: 8 }, (_, index) =>
    ((value >> BigInt(16 * (7 - index))) & 65_535n).toString(16),
  ).join(':');
  const runs = [...parts.matchAll(/(?:^|:)0(?::0)+(?=:|$)/g)].sort((a, b) => b[0].length - a[0].length);
  const [longest] = runs;
  if (!longest) return parts;
  const before = parts.slice(0, longest.index);
  const after = parts.slice(longest.index + longest[0].length);
  return `${before}::${after.replace(/^:/, '')}`;
}
