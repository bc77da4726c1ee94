'use strict';
/** Where a process that starts from a snapshot goes on: as a blank environment does, but that its function is loaded already. */
const channel = require('../channel.js');
const { openDoors } = require('../doors.js');
const { prepare, serve } = require('../function.js');
const { Invocations } = require('../invocations.js');
const { installLogging } = require('../logging.js');
const { exit, setImmediate: soon } = require('../primordials.js');
const { runAfterRestore } = require('../snap-start.js');
const { takeHanded } = require('../successor.js');
const { fresh } = require('./uniqueness.js');

const { KIND } = channel;

/** @param handler  as init has left it */
function resume(handler) {
  fresh();
  delete process.env.MILLRACE_PRELOAD;
  const logging = installLogging(channel.log);
  const invocations = new Invocations(channel, logging, next);
  process.on('uncaughtException', (error) => invocations.fatal('Uncaught Exception', error, 129));
  process.on('unhandledRejection', (reason, promise) => invocations.rejected(reason, promise));
  process.on('beforeExit', () => invocations.onIdle());

  function next() {
    const frame = channel.read();
    if (!frame) exit(0);
    take(frame);
  }

  function take(frame) {
    if (frame.kind === KIND.load) return void load(channel.parseConfig(frame));
    if (frame.kind !== KIND.invoke) throw new Error(`frame of unknown kind ${frame.kind}`);
    const invocation = channel.parseInvoke(frame);
    soon(() => invocations.run(invocation));
  }

  async function load(config) {
    try {
      const environment = prepare(config, logging);
      await runAfterRestore();
      invocations.serve(
        serve(handler, environment, () => {}),
        config.concurrency > 1,
      );
    } catch (error) {
      error.name = 'Runtime.AfterRestoreError';
      return invocations.fatal('Uncaught Exception', error, 1);
    }
    if (config.concurrency > 1) channel.listen(take, () => exit(0));
    channel.signal(KIND.initialised);
    if (config.concurrency <= 1) soon(next);
  }

  const handed = takeHanded();
  if (handed) return void load(handed);
  openDoors().then(() => {
    channel.signal(KIND.ready);
    soon(next);
  });
}

module.exports = { resume };
