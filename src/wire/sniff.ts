import type { Socket } from 'node:net';
import type { Clock } from '../base/index.ts';
import { WIRE_LIMITS } from './limits.ts';

/** How every HTTP/2 connection begins; no HTTP/1.1 request has `PRI` for its method. */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
/** Enough of it to tell: `PUT` and `POST` differ by the second byte, `PRI` is told from `PROPFIND` by the third. */
const TELLING_BYTES = 3;

/** Waits for the first bytes of a connection and hands it, paused, to the protocol that they begin; to HTTP/2 with them put back. */
export function sniff(
  socket: Socket,
  clock: Clock,
  take: { readonly http1: (first: Buffer) => void; readonly http2: () => void },
): void {
  let first: Buffer = Buffer.alloc(0);
  const timer = clock.timer(WIRE_LIMITS.firstByteTimeoutMs, () => socket.destroy());
  const onError = () => socket.destroy();
  const onClose = () => timer.cancel();
  const onData = (chunk: Buffer) => {
    first = first.length > 0 ? Buffer.concat([first, chunk]) : chunk;
    const length = Math.min(first.length, TELLING_BYTES);
    const begins = first.subarray(0, length).equals(PREFACE.subarray(0, length));
    if (begins && length < TELLING_BYTES) return;
    timer.cancel();
    socket.pause();
    socket.off('data', onData).off('error', onError).off('close', onClose);
    if (!begins) return take.http1(first);
    socket.unshift(first);
    take.http2();
  };
  socket.on('data', onData).on('error', onError).once('close', onClose);
}
