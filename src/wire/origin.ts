import type { CallOrigin } from '../services/index.ts';
import type { CallRequest } from './call.ts';
import { isLoopbackPeer } from './loopback.ts';

/** Where functions come from, whose door has no address. */
const THIS_MACHINE = '127.0.0.1';

/** Where a call comes from, as conditions of policies may ask. */
export function originOf(request: Pick<CallRequest, 'headers' | 'socket'>): CallOrigin {
  const { headers, socket } = request;
  return {
    sourceIp: sourceIpOf(request),
    isEncrypted: socket.encrypted ?? isWithinMachine(request),
    userAgent: headers['user-agent'],
    referer: headers.referer,
  };
}

/** Where a call comes from: an address. */
export function sourceIpOf({ socket }: Pick<CallRequest, 'socket'>): string {
  return unmapped(socket.remoteAddress ?? THIS_MACHINE);
}

/**
 * Policies that ask for TLS (`aws:SecureTransport`) mean that nobody listens on the way, and within this machine nobody does: the buckets
 * of osls and CDK refuse everything else, and their endpoint is `http://127.0.0.1`.
 */
function isWithinMachine({ headers, socket }: Pick<CallRequest, 'headers' | 'socket'>): boolean {
  const passedOn = headers.forwarded ?? headers['x-forwarded-for'] ?? headers['x-real-ip'];
  return passedOn === undefined && (socket.remoteAddress === undefined || isLoopbackPeer(socket.remoteAddress));
}

/** An address of version 4 that came to a listener of version 6. */
function unmapped(address: string): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
}
