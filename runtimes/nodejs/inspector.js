'use strict';
/** Lets a debugger attach to the environment of an inspected function. */
const inspector = require('node:inspector');
const { createServer } = require('node:net');

const HOST = '127.0.0.1';
/** The environment before this one may still hold the port: it was killed when its code became old. */
const WAIT_MS_MAX = 5_000;
const RETRY_MS = 20;

/**
 * Listens for a debugger, before the function's code is loaded.
 *
 * @throws Error  another process has the port
 */
async function openInspector(port) {
  for (let waited = 0; !(await isFree(port)); waited += RETRY_MS) {
    if (waited >= WAIT_MS_MAX) throw new Error(`The inspector cannot listen on ${HOST}:${port}: the port is in use.`);
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
  inspector.open(port, HOST);
}

/** Asked first: an inspector that finds its port taken says so on standard error each time. */
function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, HOST, () => server.close(() => resolve(true)));
  });
}

module.exports = { openInspector };
