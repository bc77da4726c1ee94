'use strict';
/**
 * The Node runtime of an execution environment.
 *
 *   start -> preload builtins -> ready -> (blocks: this is a blank environment) -> load -> initialised
 *         -> (blocks: idle) -> invoke -> response or error -> (blocks: idle) -> ...
 *
 * While it blocks in `channel.read` no JavaScript runs: timers and sockets of the function stand still between invocations,
 * as in a frozen environment. Before an invocation the event loop turns once, so that what happened meanwhile (a server has
 * closed a kept-alive socket) is noticed before the handler uses it.
 */
const channel = require('./channel.js');
const { installCodeCache } = require('./code-cache.js');
const {
  EventInvalid,
  NodeJsExit,
  ResponseTooLarge,
  UnhandledPromiseRejection,
  toLogged,
  toPayload,
} = require('./errors.js');
const { hasCallbacks, loadHandler, refuseCallback } = require('./handler.js');
const { sizeHeap } = require('./heap.js');
const { marshal, runHandler } = require('./invocation.js');
const { installLogging } = require('./logging.js');
const { preload } = require('./preload.js');
const { installSourceMaps } = require('./source-maps.js');

const { parse, stringify } = JSON;
const { exit, resourceUsage } = process;

/** Bytes of a response at most, as Lambda counts them: 6 MB and some room for its own envelope. */
const RESPONSE_BYTES_MAX = 6_291_556;

const logging = installLogging(channel.log);
let environment;
let handler;
/** The invocation that runs: `{ sequence, onIdle }`. */
let current;
let collectCaches = () => [];
let invocations = 0;

process.on('uncaughtException', (error) => fatal('Uncaught Exception', error, 129));
process.on('unhandledRejection', (reason, promise) =>
  fatal('Unhandled Promise Rejection', new UnhandledPromiseRejection(reason, promise), 128),
);
process.on('beforeExit', () => current?.onIdle());

function fatal(title, error, code) {
  logging.log('ERROR', `${title} \t${toLogged(error)}`);
  reportError(error, true);
  exit(code);
}

function reportError(error, isFatal) {
  const payload = toPayload(error);
  const json = stringify(payload);
  if (!handler) return channel.initError(json);
  if (!current) return;
  const { sequence } = current;
  current = undefined;
  channel.error(sequence, resourceUsage().maxRSS, isFatal, payload.errorType, json);
}

/** Waits for the node's next word. Runs in a turn of its own, after what the last handler left behind. */
function next() {
  const frame = channel.read();
  if (!frame) return exit(0);
  if (frame.kind === channel.KIND.invoke) return setImmediate(invoke, channel.parseInvoke(frame.body));
  if (frame.kind === channel.KIND.load) return void load(parse(frame.body.toString('utf8')));
  throw new Error(`frame of unknown kind ${frame.kind}`);
}

/**
 * Becomes the environment of one function.
 *
 * @param config  `{ runtime, variables, root, handler, cacheDirectory, context }`
 */
async function load(config) {
  environment = { ...config.context, callbacks: hasCallbacks(config.runtime) };
  sizeHeap(Number(environment.memoryLimitInMB));
  for (const [name, value] of Object.entries(config.variables)) {
    // Setting TZ has V8 read the time zone anew, even if it stays what it was.
    if (process.env[name] !== value) process.env[name] = value;
  }
  logging.configure(config.variables.AWS_LAMBDA_LOG_FORMAT === 'JSON', config.variables.AWS_LAMBDA_LOG_LEVEL);
  process.chdir(config.root);
  collectCaches = installCodeCache(config.root, config.cacheDirectory);
  installSourceMaps(config.root);
  try {
    const loaded = await loadHandler(config.root, config.handler);
    if (!environment.callbacks) refuseCallback(loaded);
    handler = loaded;
  } catch (error) {
    return fatal('Uncaught Exception', error, 1);
  }
  channel.signal(channel.KIND.initialised);
  setImmediate(next);
}

function invoke(invocation) {
  const { sequence, requestId, traceHeader } = invocation;
  logging.setRequestId(requestId);
  process.env._X_AMZN_TRACE_ID = traceHeader;
  current = { sequence, onIdle: () => {} };
  const mine = current;
  const answer = {
    succeed: (value) => current === mine && respond(sequence, value),
    fail: (error) => current === mine && failed(error),
    exhausted: (isFailure) => current === mine && (isFailure ? failed(neverSettled()) : respond(sequence, null)),
  };
  let event;
  try {
    event = parse(invocation.payload);
  } catch (error) {
    reportError(new EventInvalid(error.message, error), false);
    return done();
  }
  mine.onIdle = runHandler(handler, event, invocation, environment, answer).onIdle;
}

function respond(sequence, value) {
  let json;
  try {
    json = marshal(value);
    refuseTooLarge(json);
  } catch (error) {
    return failed(error);
  }
  current = undefined;
  channel.response(sequence, resourceUsage().maxRSS, json);
  done();
}

function refuseTooLarge(json) {
  if (json.length * 3 <= RESPONSE_BYTES_MAX) return;
  const size = Buffer.byteLength(json);
  if (size <= RESPONSE_BYTES_MAX) return;
  throw new ResponseTooLarge(
    `Response payload size (${size} bytes) exceeded maximum allowed payload size (${RESPONSE_BYTES_MAX} bytes).`,
  );
}

function failed(error) {
  logging.log('ERROR', `Invoke Error \t${toLogged(error)}`);
  reportError(error, false);
  done();
}

function neverSettled() {
  return new NodeJsExit(
    'The Lambda runtime client detected an unexpected Node.js exit code. This is most commonly caused by a Promise that was never settled.',
  );
}

function done() {
  // After the first invocation, and after its answer: the caller does not wait for the code cache.
  if (invocations++ === 0) for (const [name, bytes] of collectCaches()) channel.codeCache(name, bytes);
  setImmediate(next);
}

// A process that is started for a call that waits has no time for it.
const ahead = process.env.MILLRACE_PRELOAD === 'none' ? Promise.resolve() : preload();
delete process.env.MILLRACE_PRELOAD;
ahead.then(() => {
  channel.signal(channel.KIND.ready);
  setImmediate(next);
});
