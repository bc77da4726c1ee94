'use strict';
const inspector = require('node:inspector');

/**
 * Lets a debugger attach to this process, and to what it loads from now on.
 *
 * @param order  `{ port, waits }`; `undefined` does nothing. Where the port is taken, Node says so in the log and goes on
 */
function inspect(order) {
  if (!order) return;
  inspector.open(order.port, '127.0.0.1');
  if (order.waits) inspector.waitForDebugger();
}

module.exports = { inspect };
