'use strict';
/** The invocations of an environment: from the frame that asks to the frames that answer. */
const {
  EventInvalid,
  NodeJsExit,
  ResponseTooLarge,
  UnhandledPromiseRejection,
  toLogged,
  toPayload,
} = require('./errors.js');
const { requestIdHere, runWithin } = require('./globals.js');
const { marshal, runHandler } = require('./invocation.js');
const { byteLength, exit, parse, resourceUsage, setImmediate: soon, stringify } = require('./primordials.js');
const { noteAnswers } = require('./resource-answers.js');
const { ResponseStream } = require('./response-stream.js');

/** Bytes of a response at most, as Lambda counts them: 6 MB and some room for its own envelope. */
const RESPONSE_BYTES_MAX = 6_291_556;

class Invocations {
  #channel;
  #logging;
  #next;
  /** `{ handler, environment, streaming, highWaterMark, collectCaches }` once the function is loaded. */
  #function;
  #several = false;
  /** Those that run, by sequence number: `{ sequence, onIdle, stream }`. */
  #running = { __proto__: null };
  #answered = 0;

  /** @param next  waits for the next invocation */
  constructor(channel, logging, next) {
    this.#channel = channel;
    this.#logging = logging;
    this.#next = next;
  }

  /** @param several  invocations run at once: the channel is read by events, and each has a context of its own */
  serve(loaded, several) {
    this.#function = loaded;
    this.#several = several;
    if (several) this.#logging.setRequestIdOf(requestIdHere);
  }

  run(invocation) {
    if (this.#several) return runWithin(invocation, () => this.#run(invocation));
    const { requestId, traceHeader } = invocation;
    this.#logging.setRequestId(requestId);
    process.env._X_AMZN_TRACE_ID = traceHeader;
    this.#run(invocation);
  }

  /** The event loop has run empty under an invocation. */
  onIdle() {
    for (const sequence in this.#running) this.#running[sequence].onIdle();
  }

  rejected(reason, promise) {
    this.fatal('Unhandled Promise Rejection', new UnhandledPromiseRejection(reason, promise), 128);
  }

  /** The process ends: nobody knows what state the function is in. Every invocation that runs fails. */
  fatal(title, error, code) {
    this.#logging.log('ERROR', `${title} \t${toLogged(error)}`);
    const payload = toPayload(error);
    const json = stringify(payload);
    if (!this.#function) this.#channel.initError(json);
    let last;
    for (const sequence in this.#running) {
      if (last !== undefined) this.#channel.error(last, resourceUsage().maxRSS, false, payload.errorType, json);
      last = this.#running[sequence].sequence;
    }
    // The node ends the environment with the one that says it is fatal.
    if (last !== undefined) this.#channel.error(last, resourceUsage().maxRSS, true, payload.errorType, json);
    exit(code);
  }

  #run(invocation) {
    const { sequence } = invocation;
    const { handler, environment, streaming, highWaterMark } = this.#function;
    const mine = { sequence, onIdle: () => {}, stream: undefined };
    this.#running[sequence] = mine;
    const runs = () => this.#running[sequence] === mine;
    const answer = {
      succeed: (value) => runs() && this.#succeed(mine, value),
      fail: (error) => runs() && this.#fail(mine, error),
      exhausted: (isFailure) => runs() && (isFailure ? this.#fail(mine, neverSettled()) : this.#succeed(mine, null)),
    };
    let event;
    try {
      event = parse(invocation.payload);
    } catch (error) {
      return this.#report(mine, new EventInvalid(error.message, error));
    }
    noteAnswers(event);
    if (streaming) mine.stream = new ResponseStream(sequence, highWaterMark);
    mine.onIdle = runHandler(handler, event, invocation, environment, answer, mine.stream).onIdle;
  }

  #succeed(mine, value) {
    const { sequence, stream } = mine;
    if (stream) {
      this.#channel.streamEnd(sequence, resourceUsage().maxRSS, '', '');
      return this.#done(mine);
    }
    let json;
    try {
      json = marshal(value);
      refuseTooLarge(json);
    } catch (error) {
      return this.#fail(mine, error);
    }
    this.#channel.response(sequence, resourceUsage().maxRSS, json);
    this.#done(mine);
  }

  #fail(mine, error) {
    this.#logging.log('ERROR', `Invoke Error \t${toLogged(error)}`);
    this.#report(mine, error);
  }

  #report(mine, error) {
    const { sequence, stream } = mine;
    const payload = toPayload(error);
    const json = stringify(payload);
    // A response that has begun is broken off; the node knows what of it has gone out.
    if (stream?.started) this.#channel.streamEnd(sequence, resourceUsage().maxRSS, payload.errorType, json);
    else this.#channel.error(sequence, resourceUsage().maxRSS, false, payload.errorType, json);
    this.#done(mine);
  }

  #done({ sequence, stream }) {
    delete this.#running[sequence];
    stream?.cut();
    // After the first invocation, and after its answer: the caller does not wait for the code cache.
    if (this.#answered++ === 0) this.#function.collectCaches(this.#channel.codeCache);
    if (!this.#several) soon(this.#next);
  }
}

function refuseTooLarge(json) {
  if (json.length * 3 <= RESPONSE_BYTES_MAX) return;
  const size = byteLength(json);
  if (size <= RESPONSE_BYTES_MAX) return;
  throw new ResponseTooLarge(
    `Response payload size (${size} bytes) exceeded maximum allowed payload size (${RESPONSE_BYTES_MAX} bytes).`,
  );
}

function neverSettled() {
  return new NodeJsExit(
    'The Lambda runtime client detected an unexpected Node.js exit code. This is most commonly caused by a Promise that was never settled.',
  );
}

module.exports = { Invocations };
