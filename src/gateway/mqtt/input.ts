import { readShared } from '../../base/index.ts';
import type { Transport } from './transport.ts';

/**
 * Gives what arrives on a socket, once it is resumed. The bytes are good only until `received` returns: whoever keeps any copies them.
 * Plain sockets are read into one buffer; other streams (TLS, WebSocket) give chunks of their own.
 */
export function receive(socket: Transport, received: (chunk: Buffer) => void): void {
  // One that holds bytes already (behind a PROXY header) gives those first.
  if (!readShared(socket, received)) socket.on('data', received);
}
