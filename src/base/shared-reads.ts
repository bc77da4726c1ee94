import { Socket } from 'node:net';

/** Bytes of one read at most. More would only delay the other sockets of the turn. */
const READ_BYTES = 64 * 1024;

/** One for all sockets: what a read brings is used up before the next, and nothing has to be allocated for it. */
const shared = Buffer.allocUnsafeSlow(READ_BYTES);

/**
 * Gives what arrives on a socket, once it is resumed. The bytes are good only until `received` returns: whoever keeps any copies them.
 *
 * Sockets of node:net that were made by a server cannot be told to read into a buffer of ours, as those made with `onread` can; the
 * same members are set afterwards here. It saves 2 to 3 µs of the 5 that a read costs beside the kernel's work, and the garbage.
 *
 * @returns false where this cannot be read so: another stream, a socket that is derived (TLS), one that holds bytes already, one of a
 *   version of Node that has no such members
 */
export function readShared(socket: object, received: (chunk: Buffer) => void): boolean {
  if (!isPlainSocket(socket) || socket.readableLength > 0) return false;
  const handle = (socket as unknown as { _handle?: Partial<UserBufferHandle> })._handle;
  const members = membersOf(socket);
  if (members === undefined || typeof handle?.useUserBuffer !== 'function') return false;
  const target = socket as unknown as Record<symbol, unknown>;
  target[members.buffer] = shared;
  target[members.callback] = callback(received);
  handle.useUserBuffer(shared);
  flow(socket, handle);
  return true;
}

/**
 * Flowing: pauses and the end of the stream go by it, as with chunks. A socket whose handle is read already, as those that a server has just
 * made, needs no more than the mark: `resume` would come back to it in a tick of its own: 9 to 11 of the 180 µs that a connection and its other end cost.
 */
function flow(socket: Socket, { reading }: Partial<UserBufferHandle>): void {
  const { _readableState: state } = socket as unknown as { readonly _readableState?: { flowing: boolean | null } };
  if (reading === true && state?.flowing === null) state.flowing = true;
  else socket.resume();
}

/** What arrives from now on is the stream's own again, as with other sockets. @param socket  one that is read so */
export function endReadShared(socket: Socket): void {
  // The handle reads into the buffer for as long as it lives.
  const own = callback((chunk) => socket.push(Buffer.from(chunk)));
  (socket as unknown as Record<symbol, unknown>)[membersOf(socket)!.callback] = own;
}

/** By itself, so that it holds nothing but what it calls. */
function callback(received: (chunk: Buffer) => unknown): (size: number) => boolean {
  return (size) => received(beginning(size)) !== false;
}

/** Views of the buffer's beginning, by their size: most reads are small, and a view costs as much as to look at what is in it. */
const views: Buffer[] = [];
const VIEWED_BYTES_MAX = 1024;

function beginning(size: number): Buffer {
  if (size > VIEWED_BYTES_MAX) return shared.subarray(0, size);
  views[size] ??= shared.subarray(0, size);
  return views[size];
}

/** A socket of node:net itself, not one that is derived from it, as TLS sockets are. */
export function isPlainSocket(socket: object): socket is Socket {
  return socket instanceof Socket && Object.getPrototypeOf(socket) === Socket.prototype;
}

interface UserBufferHandle {
  readonly reading: boolean;
  useUserBuffer(buffer: Uint8Array): void;
}

interface Members {
  readonly buffer: symbol;
  readonly callback: symbol;
}

let found: Members | 'none' | undefined;

/** Where a socket keeps what `onread` has given, looked up once. */
function membersOf(socket: Socket): Members | undefined {
  if (found === undefined) {
    const symbols = Object.getOwnPropertySymbols(socket);
    const named = (name: string) => symbols.find(({ description }) => description === name);
    const [buffer, callback] = [named('kBuffer'), named('kBufferCb')];
    found = buffer && callback ? { buffer, callback } : 'none';
  }
  return found === 'none' ? undefined : found;
}
