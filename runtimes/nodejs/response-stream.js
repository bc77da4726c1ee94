'use strict';
/** Streamed responses: `awslambda.streamifyResponse` and the stream that such a handler writes to. */
const { Writable } = require('node:stream');
const channel = require('./channel.js');
const { InvalidStreamingOperation, MalformedStreamingHandler } = require('./errors.js');

/** How AWS's runtime marks a handler that streams; libraries that wrap handlers copy the mark. */
const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming');
const HIGH_WATER_MARK = Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark');
const CONTENT_TYPE = 'application/octet-stream';
const HTTP_CONTENT_TYPE = 'application/vnd.awslambda.http-integration-response';
/** Between the metadata of an HTTP response and its body. */
const DELIMITER = Buffer.alloc(8);

/** What the handler of a streamed response gets. The node hears of it with the first byte, or at its end. */
class ResponseStream extends Writable {
  #sequence;
  #contentType = CONTENT_TYPE;
  #started = false;
  #cut = false;

  constructor(sequence, highWaterMark) {
    super(highWaterMark === undefined ? {} : { highWaterMark });
    this.#sequence = sequence;
  }

  /** The node has been told that a response comes. */
  get started() {
    return this.#started;
  }

  /** @throws Runtime.InvalidStreamingOperation  something has been written */
  setContentType(contentType) {
    if (this.#started) throw new InvalidStreamingOperation('Cannot set content-type, too late.');
    this.#contentType = String(contentType);
  }

  /** As on Lambda, what is neither text nor bytes is written as JSON. */
  write(chunk, encoding, callback) {
    return super.write(isPlain(chunk) ? chunk : JSON.stringify(chunk), encoding, callback);
  }

  end(chunk, encoding, callback) {
    const given = typeof chunk === 'function' || chunk === undefined || chunk === null || isPlain(chunk);
    return super.end(given ? chunk : JSON.stringify(chunk), encoding, callback);
  }

  /** The invocation is over: what is written from now on goes nowhere. */
  cut() {
    this.#cut = true;
    this.destroy();
  }

  _write(chunk, _encoding, callback) {
    if (this.#cut) return callback();
    this.#start();
    channel.streamChunk(this.#sequence, chunk, callback);
  }

  _final(callback) {
    this.#start();
    callback();
  }

  #start() {
    if (this.#started) return;
    this.#started = true;
    channel.streamStart(this.#sequence, this.#contentType);
    if (typeof this._onBeforeFirstWrite !== 'function') return;
    this._onBeforeFirstWrite((bytes) => channel.streamChunk(this.#sequence, Buffer.from(bytes), () => {}));
  }
}

const isPlain = (chunk) => typeof chunk === 'string' || ArrayBuffer.isView(chunk);

/**
 * Gives a streamed response the status, headers and cookies of an HTTP response. `_onBeforeFirstWrite` is what libraries that
 * bring an `HttpResponseStream` of their own set as well.
 */
const HttpResponseStream = {
  from(stream, metadata) {
    stream.setContentType(HTTP_CONTENT_TYPE);
    const json = JSON.stringify(metadata);
    stream._onBeforeFirstWrite = (write) => {
      write(json);
      write(DELIMITER);
    };
    return stream;
  },
};

/** Marks a handler `(event, responseStream, context)`. */
function streamifyResponse(handler, options) {
  handler[STREAMING] = 'response';
  if (typeof options?.highWaterMark === 'number') handler[HIGH_WATER_MARK] = Math.trunc(options.highWaterMark);
  return handler;
}

/** @throws Runtime.MalformedStreamingHandler  it is marked for something else than a streamed response */
function isStreaming(handler) {
  const mark = handler[STREAMING];
  if (!mark) return false;
  if (mark === 'response') return true;
  throw new MalformedStreamingHandler('Only response streaming is supported.');
}

function highWaterMarkOf(handler) {
  const mark = handler[HIGH_WATER_MARK];
  return mark > 0 ? mark : undefined;
}

module.exports = { HttpResponseStream, ResponseStream, highWaterMarkOf, isStreaming, streamifyResponse };
