'use strict';
/**
 * The Node runtime of an execution environment.
 *
 *   start -> preload builtins, rehearse -> ready -> (blocks: this is a blank environment) -> load -> initialised
 *         -> (blocks: idle) -> invoke -> response or error -> (blocks: idle) -> ...
 *
 * While it blocks in `channel.read` no JavaScript runs: timers and sockets of the function stand still between invocations,
 * as in a frozen environment. Before an invocation the event loop turns once, so that what happened meanwhile (a server has
 * closed a kept-alive socket) is noticed before the handler uses it. An environment that runs several invocations at once, or
 * that a debugger may attach to, reads the channel by events instead, and its loop turns on.
 */
const channel = require('./channel.js');
const { Environment } = require('./environment.js');
const { exit } = require('./primordials.js');
const { openDoors } = require('./doors.js');
const { installGlobals } = require('./globals.js');
const { installLogging } = require('./logging.js');
const { takeHanded } = require('./successor.js');

const logging = installLogging(channel.log);
const environment = new Environment(logging, () => exit(0));

installGlobals();
process.on('uncaughtException', (error) => environment.fatal('Uncaught Exception', error, 129));
process.on('unhandledRejection', (reason, promise) => environment.rejected(reason, promise));
process.on('beforeExit', () => environment.onIdle());

async function start() {
  const handed = takeHanded();
  if (handed) return environment.load(handed);
  // A process that is started for a call that waits has no time for it.
  const isUrgent = process.env.MILLRACE_PRELOAD === 'none';
  delete process.env.MILLRACE_PRELOAD;
  if (!isUrgent) await require('./preload.js').preload(logging);
  await openDoors();
  channel.signal(channel.KIND.ready);
  environment.listen();
}

void start();
