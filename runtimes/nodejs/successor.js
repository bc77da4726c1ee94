'use strict';
/**
 * A process that is there already cannot be wrapped by a script, nor start from a snapshot. So it starts another one in its place,
 * which gets the channel and the load frame, and waits for its end. `AWS_LAMBDA_EXEC_WRAPPER` is a script of the function or a layer:
 * it is called with the command that starts the runtime, and starts it as it likes.
 */
const path = require('node:path');
const channel = require('./channel.js');

/** Holds the load frame for the process that takes over. */
const HANDED = 'MILLRACE_LOAD';

/** @param config  as the load frame brings it. @returns whether another process takes over */
function handOver(config) {
  const command = successor(config);
  if (!command || config.handed) return false;
  // The node sends the invocation anew when the other one is initialised.
  const handed = JSON.stringify({ ...config, first: undefined, handed: true });
  const child = require('node:child_process').spawn(command[0], command.slice(1), {
    cwd: config.root,
    env: { ...process.env, ...config.variables, [HANDED]: handed },
    stdio: ['ignore', 'inherit', 'inherit', channel.DESCRIPTOR],
  });
  child.on('error', ({ message }) => {
    const errorMessage = `Error: fork/exec ${command[0]}: ${message}`;
    channel.initError(JSON.stringify({ errorType: 'Runtime.InvalidEntrypoint', errorMessage }));
    process.exit(1);
  });
  child.on('exit', (code, signal) => {
    if (signal) process.kill(process.pid, signal);
    else process.exit(code);
  });
  return true;
}

/** Whether another process takes over: what is set here would be of no use to it. */
const isHandedOver = (config) => Boolean(successor(config)) && !config.handed;

function successor({ snapshot, variables }) {
  if (snapshot) return [process.execPath, ...process.execArgv, '--snapshot-blob', snapshot];
  const wrapper = variables.AWS_LAMBDA_EXEC_WRAPPER;
  return wrapper && [wrapper, process.execPath, ...process.execArgv, path.join(__dirname, 'bootstrap.js')];
}

/** The load frame, where this is the process that takes over. */
function takeHanded() {
  const handed = process.env[HANDED];
  delete process.env[HANDED];
  return handed === undefined ? undefined : JSON.parse(handed);
}

module.exports = { handOver, isHandedOver, takeHanded };
