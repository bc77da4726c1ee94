/*
 * The header that a proxy sends before the bytes of the connection that it passes on.
 *
 *    0  signature        0D 0A 0D 0A 00 0D 0A 51 55 49 54 0A
 *   12  version, command 2 in the upper four bits; 0 LOCAL (the proxy itself: a health check) or 1 PROXY in the lower
 *   13  family, protocol 1 IPv4, 2 IPv6, 3 UNIX, 0 unspecified in the upper four; 1 STREAM, 2 DGRAM in the lower
 *   14  length           u16, of all that follows
 *   16  addresses        IPv4 4+4+2+2, IPv6 16+16+2+2, UNIX 108+108
 *    .  TLVs             type u8, length u16, value
 *
 * @see "The PROXY protocol", versions 1 & 2 (HAProxy), section 2.2
 */
import { crc32c } from '@node-rs/crc32';

const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const FIXED_BYTES = 16;
/** Longest header that is read: addresses and the TLVs that load balancers send fit many times. */
export const PROXY_HEADER_BYTES_MAX = 4096;

const LOCAL = 0x20;
const PROXY = 0x21;
/** Bytes of the addresses by family. */
const ADDRESS_BYTES = [0, 12, 36, 216] as const;

const TLV_ALPN = 0x01;
const TLV_AUTHORITY = 0x02;
const TLV_CRC32C = 0x03;
const TLV_SSL = 0x20;
/** Bit of the first byte of the SSL TLV: the client has come over TLS. */
const CLIENT_SSL = 0x01;

/** Bytes that are no PROXY header of version 2; the connection must be closed (section 2.2: "must be dropped"). */
export class ProxyError extends Error {
  override readonly name = 'ProxyError';
}

/** What the proxy tells of the connection. */
export interface ProxyHeader {
  /** Address of the client; absent where the proxy speaks for itself (a health check), or for a family without addresses. */
  readonly sourceAddress: string | undefined;
  readonly sourcePort: number | undefined;
  /** The proxy has ended TLS that the client came over. */
  readonly isEncrypted: boolean;
  /** Server name that the client has asked for there. */
  readonly authority: string | undefined;
  /** Protocol that was agreed on there. */
  readonly alpn: string | undefined;
}

/**
 * Bytes of the whole header, once enough is there to tell.
 *
 * @returns `undefined` when more must be read
 * @throws ProxyError  it does not begin as a header does, or is longer than {@link PROXY_HEADER_BYTES_MAX}
 */
export function proxyHeaderBytes(bytes: Buffer): number | undefined {
  const known = Math.min(bytes.length, SIGNATURE.length);
  if (!bytes.subarray(0, known).equals(SIGNATURE.subarray(0, known))) {
    throw new ProxyError('the connection does not begin with a PROXY header of version 2');
  }
  if (bytes.length < FIXED_BYTES) return undefined;
  const length = FIXED_BYTES + bytes.readUInt16BE(14);
  if (length > PROXY_HEADER_BYTES_MAX) throw new ProxyError(`a PROXY header of ${length} bytes is too long`);
  return length;
}

/** Reads a whole header. @throws ProxyError */
export function readProxyHeader(header: Buffer): ProxyHeader {
  const command = header[12]!;
  if (command !== LOCAL && command !== PROXY) {
    throw new ProxyError(`unknown PROXY version and command 0x${command.toString(16)}`);
  }
  const family = header[13]! >>> 4;
  const addressBytes = ADDRESS_BYTES[family];
  if (addressBytes === undefined || (header[13]! & 0x0f) > 2) throw new ProxyError('unknown PROXY address family');
  if (command === LOCAL) return NOTHING_SAID;
  if (header.length < FIXED_BYTES + addressBytes)
    throw new ProxyError('the PROXY header is too short for its addresses');
  return { ...sourceOf(header, family), ...said(header, FIXED_BYTES + addressBytes) };
}

const NOTHING_SAID: ProxyHeader = {
  sourceAddress: undefined,
  sourcePort: undefined,
  isEncrypted: false,
  authority: undefined,
  alpn: undefined,
};

function sourceOf(header: Buffer, family: number): Pick<ProxyHeader, 'sourceAddress' | 'sourcePort'> {
  if (family === 1) {
    return { sourceAddress: header.subarray(16, 20).join('.'), sourcePort: header.readUInt16BE(24) };
  }
  if (family === 2) return { sourceAddress: ipv6(header.subarray(16, 32)), sourcePort: header.readUInt16BE(48) };
  return { sourceAddress: undefined, sourcePort: undefined };
}

/** The address as Node writes it (RFC 5952), one that stands for an IPv4 address as that. */
function ipv6(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2));
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (isMapped) return bytes.subarray(12).join('.');
  const [start, length] = longestZeros(groups);
  const hex = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':');
  if (length < 2) return hex(groups);
  return `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`;
}

function longestZeros(groups: readonly number[]): readonly [start: number, length: number] {
  let best: readonly [number, number] = [0, 0];
  let start = 0;
  groups.forEach((group, index) => {
    if (group !== 0) start = index + 1;
    else if (index + 1 - start > best[1]) best = [start, index + 1 - start];
  });
  return best;
}

/** What the TLVs say. */
function said(header: Buffer, from: number): Pick<ProxyHeader, 'isEncrypted' | 'authority' | 'alpn'> {
  let isEncrypted = false;
  let authority: string | undefined;
  let alpn: string | undefined;
  for (let at = from; at < header.length; ) {
    if (at + 3 > header.length) throw new ProxyError('a TLV of the PROXY header is cut off');
    const end = at + 3 + header.readUInt16BE(at + 1);
    if (end > header.length) throw new ProxyError('a TLV of the PROXY header is longer than the header');
    const value = header.subarray(at + 3, end);
    if (header[at] === TLV_ALPN) alpn = value.toString('latin1');
    else if (header[at] === TLV_AUTHORITY) authority = value.toString('utf8');
    else if (header[at] === TLV_SSL) isEncrypted = value.length > 0 && (value[0]! & CLIENT_SSL) !== 0;
    else if (header[at] === TLV_CRC32C) checkCrc(header, at + 3, value);
    at = end;
  }
  return { isEncrypted, authority, alpn };
}

/** The checksum is over the whole header with zeros in its own place (section 2.2.3). */
function checkCrc(header: Buffer, at: number, value: Buffer): void {
  if (value.length !== 4) throw new ProxyError('the checksum of the PROXY header has not four bytes');
  const bare = Buffer.from(header);
  bare.fill(0, at, at + 4);
  if (crc32c(bare) !== value.readUInt32BE()) throw new ProxyError('the checksum of the PROXY header is wrong');
}
