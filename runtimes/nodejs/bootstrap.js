'use strict';
/**
 * The Node runtime of an execution environment.
 *
 *   start -> preload builtins -> ready -> (blocks: this is a blank environment) -> load -> initialised
 *         -> (blocks: idle) -> invoke -> response or error -> (blocks: idle) -> ...
 *
 * While it blocks in `channel.read` no JavaScript runs: timers and sockets of the function stand still between invocations,
 * as in a frozen environment. Before an invocation the event loop turns once, so that what happened meanwhile (a server has
 * closed a kept-alive socket) is noticed before the handler uses it. An environment that runs several invocations at once
 * reads the channel by events instead, and its loop turns on.
 */
const channel = require('./channel.js');
const { exit, setImmediate: soon } = require('./primordials.js');
const { openDoors } = require('./doors.js');
const { Invocations } = require('./invocations.js');
const { loadFunction } = require('./function.js');
const { installGlobals } = require('./globals.js');
const { installLogging } = require('./logging.js');
const { inspect } = require('./inspect.js');
const { preload } = require('./preload.js');
const { buildSnapshot } = require('./snapshot/build.js');
const { becomeWrapped, takeHanded } = require('./wrapper.js');

const { KIND } = channel;

const logging = installLogging(channel.log);
const invocations = new Invocations(channel, logging, next);

installGlobals();
process.on('uncaughtException', (error) => invocations.fatal('Uncaught Exception', error, 129));
process.on('unhandledRejection', (reason, promise) => invocations.rejected(reason, promise));
process.on('beforeExit', () => invocations.onIdle());

/** Waits for the node's next word. Runs in a turn of its own, after what the last handler left behind. */
function next() {
  const frame = channel.read();
  if (!frame) exit(0);
  take(frame);
}

function take(frame) {
  if (frame.kind === KIND.invoke) {
    const invocation = channel.parseInvoke(frame);
    return void soon(() => invocations.run(invocation));
  }
  if (frame.kind === KIND.load) return void load(channel.parseConfig(frame));
  if (frame.kind === KIND.snapshot) return void buildSnapshot(channel.parseConfig(frame));
  throw new Error(`frame of unknown kind ${frame.kind}`);
}

async function load(config) {
  if (becomeWrapped(config)) return;
  inspect(config.inspect);
  const loaded = await loadFunction(config, logging, (error) => invocations.fatal('Uncaught Exception', error, 1));
  // A debugger is answered between invocations too.
  const several = config.concurrency > 1 || config.inspect !== undefined;
  invocations.serve(loaded, several);
  if (several) channel.listen(take, () => exit(0));
  channel.signal(KIND.initialised);
  if (!several) soon(next);
}

async function start() {
  const handed = takeHanded();
  if (handed) return load(handed);
  // A process that is started for a call that waits has no time for it.
  const isUrgent = process.env.MILLRACE_PRELOAD === 'none';
  delete process.env.MILLRACE_PRELOAD;
  if (!isUrgent) await preload(logging);
  await openDoors();
  channel.signal(KIND.ready);
  soon(next);
}

void start();
