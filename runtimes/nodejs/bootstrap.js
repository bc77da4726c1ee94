'use strict';
/**
 * The Node runtime of an execution environment.
 *
 *   start -> preload builtins -> ready -> (blocks: this is a blank environment) -> load -> initialised
 *         -> (blocks: idle) -> invoke -> response or error -> (blocks: idle) -> ...
 *
 * While it blocks in `channel.read` no JavaScript runs: timers and sockets of the function stand still between invocations,
 * as in a frozen environment. Before an invocation the event loop turns once, so that what happened meanwhile (a server has
 * closed a kept-alive socket) is noticed before the handler uses it. An environment that runs several invocations at once, or
 * that a debugger may attach to, reads the channel by events instead, and its loop turns on.
 */
const channel = require('./channel.js');
const { dateNow, exit, setImmediate: soon } = require('./primordials.js');
const { openDoors } = require('./doors.js');
const { Invocations } = require('./invocations.js');
const { loadFunction, prepare } = require('./function.js');
const { installGlobals } = require('./globals.js');
const { installLogging } = require('./logging.js');
const { handOver, isHandedOver, takeHanded } = require('./successor.js');

const { KIND } = channel;
let attending = false;
/** What it has been told, and made ready, while the function was not in its place yet: `{ config, environment }`. */
let prepared;

const logging = installLogging(channel.log);
const invocations = new Invocations(channel, logging, next);

installGlobals();
process.on('uncaughtException', (error) => invocations.fatal('Uncaught Exception', error, 129));
process.on('unhandledRejection', (reason, promise) => invocations.rejected(reason, promise));
process.on('beforeExit', () => invocations.onIdle());

/** Waits for the node's next word. Runs in a turn of its own, after what the last handler left behind. */
function next() {
  if (attending) return;
  const frame = channel.read();
  if (!frame) exit(0);
  take(frame);
}

function take(frame) {
  if (frame.kind === KIND.invoke) {
    const invocation = channel.parseInvoke(frame);
    return void soon(() => invocations.run(invocation));
  }
  if (frame.kind === KIND.prepare) return prepareFor(channel.parseConfig(frame));
  if (frame.kind === KIND.load) return void load(prepared?.config ?? channel.parseConfig(frame));
  if (frame.kind === KIND.attend) return attend();
  if (frame.kind === KIND.exec) return void require('./exec.js').become(channel.parseConfig(frame));
  if (frame.kind === KIND.snapshot)
    return void require('./snapshot/build.js').buildSnapshot(channel.parseConfig(frame));
  throw new Error(`frame of unknown kind ${frame.kind}`);
}

/** Reads the channel by events from now on: others in this process, or signals, need the event loop between invocations. */
function attend() {
  if (attending) return;
  attending = true;
  channel.listen(take, () => exit(0));
}

/** All but the function's code, which may not run before its limits hold. */
function prepareFor(config) {
  prepared = { config, environment: isHandedOver(config) ? undefined : prepare(config, logging) };
  next();
}

async function load(config) {
  if (handOver(config)) return;
  const failed = (error) => invocations.fatal('Uncaught Exception', error, 1);
  const inspected = config.inspectorPort !== undefined;
  if (inspected) await require('./inspector.js').openInspector(config.inspectorPort).catch(failed);
  const loaded = await loadFunction(config, prepared?.environment ?? prepare(config, logging), failed);
  // A debugger sets breakpoints between invocations: a thread that blocks would not answer it.
  const byEvents = config.concurrency > 1 || config.attends || inspected;
  invocations.serve(loaded, config.concurrency > 1);
  if (byEvents) attend();
  // What had to wait may have registered an extension, which the node asks before anything is invoked.
  const first = byEvents || loaded.waited ? undefined : config.first;
  channel.initialised(first !== undefined);
  if (first) begin(first);
  else soon(next);
}

/** The invocation that came with the load frame; its time counts from here. */
function begin({ timeoutMs, ...first }) {
  const invocation = { ...first, sequence: 0, deadlineMs: dateNow() + timeoutMs };
  soon(() => invocations.run(invocation));
}

async function start() {
  const handed = takeHanded();
  if (handed) return load(handed);
  // A process that is started for a call that waits has no time for it.
  const isUrgent = process.env.MILLRACE_PRELOAD === 'none';
  delete process.env.MILLRACE_PRELOAD;
  if (!isUrgent) await require('./preload.js').preload(logging);
  await openDoors();
  channel.signal(KIND.ready);
  soon(next);
}

void start();
