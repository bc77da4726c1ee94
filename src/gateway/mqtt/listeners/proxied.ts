import type { Socket } from 'node:net';
import type { Clock } from '../../../base/index.ts';
import { type ProxyHeader, proxyHeaderBytes, readProxyHeader } from '../../../codec/proxy/index.ts';

/**
 * Reads the PROXY header that a connection from a trusted proxy begins with, and leaves the socket paused with what comes behind it
 * unread.
 *
 * @param taken  gets the header; not called when the socket closes first
 * @param refused  gets what is wrong with it, or that it did not come in time; the socket is destroyed
 */
export function awaitProxyHeader(
  socket: Socket,
  clock: Clock,
  timeoutMs: number,
  taken: (header: ProxyHeader) => void,
  refused: (reason: unknown) => void,
): void {
  let bytes: Buffer = Buffer.alloc(0);
  const timer = clock.timer(timeoutMs, () => refuse(new Error('no PROXY header came in time')));
  const refuse = (reason: unknown) => {
    socket.destroy();
    refused(reason);
  };
  const onError = () => socket.destroy();
  const onClose = () => timer.cancel();
  const onData = (chunk: Buffer) => {
    bytes = bytes.length > 0 ? Buffer.concat([bytes, chunk]) : chunk;
    let header: ProxyHeader;
    try {
      const length = proxyHeaderBytes(bytes);
      if (length === undefined || bytes.length < length) return;
      header = readProxyHeader(bytes.subarray(0, length));
      bytes = bytes.subarray(length);
    } catch (error) {
      return refuse(error);
    }
    timer.cancel();
    socket.pause();
    socket.off('data', onData).off('error', onError).off('close', onClose);
    if (bytes.length > 0) socket.unshift(bytes);
    taken(header);
  };
  socket.on('data', onData).on('error', onError).once('close', onClose);
  socket.resume();
}
