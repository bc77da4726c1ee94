'use strict';
/**
 * The environment's end of the channel to the node: frames over the socket at descriptor 3, read and written synchronously.
 *
 *   frame    u32le length of the rest | u8 kind | body
 *   to us    1 load    JSON: see bootstrap.js
 *            2 invoke  u32le sequence | f64le deadline (epoch ms) | u16le lengths of request id, trace header, function
 *                      ARN, client context | these four, UTF-8 | payload, JSON
 *            3 exec    JSON: see exec.js
 *   from us  16 ready | 17 initialised | 18 init error: JSON
 *            19 response  u32le sequence | u32le peak memory, KiB | payload, JSON
 *            20 error     as response, then u8 fatal | u8 length of the type | type | payload, JSON
 *            21 log       one line, UTF-8
 *            22 code cache  u16le length of the name | name | bytes
 *
 * Reading blocks the thread, and that is the point: between two invocations an environment must not run, and it has nothing
 * else to wait for. It also saves the event loop's poll from every round trip. `src/runtime/frames.ts` is the other end.
 */
const { readSync, writeSync } = require('node:fs');

const DESCRIPTOR = 3;
const KIND = {
  load: 1,
  invoke: 2,
  exec: 3,
  ready: 16,
  initialised: 17,
  initError: 18,
  response: 19,
  error: 20,
  log: 21,
  codeCache: 22,
};
/** Longest line sent as one log event, bytes: the limit of CloudWatch Logs. */
const LOG_LINE_BYTES_MAX = 256 * 1024;

/** Holds any small frame, so that it takes one system call to read it. */
const scratch = Buffer.allocUnsafeSlow(64 * 1024);
const INVOKE_HEAD_BYTES = 20;

/** Reads some bytes into `target`; 0 at the end of the stream. A signal may interrupt the wait. */
function readSome(target, offset, length) {
  for (;;) {
    try {
      return readSync(DESCRIPTOR, target, offset, length, null);
    } catch (error) {
      if (error.code === 'ECONNRESET') return 0;
      if (error.code !== 'EINTR' && error.code !== 'EAGAIN') throw error;
    }
  }
}

/**
 * Waits for the next frame. Its body is a view that the next call overwrites.
 *
 * @returns `undefined` when the node has closed the channel
 */
function read() {
  let have = 0;
  while (have < 5) {
    const count = readSome(scratch, have, scratch.length - have);
    if (count === 0) return undefined;
    have += count;
  }
  const end = 4 + scratch.readUInt32LE(0);
  const kind = scratch[4];
  const frame = end <= scratch.length ? scratch : Buffer.allocUnsafeSlow(end);
  if (frame !== scratch) scratch.copy(frame, 0, 0, have);
  while (have < end) {
    const count = readSome(frame, have, end - have);
    if (count === 0) return undefined;
    have += count;
  }
  return { kind, body: frame.subarray(5, end) };
}

function writeAll(bytes) {
  let offset = 0;
  while (offset < bytes.length) {
    try {
      offset += writeSync(DESCRIPTOR, bytes, offset, bytes.length - offset);
    } catch (error) {
      if (error.code === 'EPIPE' || error.code === 'ECONNRESET') return;
      if (error.code !== 'EINTR' && error.code !== 'EAGAIN') throw error;
    }
  }
}

/** A frame's buffer with `headBytes` for the fixed part and room for `text`; returns it written but for the head. */
function frameOf(kind, headBytes, text) {
  const frame = Buffer.allocUnsafe(5 + headBytes + Buffer.byteLength(text));
  frame.writeUInt32LE(frame.length - 4, 0);
  frame[4] = kind;
  frame.utf8Write(text, 5 + headBytes);
  return frame;
}

function signal(kind) {
  writeAll(frameOf(kind, 0, ''));
}

function initError(json) {
  writeAll(frameOf(KIND.initError, 0, json));
}

function response(sequence, memoryKb, json) {
  const frame = frameOf(KIND.response, 8, json);
  frame.writeUInt32LE(sequence, 5);
  frame.writeUInt32LE(memoryKb, 9);
  writeAll(frame);
}

function error(sequence, memoryKb, fatal, type, json) {
  const name = Buffer.from(type).subarray(0, 255);
  const frame = frameOf(KIND.error, 10 + name.length, json);
  frame.writeUInt32LE(sequence, 5);
  frame.writeUInt32LE(memoryKb, 9);
  frame[13] = fatal ? 1 : 0;
  frame[14] = name.length;
  name.copy(frame, 15);
  writeAll(frame);
}

function log(line) {
  const whole = line.length * 3 <= LOG_LINE_BYTES_MAX || Buffer.byteLength(line) <= LOG_LINE_BYTES_MAX;
  writeAll(frameOf(KIND.log, 0, whole ? line : Buffer.from(line).subarray(0, LOG_LINE_BYTES_MAX).toString()));
}

function codeCache(name, bytes) {
  const text = Buffer.from(name);
  const head = Buffer.allocUnsafe(7 + text.length);
  head.writeUInt32LE(3 + text.length + bytes.length, 0);
  head[4] = KIND.codeCache;
  head.writeUInt16LE(text.length, 5);
  text.copy(head, 7);
  writeAll(head);
  writeAll(bytes);
}

/** Takes an invoke frame apart. The payload is decoded here, once, so that the frame's buffer is free again. */
function parseInvoke(body) {
  let at = INVOKE_HEAD_BYTES;
  const text = (length) => {
    at += length;
    return body.utf8Slice(at - length, at);
  };
  return {
    sequence: body.readUInt32LE(0),
    deadlineMs: body.readDoubleLE(4),
    requestId: text(body.readUInt16LE(12)),
    traceHeader: text(body.readUInt16LE(14)),
    invokedFunctionArn: text(body.readUInt16LE(16)),
    clientContext: text(body.readUInt16LE(18)),
    payload: body.utf8Slice(at, body.length),
  };
}

module.exports = { KIND, codeCache, error, initError, log, parseInvoke, read, response, signal };
