'use strict';
/**
 * V8's code cache for CommonJS modules of the function. The compiled code is collected after the first invocation, when the
 * functions that an invocation needs have been compiled too, and the node keeps it for the next environment of the same
 * function and package. V8 itself refuses a cache made from other source, by another version or under other flags.
 *
 * `module.enableCompileCache` would do this for ES modules as well, but it keeps only what loading compiled: a 460 KB bundle
 * took 25 ms with it and 13 ms with this.
 */
const { existsSync, readFileSync } = require('node:fs');
const Module = require('node:module');
const path = require('node:path');
const vm = require('node:vm');

/** Smaller files compile faster than their cache is read. */
const SOURCE_LENGTH_MIN = 4 * 1024;
/** Node 20 forgets how to import for code that comes from a cache: modules that may do so are left to Node there. */
const FORGETS_IMPORTS = Number.parseInt(process.versions.node, 10) < 22;
const IMPORT = /\bimport\b/;
/** Characters before the module's own first one. */
const WRAPPER_LENGTH = Module.wrap('\n').indexOf('\n');
/** Modules collected at most: a function with thousands of small files gains nothing more. */
const SCRIPTS_MAX = 256;

/** Node's own way to compile a module; known once it is not the way any more. */
let compile;
/** `{ below, directory, any }`: modules that are compiled with caches, where these are, and whether there are any. */
let target;
let fresh = { __proto__: null };
let count = 0;

/**
 * Compiles the modules below `root` with the caches in `directory`, and no others.
 *
 * @returns a function that hands the caches that are missing or were refused to `take(name, bytes)`
 */
function installCodeCache(root, directory) {
  target = { below: root.endsWith(path.sep) ? root : root + path.sep, directory, any: existsSync(directory) };
  if (!compile) replaceCompile();
  return (take) => {
    for (const name in fresh) take(name, fresh[name].createCachedData());
    fresh = { __proto__: null };
  };
}

function replaceCompile() {
  compile = Module.prototype._compile;
  Module.prototype._compile = function (content, filename, ...rest) {
    const { below, directory, any } = target;
    const isLeft =
      content.length < SOURCE_LENGTH_MIN || !filename.startsWith(below) || isModuleFormat(rest[0], filename);
    if (isLeft || (FORGETS_IMPORTS && IMPORT.test(content))) {
      return compile.call(this, content, filename, ...rest);
    }
    const name = encodeURIComponent(filename.slice(below.length));
    const cachedData = any ? readCache(path.join(directory, name)) : undefined;
    const source = content.startsWith('#!') ? `//${content}` : content;
    const script = new vm.Script(Module.wrap(source), {
      filename,
      // The first line is where all of a minified bundle stands: its columns must not count the wrapper.
      columnOffset: -WRAPPER_LENGTH,
      cachedData,
      importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    });
    if ((!cachedData || script.cachedDataRejected) && count++ < SCRIPTS_MAX) fresh[name] = script;
    const run = script.runInThisContext();
    return run.call(this.exports, this.exports, requireFor(this), this, filename, path.dirname(filename));
  };
}

/** ES modules that `require` loads come through `_compile` as well. */
function isModuleFormat(format, filename) {
  return format === 'module' || format === 'module-typescript' || filename.endsWith('.mjs');
}

/** `require` as Node gives it to a module: through the module itself, so that `module.children` and its paths hold. */
function requireFor(module) {
  const require = (id) => module.require(id);
  require.resolve = (request, options) => Module._resolveFilename(request, module, false, options);
  require.resolve.paths = (request) => Module._resolveLookupPaths(request, module);
  require.main = process.mainModule;
  require.extensions = Module._extensions;
  require.cache = Module._cache;
  return require;
}

function readCache(file) {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}

module.exports = { installCodeCache };
