'use strict';
/**
 * What a function may ask to be called around its snapshot. AWS has documented such hooks for Java, Python and .NET only: these
 * two have the shape of Python's. They are there in every environment, so that code which registers hooks runs without SnapStart
 * as well; nothing calls them then.
 */
const { apply } = require('./primordials.js');

const before = [];
const after = [];

/** Calls `hook(...parameters)` when init is over, before the snapshot is taken; the last registered first. It may be async. */
function registerBeforeSnapshot(hook, ...parameters) {
  before.unshift({ hook, parameters });
  return hook;
}

/** Calls `hook(...parameters)` in each environment that starts from the snapshot, before its first invocation; in order. */
function registerAfterRestore(hook, ...parameters) {
  after.push({ hook, parameters });
  return hook;
}

const runAll = async (hooks) => {
  for (let index = 0; index < hooks.length; index++) await apply(hooks[index].hook, undefined, hooks[index].parameters);
};

module.exports = {
  registerAfterRestore,
  registerBeforeSnapshot,
  runAfterRestore: () => runAll(after),
  runBeforeSnapshot: () => runAll(before),
};
