import { writeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { isPlainSocket } from './shared-reads.ts';

/** What Node keeps of a socket that is open; it is taken away before the descriptor is closed and may name another file. */
interface Handle {
  readonly fd?: number;
}

/**
 * Gives bytes to the kernel at once, past the stream of a socket, which spends about a microsecond of each small write on telling later what
 * `write(2)` tells at once. What the kernel does not take is for the stream to write, which also waits, and makes an event of a failure.
 */
export class DirectWriter {
  readonly #socket: { readonly writableLength: number };
  readonly #handle: Handle | null;
  readonly #fd: number;

  /** @param socket  connected; of one that is not node:net's own (TLS, WebSocket), or has no descriptor (Windows), nothing is ever taken */
  constructor(socket: { readonly writableLength: number }) {
    this.#socket = socket;
    this.#handle = isPlainSocket(socket) ? handleOf(socket) : null;
    this.#fd = this.#handle?.fd ?? -1;
  }

  /** Bytes of the first `length` that the kernel has taken; none while the stream holds some that go before. */
  write(bytes: Uint8Array, length = bytes.byteLength): number {
    if (this.#fd < 0 || handleOf(this.#socket as Socket) !== this.#handle || this.#socket.writableLength > 0) return 0;
    try {
      return writeSync(this.#fd, bytes, 0, length);
    } catch {
      // Full, or gone: the stream finds the same and says so.
      return 0;
    }
  }
}

function handleOf(socket: Socket): Handle | null {
  return (socket as unknown as { readonly _handle: Handle | null })._handle;
}
