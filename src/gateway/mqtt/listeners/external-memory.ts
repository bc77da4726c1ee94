import { setFlagsFromString } from 'node:v8';

/** Crowds of handshakes of all listeners of this process. */
let crowds = 0;

/**
 * While fleets come back, has V8 begin to collect when what lives has grown to a multiple, with the memory outside the heap in it.
 *
 * Every TLS connection tells V8 of 47 KB that it holds outside the heap. V8 else marks the whole heap anew with each 64 MB of them, that
 * is 1,400 connections, in which nothing has died, by threads that take the event loop's core where there is no other: 0.2 ms of processor
 * time for each connection. Not at other times: buffers that are thrown away would pile up by the same multiple.
 */
export const externalMemory = {
  crowdBegan(): void {
    if (crowds++ === 0) setFlagsFromString('--external-memory-accounted-in-global-limit');
  },
  crowdEnded(): void {
    if (--crowds === 0) setFlagsFromString('--no-external-memory-accounted-in-global-limit');
  },
};
