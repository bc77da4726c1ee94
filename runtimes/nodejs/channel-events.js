'use strict';
/**
 * The channel read by events, for an environment that runs several invocations at once: its event loop turns all the time, so
 * it can wait for neither a frame nor room in the socket.
 */
const { Socket } = require('node:net');
const { readU32 } = require('./bytes.js');

const HEAD_BYTES = 5;

/** @see channel.js, `listen` */
function open(descriptor, onFrame, onEnd) {
  const socket = new Socket({ fd: descriptor, readable: true, writable: true });
  // Reset when the node kills us: `close` follows.
  socket.on('error', () => {});
  socket.on('close', onEnd);
  socket.on('data', reader(onFrame));
  // Each stream whose taker is behind waits for the same event.
  socket.setMaxListeners(0);
  const write = socket.write.bind(socket);
  const once = socket.once.bind(socket, 'drain');
  return { write: (bytes) => write(bytes), whenTaken: (done) => once(done) };
}

/** Cuts what comes into frames. A frame in many pieces is put together once, when its last one has come. */
function reader(onFrame) {
  let chunks = [];
  let have = 0;
  let need = HEAD_BYTES;
  return (chunk) => {
    chunks.push(chunk);
    have += chunk.length;
    if (have < need) return;
    const bytes = chunks.length === 1 ? chunk : Buffer.concat(chunks, have);
    let at = 0;
    need = HEAD_BYTES;
    while (bytes.length - at >= HEAD_BYTES) {
      const size = 4 + readU32(bytes, at);
      if (bytes.length - at < size) {
        need = size;
        break;
      }
      onFrame({ kind: bytes[at + 4], bytes, start: at + HEAD_BYTES, end: at + size });
      at += size;
    }
    have = bytes.length - at;
    chunks = have > 0 ? [bytes.subarray(at)] : [];
  };
}

module.exports = { open };
