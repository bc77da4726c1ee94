'use strict';
/** A blank environment that becomes another program: the `bootstrap` of a function that brings its own runtime. */

/**
 * @param order  `{ program, arguments, directory, variables, supervisor }`; with a supervisor this process stays, and starts the
 *   program beside the function's extensions
 */
function become(order) {
  if (order.supervisor) return require('./supervisor.js').supervise(order);
  process.chdir(order.directory);
  // The channel to the node closes with it: from here on the program speaks HTTP.
  process.execve(order.program, order.arguments, { ...process.env, ...order.variables });
}

module.exports = { become };
