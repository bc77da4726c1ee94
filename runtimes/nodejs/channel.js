'use strict';
/**
 * The environment's end of the channel to the node: frames over the socket at descriptor 3.
 *
 *   frame    u32le length of the rest | u8 kind | body
 *   to us    1 load    JSON: see bootstrap.js
 *            2 invoke  u32le sequence | f64le deadline (epoch ms) | u16le lengths of request id, trace header, function
 *                      ARN, client context | these four, UTF-8 | payload, JSON
 *            3 exec    JSON: see exec.js
 *            4 snapshot  JSON, as load: see snapshot/build.js
 *            6 attend  read by events from now on
 *            7 prepare  JSON, as load: all but the code; a load of `{}` follows when the function has its place
 *   from us  16 ready | 17 initialised: u8 1 when the invocation of the load frame begins with it | 18 init error: JSON
 *            19 response  u32le sequence | u32le peak memory, KiB | payload, JSON
 *            20 error     as response, then u8 fatal | u8 length of the type | type | payload, JSON
 *            21 log       one line, UTF-8
 *            22 code cache  u16le length of the name | name | bytes
 *            23 stream start  u32le sequence | content type, UTF-8
 *            24 stream chunk  u32le sequence | bytes
 *            25 stream end    u32le sequence | u32le peak memory, KiB | u8 length of the type | type | payload, JSON;
 *                             without a type the stream ended well
 *            27 snapshot part  u8 last | bytes
 *
 * Reading blocks the thread, and that is the point: between two invocations an environment must not run, and it has nothing
 * else to wait for. It also saves the event loop's poll from every round trip. An environment that runs several invocations at
 * once does wait for other things: it reads by events (`listen`). `src/runtime/environments/frames.ts` is the other end.
 *
 * The function's code shares this process, so nothing here looks up a method that it may have replaced: see primordials.js.
 */
const { closeSync, openSync } = require('node:fs');
const { readU16, readU32, writeU32 } = require('./bytes.js');
const channelEvents = require('./channel-events.js');
const {
  allocUnsafe,
  allocUnsafeSlow,
  bufferFrom,
  byteLength,
  copy,
  lengthOf,
  min,
  readDoubleLE,
  readSync,
  setBytes,
  utf8Slice,
  utf8Write,
  writeSync,
} = require('./primordials.js');

const DESCRIPTOR = 3;
const KIND = {
  __proto__: null,
  load: 1,
  invoke: 2,
  exec: 3,
  snapshot: 4,
  attend: 6,
  prepare: 7,
  ready: 16,
  initialised: 17,
  initError: 18,
  response: 19,
  error: 20,
  log: 21,
  codeCache: 22,
  streamStart: 23,
  streamChunk: 24,
  streamEnd: 25,
  snapshotPart: 27,
};
/** Longest line sent as one log event, bytes: the limit of CloudWatch Logs. */
const LOG_LINE_BYTES_MAX = 256 * 1024;
/** Bytes of a streamed response in one frame: the node hands them on while the next ones come. */
const CHUNK_BYTES_MAX = 64 * 1024;

const HEAD_BYTES = 5;
const SCRATCH_BYTES = 64 * 1024;
/** Holds any small frame, so that it takes one system call to read it. */
const scratch = allocUnsafeSlow(SCRATCH_BYTES);
const INVOKE_HEAD_BYTES = 20;

/** The channel itself, but while a blank environment rehearses. */
let descriptor = DESCRIPTOR;

/** Set while the channel is read by events: frames go through its socket then. */
let events;

/** What has been read of the next frames already stands there in `scratch`. */
let ahead = { from: 0, to: 0 };

/** Reads some bytes into `target`; 0 at the end of the stream. A signal may interrupt the wait. */
function readSome(target, offset, length) {
  for (;;) {
    try {
      return readSync(descriptor, target, offset, length, null);
    } catch (error) {
      if (error.code === 'ECONNRESET') return 0;
      if (error.code !== 'EINTR' && error.code !== 'EAGAIN') throw error;
    }
  }
}

/**
 * Waits for the next frame.
 *
 * @returns `{ kind, bytes, start, end }`: the body stands in `bytes` from `start` to `end`, until the next call. `undefined` when
 *   the node has closed the channel
 */
function read() {
  let have = takeAhead();
  while (have < HEAD_BYTES) {
    const count = readSome(scratch, have, SCRATCH_BYTES - have);
    if (count === 0) return undefined;
    have += count;
  }
  const end = 4 + readU32(scratch, 0);
  const bytes = end <= SCRATCH_BYTES ? scratch : allocUnsafeSlow(end);
  if (bytes !== scratch) copy(scratch, bytes, 0, 0, have);
  while (have < end) {
    const count = readSome(bytes, have, end - have);
    if (count === 0) return undefined;
    have += count;
  }
  if (have > end) ahead = { from: end, to: have };
  return { kind: bytes[4], bytes, start: HEAD_BYTES, end };
}

/** Moves what follows the last frame to where frames begin. @returns how many bytes that are */
function takeAhead() {
  const { from, to } = ahead;
  if (from === to) return 0;
  copy(scratch, scratch, 0, from, to);
  ahead = { from: 0, to: 0 };
  return to - from;
}

/**
 * Has what follows read `frames` as if the node had sent them, then the end of the channel, and speak to nobody.
 *
 * @returns a function that ends it
 */
function rehearse(frames) {
  descriptor = openSync('/dev/null', 'r+');
  ahead = { from: 0, to: copy(frames, scratch) };
  return () => {
    closeSync(descriptor);
    descriptor = DESCRIPTOR;
  };
}

/**
 * Reads by events from now on.
 *
 * @param onFrame  called with each frame, as {@link read} returns it
 * @param onEnd  called when the node has closed the channel
 */
function listen(onFrame, onEnd) {
  events = channelEvents.open(DESCRIPTOR, onFrame, onEnd);
}

/** @returns whether the node takes more at once; when it does not, `whenTaken` tells */
function send(bytes, length) {
  if (events) return events.write(bytes);
  let offset = 0;
  while (offset < length) {
    try {
      offset += writeSync(descriptor, bytes, offset, length - offset);
    } catch (error) {
      if (error.code === 'EPIPE' || error.code === 'ECONNRESET') return true;
      if (error.code !== 'EINTR' && error.code !== 'EAGAIN') throw error;
    }
  }
  return true;
}

/** Sends a frame of a fixed part and a text; `fill(frame)` writes the fixed part. */
function sendText(kind, headBytes, text, fill) {
  const frame = frameOf(kind, headBytes, text, fill);
  return send(frame, lengthOf(frame));
}

function frameOf(kind, headBytes, text, fill) {
  const textBytes = byteLength(text);
  const length = HEAD_BYTES + headBytes + textBytes;
  const frame = allocUnsafe(length);
  writeU32(frame, 0, length - 4);
  frame[4] = kind;
  if (fill) fill(frame);
  utf8Write(frame, text, HEAD_BYTES + headBytes, textBytes);
  return frame;
}

function signal(kind) {
  sendText(kind, 0, '');
}

/** @param begun  the invocation that came with the load frame begins now */
function initialised(begun) {
  sendText(KIND.initialised, 1, '', (frame) => {
    frame[HEAD_BYTES] = begun ? 1 : 0;
  });
}

function initError(json) {
  sendText(KIND.initError, 0, json);
}

function response(sequence, memoryKb, json) {
  sendText(KIND.response, 8, json, (frame) => {
    writeU32(frame, 5, sequence);
    writeU32(frame, 9, memoryKb);
  });
}

/** Name of an error's type in a frame: one byte counts its own. */
const shortName = (type) => {
  const name = bufferFrom(type);
  return lengthOf(name) <= 255 ? name : bufferFrom('Error');
};

function error(sequence, memoryKb, fatal, type, json) {
  const name = shortName(type);
  sendText(KIND.error, 10 + lengthOf(name), json, (frame) => {
    writeU32(frame, 5, sequence);
    writeU32(frame, 9, memoryKb);
    frame[13] = fatal ? 1 : 0;
    frame[14] = lengthOf(name);
    setBytes(frame, name, 15);
  });
}

function log(line) {
  const whole = line.length * 3 <= LOG_LINE_BYTES_MAX || byteLength(line) <= LOG_LINE_BYTES_MAX;
  sendText(KIND.log, 0, whole ? line : utf8Slice(bufferFrom(line), 0, LOG_LINE_BYTES_MAX));
}

function codeCache(name, bytes) {
  const text = bufferFrom(name);
  const nameBytes = lengthOf(text);
  const length = HEAD_BYTES + 2 + nameBytes;
  const head = allocUnsafe(length);
  writeU32(head, 0, length - 4 + lengthOf(bytes));
  head[4] = KIND.codeCache;
  head[5] = nameBytes;
  head[6] = nameBytes >>> 8;
  setBytes(head, text, 7);
  send(head, length);
  send(bytes, lengthOf(bytes));
}

function streamStart(sequence, contentType) {
  sendText(KIND.streamStart, 4, contentType, (frame) => writeU32(frame, 5, sequence));
}

/**
 * Sends bytes of a streamed response. Blocks while the node is behind; where the channel is read by events, `done` waits instead.
 *
 * @param done  called when more may be sent
 */
function streamChunk(sequence, bytes, done) {
  const total = lengthOf(bytes);
  let free = true;
  for (let at = 0; at < total; at += CHUNK_BYTES_MAX) {
    const count = min(total - at, CHUNK_BYTES_MAX);
    const length = HEAD_BYTES + 4 + count;
    const frame = allocUnsafe(length);
    writeU32(frame, 0, length - 4);
    frame[4] = KIND.streamChunk;
    writeU32(frame, 5, sequence);
    copy(bytes, frame, HEAD_BYTES + 4, at, at + count);
    free = send(frame, length);
  }
  if (free) done();
  else events.whenTaken(done);
}

/** @param type  of the error that broke the stream off; empty when it ended well */
function streamEnd(sequence, memoryKb, type, json) {
  const name = shortName(type);
  sendText(KIND.streamEnd, 9 + lengthOf(name), json, (frame) => {
    writeU32(frame, 5, sequence);
    writeU32(frame, 9, memoryKb);
    frame[13] = lengthOf(name);
    setBytes(frame, name, 14);
  });
}

function snapshotPart(bytes, last) {
  const total = lengthOf(bytes);
  const head = allocUnsafe(HEAD_BYTES + 1);
  writeU32(head, 0, 2 + total);
  head[4] = KIND.snapshotPart;
  head[5] = last ? 1 : 0;
  send(head, HEAD_BYTES + 1);
  send(bytes, total);
}

/** Takes an invoke frame apart. The payload is decoded here, once, so that the frame's buffer is free again. */
function parseInvoke({ bytes, start, end }) {
  let at = start + INVOKE_HEAD_BYTES;
  const text = (length) => {
    at += length;
    return utf8Slice(bytes, at - length, at);
  };
  return {
    sequence: readU32(bytes, start),
    deadlineMs: readDoubleLE(bytes, start + 4),
    requestId: text(readU16(bytes, start + 12)),
    traceHeader: text(readU16(bytes, start + 14)),
    invokedFunctionArn: text(readU16(bytes, start + 16)),
    clientContext: text(readU16(bytes, start + 18)),
    payload: utf8Slice(bytes, at, end),
  };
}

/** The JSON of a load or snapshot frame. */
function parseConfig({ bytes, start, end }) {
  return JSON.parse(utf8Slice(bytes, start, end));
}

module.exports = {
  DESCRIPTOR,
  KIND,
  codeCache,
  error,
  frameOf,
  initError,
  initialised,
  listen,
  log,
  parseConfig,
  parseInvoke,
  read,
  rehearse,
  response,
  signal,
  snapshotPart,
  streamChunk,
  streamEnd,
  streamStart,
};
