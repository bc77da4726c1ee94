'use strict';
/**
 * `AWS_LAMBDA_EXEC_WRAPPER`: a script of the function or a layer that is called with the command which starts the runtime, and
 * starts it as it likes. A process that is there already cannot be wrapped, so a new one takes its place: it gets the channel, and
 * this one waits for its end.
 */
const { spawn } = require('node:child_process');
const path = require('node:path');
const channel = require('./channel.js');

/** Holds the load frame for the runtime that the wrapper starts. */
const HANDED = 'MILLRACE_LOAD';

/** @param config  as the load frame brings it. @returns whether the wrapper has taken over */
function becomeWrapped(config) {
  const wrapper = config.variables.AWS_LAMBDA_EXEC_WRAPPER;
  if (!wrapper || config.wrapped) return false;
  const command = [process.execPath, ...process.execArgv, path.join(__dirname, 'bootstrap.js')];
  const child = spawn(wrapper, command, {
    cwd: config.root,
    env: { ...process.env, ...config.variables, [HANDED]: JSON.stringify({ ...config, wrapped: true }) },
    stdio: ['ignore', 'inherit', 'inherit', channel.DESCRIPTOR],
  });
  child.on('error', ({ message }) => {
    const errorMessage = `Error: fork/exec ${wrapper}: ${message}`;
    channel.initError(JSON.stringify({ errorType: 'Runtime.InvalidEntrypoint', errorMessage }));
    process.exit(1);
  });
  child.on('exit', (code, signal) => {
    if (signal) process.kill(process.pid, signal);
    else process.exit(code);
  });
  return true;
}

/** What the process that was wrapped has handed over, where this is the one that the wrapper has started. */
function takeHanded() {
  const handed = process.env[HANDED];
  delete process.env[HANDED];
  return handed === undefined ? undefined : JSON.parse(handed);
}

module.exports = { becomeWrapped, takeHanded };
