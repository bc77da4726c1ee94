'use strict';
/** Makes a blank environment that of one function: its variables, its code, its handler. */
const Module = require('node:module');
const { installCodeCache } = require('./code-cache.js');
const { configureGlobals } = require('./globals.js');
const { hasCallbacks, loadHandler, refuseCallback } = require('./handler.js');
const { sizeHeap } = require('./heap.js');
const { highWaterMarkOf, isStreaming } = require('./response-stream.js');
const { installSourceMaps } = require('./source-maps.js');

/**
 * @param config  `{ runtime, variables, root, handler, cacheDirectory, concurrency, context, first }`
 * @param environment  as {@link prepare} returns it
 * @param onFailure  is told why the code cannot be loaded, and ends the process
 * @returns as {@link serve} does; `waited`: events of any kind may have come meanwhile
 */
async function loadFunction(config, environment, onFailure) {
  const collectCaches = installCodeCache(config.root, config.cacheDirectory);
  try {
    const found = loadHandler(config.root, config.handler);
    const waited = typeof found !== 'function';
    return { ...serve(waited ? await found : found, environment, collectCaches), waited };
  } catch (error) {
    return onFailure(error);
  }
}

/** Everything but the code. @returns what invocations are told of their environment */
function prepare(config, logging) {
  const environment = { ...config.context, callbacks: hasCallbacks(config.runtime) };
  sizeHeap(Number(environment.memoryLimitInMB));
  setVariables(config.variables);
  logging.configure(config.variables.AWS_LAMBDA_LOG_FORMAT === 'JSON', config.variables.AWS_LAMBDA_LOG_LEVEL);
  configureGlobals(config);
  process.chdir(config.root);
  installSourceMaps(config.root);
  return environment;
}

/** @returns `{ handler, environment, streaming, highWaterMark, collectCaches }` */
function serve(handler, environment, collectCaches) {
  const streaming = isStreaming(handler);
  if (!streaming && !environment.callbacks) refuseCallback(handler);
  return { handler, environment, streaming, highWaterMark: highWaterMarkOf(handler), collectCaches };
}

function setVariables(variables) {
  const { env } = process;
  for (const name in variables) {
    // V8 reads the time zone anew whenever it is set, even if it stays what it was.
    if (name !== 'TZ' || env.TZ !== variables.TZ) env[name] = variables[name];
  }
  if (variables.NODE_PATH) Module._initPaths();
}

module.exports = { loadFunction, prepare, serve };
