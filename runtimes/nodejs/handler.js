'use strict';
/** Finds and loads the handler that `_HANDLER` names, as Lambda's Node runtime does. */
const { existsSync, readFileSync } = require('node:fs');
const Module = require('node:module');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const {
  CallbackHandlerDeprecated,
  HandlerNotFound,
  ImportModuleError,
  MalformedHandlerName,
  UserCodeSyntaxError,
} = require('./errors.js');

/** How the folder of the runtime's own packages ends in NODE_PATH, and what stands there. */
const RUNTIME_PACKAGES = path.join('nodejs-sdk', 'node_modules');
const IN_SCOPE = /^@(aws-sdk|smithy)\//;

/**
 * @param root  folder of the function's code
 * @param handler  `file.export`, `folder/file.export`, `file.object.method`
 * @param loaders  `{ require(file), import(file) }`
 * @returns the handler; a promise of it where the module is one of ES, or exports a promise
 * @throws Runtime.MalformedHandlerName, ImportModuleError, UserCodeSyntaxError, HandlerNotFound, or what the module throws
 */
function loadHandler(root, handler, loaders = NODE) {
  if (handler.includes('..')) {
    throw new MalformedHandlerName(
      `'${handler}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`,
    );
  }
  const [, file, names] = /^([^.]*)\.(.*)$/.exec(path.basename(handler)) ?? [];
  if (!file || !names) throw new MalformedHandlerName('Bad handler');
  const members = names.split('.');
  let exported;
  try {
    exported = loadModule(path.resolve(root, path.dirname(handler), file), root, loaders);
  } catch (error) {
    throw worded(error);
  }
  return typeof exported?.then === 'function'
    ? pickLater(exported, members, handler)
    : pick(exported, members, handler);
}

function loadModule(base, root, loaders) {
  if (existsSync(`${base}.js`)) {
    return isModule(`${base}.js`, root) ? loaders.import(`${base}.js`) : loaders.require(`${base}.js`);
  }
  if (existsSync(`${base}.mjs`)) return loaders.import(`${base}.mjs`);
  return loaders.require(existsSync(`${base}.cjs`) ? `${base}.cjs` : base);
}

async function pickLater(loading, members, handler) {
  let exported;
  try {
    exported = await loading;
  } catch (error) {
    throw worded(error);
  }
  return pick(exported, members, handler);
}

/** Why a module cannot be loaded, as Lambda says it. */
function worded(error) {
  if (error instanceof SyntaxError) return new UserCodeSyntaxError(String(error), error);
  const isMissing = error?.code === 'MODULE_NOT_FOUND' || error?.code === 'ERR_MODULE_NOT_FOUND';
  return isMissing ? new ImportModuleError(String(error), error) : error;
}

/** Node's own loaders. */
const NODE = {
  require: (file) => require(file),
  import: (file) => {
    findPackagesOfRuntime(process.env.NODE_PATH);
    return require('./modules/import.js')(pathToFileURL(file).href);
  },
};

/**
 * Has ES modules find the packages that the runtime brings, AWS's SDK, as they do on Lambda: the loader of ES modules does not look at
 * NODE_PATH. Only what it cannot find is looked for. Not in Node 20, whose loader takes no hooks of this thread.
 */
function findPackagesOfRuntime(places = '') {
  const folder = places.split(path.delimiter).find((place) => place.endsWith(RUNTIME_PACKAGES));
  if (!folder || !Module.registerHooks) return;
  const parentURL = pathToFileURL(path.join(folder, '..', 'index.mjs')).href;
  Module.registerHooks({
    resolve(specifier, context, next) {
      try {
        return next(specifier, context);
      } catch (error) {
        if (error?.code !== 'ERR_MODULE_NOT_FOUND' || !IN_SCOPE.test(specifier)) throw error;
        return next(specifier, { ...context, parentURL });
      }
    },
  });
}

/** Whether the nearest package.json says `"type": "module"`: one of the package, not one that happens to stand above it. */
function isModule(file, root) {
  for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
    if (path.basename(folder) === 'node_modules') return false;
    const found = path.join(folder, 'package.json');
    if (existsSync(found)) return packageType(found) === 'module';
    if (folder === root || path.dirname(folder) === folder) return false;
  }
}

function packageType(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).type;
  } catch (error) {
    throw new ImportModuleError(`Invalid package config ${file}.`, error);
  }
}

/** The first of the runtimes whose handlers have no callback, by what Node's major version it is named for. */
const AWAITED_SINCE = 24;

/**
 * Whether handlers of this runtime may answer by a callback or by `context.done`, `succeed` and `fail`: `nodejs22.x` and older.
 * @param runtime  `nodejs24.x`, as AWS names it
 */
function hasCallbacks(runtime) {
  return Number(/\d+/.exec(runtime)?.[0]) < AWAITED_SINCE;
}

/** @throws Runtime.CallbackHandlerDeprecated, in the words of AWS */
function refuseCallback(handler) {
  if (handler.length < 3) return;
  throw new CallbackHandlerDeprecated(
    'ERROR: AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. You need to modify this function to use a supported handler signature to use Node.js 24 or later. For more information see https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.',
  );
}

function pick(exported, members, handler) {
  const found = memberOf(exported, members) ?? (exported?.default && memberOf(exported.default, members));
  if (!found) throw new HandlerNotFound(`${handler} is undefined or not exported`);
  if (typeof found !== 'function') throw new HandlerNotFound(`${handler} is not a function`);
  return found;
}

function memberOf(object, members) {
  let found = object;
  // The module has been loaded: an iterator of arrays may be its own by now.
  for (let index = 0; index < members.length; index++) found = found?.[members[index]];
  return found;
}

module.exports = { hasCallbacks, loadHandler, refuseCallback };
