'use strict';
/**
 * Runs in `node --build-snapshot`: loads the runtime and the function, runs init and the hooks, and leaves the rest to Node, which
 * writes the heap down when the event loop is empty. A process that starts from the snapshot goes on in resumed.js.
 *
 * Here `require` knows builtin modules only, and Node's own loaders cannot be written down, so this file has a loader of CommonJS
 * modules of its own. What cannot be in a snapshot is told as such, and the function starts without one.
 */
const fs = require('node:fs');
const path = require('node:path');
const vm = require('node:vm');
const { startupSnapshot } = require('node:v8');

const RESULT = 3;
/** What init has begun must end by itself so long after the hooks: Node writes the heap when nothing is left to do. */
const REST_MS = 3_000;
const RUNTIME = path.dirname(__dirname);
const { config, builtins, lazy } = JSON.parse(fs.readFileSync(process.env.MILLRACE_SNAPSHOT, 'utf8'));
delete process.env.MILLRACE_SNAPSHOT;

const isBuiltin = new Set(builtins);
const modules = { __proto__: null };
/** Something that a snapshot cannot hold has been asked for, even if the function caught the error. */
let unsupported;
let restored = false;

class Unsupported extends Error {
  name = 'Snapshot.Unsupported';
}

function refuse(what) {
  unsupported ??= new Unsupported(what);
  throw unsupported;
}

/** A builtin module that is loaded when one of its members is first used, which may not be before the restore. */
function lazyModule(name) {
  const stand = {};
  let real;
  const load = () => {
    if (!restored) refuse(`init uses node:${name}: connections do not outlive a snapshot`);
    real ??= process.getBuiltinModule(`node:${name}`);
    return real;
  };
  const agents = agentsOf(name, load);
  for (const { key, value } of lazy[name]) {
    const early = key === 'Agent' ? agents : value;
    const get = early === undefined ? () => load()[key] : () => (restored ? load()[key] : early);
    const set = (other) => {
      load()[key] = other;
    };
    Object.defineProperty(stand, key, { get, set, enumerable: true, configurable: true });
  }
  return stand;
}

/** Objects that are made when one of their members is first used, which may not be before the restore. */
const deferred = new WeakMap();

/** @param kind  name of the module that it is of */
function defer(kind, make) {
  let real;
  const it = () => {
    if (!restored) refuse('init uses an agent of node:http or node:https: connections do not outlive a snapshot');
    real ??= make();
    return real;
  };
  const proxy = new Proxy(
    {},
    {
      get: (_, key) => Reflect.get(it(), key),
      set: (_, key, value) => Reflect.set(it(), key, value),
      has: (_, key) => Reflect.has(it(), key),
      deleteProperty: (_, key) => Reflect.deleteProperty(it(), key),
      getPrototypeOf: () => Reflect.getPrototypeOf(it()),
    },
  );
  deferred.set(proxy, kind);
  return proxy;
}

/** A class `Agent` whose agents are made after the restore: AWS's clients make theirs when they are made themselves. */
function agentsOf(name, load) {
  // A function, since what it returns takes the place of the new object.
  function Agent(...parameters) {
    return restored ? new (load().Agent)(...parameters) : defer(name, () => new (load().Agent)(...parameters));
  }
  Object.defineProperty(Agent, Symbol.hasInstance, {
    // An agent of https is one of http as well.
    value: (one) => {
      const kind = deferred.get(one);
      return kind ? kind === name || name === 'http' : restored && one instanceof load().Agent;
    },
  });
  return Agent;
}

function builtin(name) {
  if (restored) return process.getBuiltinModule(name);
  if (!lazy[name]) return require(`node:${name}`);
  modules[name] ??= lazyModule(name);
  return modules[name];
}

function requireFrom(module) {
  const from = (request) => {
    const name = request.startsWith('node:') ? request.slice(5) : request;
    if (isBuiltin.has(name)) return modules[name] ?? builtin(name);
    const file = resolve(request, module.path);
    // What a snapshot cannot hold is Node's own business afterwards.
    if (restored && !modules[file] && (file.endsWith('.node') || isModule(file)))
      return nodeRequire(module.filename)(request);
    return load(file, module).exports;
  };
  from.resolve = (request) => (isBuiltin.has(request) ? request : resolve(request, module.path));
  from.cache = modules;
  from.extensions = {};
  from.main = undefined;
  return from;
}

const nodeRequire = (file) => process.getBuiltinModule('node:module').createRequire(file);

function load(file, parent) {
  const known = modules[file];
  if (known) return known;
  if (file.endsWith('.node')) refuse(`${file} is a native addon`);
  const turned = isModule(file) ? turnedOf(file) : undefined;
  if (isModule(file) && turned === undefined) refuse(`${file} is an ES module ${WHY_NOT}`);
  const module = {
    id: file,
    filename: file,
    path: path.dirname(file),
    exports: {},
    loaded: false,
    children: [],
    parent,
  };
  modules[file] = module;
  parent?.children.push(module);
  try {
    if (file.endsWith('.json')) module.exports = JSON.parse(fs.readFileSync(file, 'utf8'));
    else run(module, turned ?? fs.readFileSync(file, 'utf8'));
  } catch (error) {
    delete modules[file];
    throw error;
  }
  module.loaded = true;
  return module;
}

const WHY_NOT = 'that awaits at its top, or of a package: bundle the function as CommonJS';

/** An ES module of the function as CommonJS; the node has written those that can be turned. */
function turnedOf(file) {
  const name = encodeURIComponent(path.relative(config.root, file));
  const turned = path.join(config.cacheDirectory, name);
  return isFile(turned) ? fs.readFileSync(turned, 'utf8') : undefined;
}

const WRAPPER = '(function (exports, require, module, __filename, __dirname) { ';

function run(module, source) {
  const code = `${WRAPPER}${source.startsWith('#!') ? `//${source}` : source}\n})`;
  const script = new vm.Script(code, {
    filename: module.filename,
    columnOffset: -WRAPPER.length,
    importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  module.require = requireFrom(module);
  const { exports, require, filename, path: folder } = module;
  script.runInThisContext().call(exports, exports, require, module, filename, folder);
}

/** As Node finds CommonJS modules. @see Node.js, "Modules: CommonJS modules", "All together" */
function resolve(request, folder) {
  const found = /^(\.{0,2}\/|\.{1,2}$)/.test(request)
    ? pathOf(path.resolve(folder, request))
    : packageFile(request, folder);
  if (found) return fs.realpathSync(found);
  const error = new Error(`Cannot find module '${request}'\nRequire stack:\n- ${folder}`);
  error.code = 'MODULE_NOT_FOUND';
  throw error;
}

const isFile = (file) => fs.statSync(file, { throwIfNoEntry: false })?.isFile() ?? false;

function pathOf(base) {
  for (const ending of ['', '.js', '.json', '.node', '.cjs']) if (isFile(base + ending)) return base + ending;
  const main = packageOf(base)?.main;
  if (main) {
    const found = pathOf(path.join(base, main));
    if (found) return found;
  }
  for (const ending of ['.js', '.json', '.node']) {
    const index = path.join(base, `index${ending}`);
    if (isFile(index)) return index;
  }
  return undefined;
}

const packages = { __proto__: null };

function packageOf(folder) {
  if (folder in packages) return packages[folder];
  const file = path.join(folder, 'package.json');
  packages[folder] = isFile(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : undefined;
  return packages[folder];
}

/** The folder of the nearest package.json, upwards. */
function scopeOf(folder) {
  for (let at = folder; ; at = path.dirname(at)) {
    if (packageOf(at)) return at;
    if (path.dirname(at) === at || path.basename(at) === 'node_modules') return undefined;
  }
}

function isModule(file) {
  if (file.endsWith('.mjs')) return true;
  if (!file.endsWith('.js')) return false;
  const scope = scopeOf(path.dirname(file));
  return scope !== undefined && packageOf(scope).type === 'module';
}

function packageFile(request, folder) {
  if (request.startsWith('#')) {
    const scope = scopeOf(folder);
    const target = scope && targetOf(packageOf(scope).imports ?? {}, request);
    return target?.startsWith('.') ? pathOf(path.join(scope, target)) : target && packageFile(target, folder);
  }
  const parts = request.split('/');
  const name = request.startsWith('@') ? parts.slice(0, 2).join('/') : parts[0];
  const rest = request.slice(name.length);
  const own = scopeOf(folder);
  if (own && packageOf(own).name === name && packageOf(own).exports) return exported(own, rest);
  for (const place of placesOf(folder)) {
    const base = path.join(place, name);
    const found = packageOf(base)?.exports ? exported(base, rest) : pathOf(base + rest);
    if (found) return found;
  }
  return undefined;
}

function* placesOf(folder) {
  for (let at = folder; ; at = path.dirname(at)) {
    if (path.basename(at) !== 'node_modules') yield path.join(at, 'node_modules');
    if (path.dirname(at) === at) break;
  }
  yield* (process.env.NODE_PATH ?? '').split(path.delimiter).filter((place) => place !== '');
}

function exported(base, rest) {
  const { exports } = packageOf(base);
  const bySubpath = typeof exports === 'object' && !Array.isArray(exports) && Object.keys(exports)[0]?.startsWith('.');
  const target = targetOf(bySubpath ? exports : { '.': exports }, `.${rest}`);
  return target && isFile(path.join(base, target)) ? path.join(base, target) : undefined;
}

/** What a map of `exports` or `imports` says for a key, patterns included. */
function targetOf(map, key) {
  if (map[key] !== undefined) return conditional(map[key]);
  let best;
  for (const pattern of Object.keys(map)) {
    const [head, tail] = pattern.split('*');
    if (tail === undefined || !key.startsWith(head) || !key.endsWith(tail) || key.length < pattern.length) continue;
    if (!best || head.length > best.head.length) best = { head, tail, pattern };
  }
  if (!best) return undefined;
  const star = key.slice(best.head.length, key.length - best.tail.length);
  return conditional(map[best.pattern])?.replaceAll('*', star);
}

function conditional(target) {
  if (typeof target === 'string' || target === null) return target ?? undefined;
  if (Array.isArray(target)) return target.map(conditional).find((one) => one !== undefined);
  for (const condition of Object.keys(target)) {
    if (!['node', 'require', 'default'].includes(condition)) continue;
    const found = conditional(target[condition]);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A connection that init opens would be dead after the restore, and whoever holds it would not know. */
function refuseConnections() {
  const { Socket } = require('node:net');
  const { connect } = Socket.prototype;
  Socket.prototype.connect = function (...parameters) {
    if (!restored) refuse('init opens a connection: connections do not outlive a snapshot');
    return connect.apply(this, parameters);
  };
  const { fetch } = globalThis;
  globalThis.fetch = (...parameters) => {
    if (!restored) refuse('init calls fetch: connections do not outlive a snapshot');
    return fetch(...parameters);
  };
}

function say(result) {
  fs.writeSync(RESULT, JSON.stringify(result));
}

function fail(error) {
  const { toLogged, toPayload } = load(path.join(RUNTIME, 'errors.js')).exports;
  if (error instanceof Unsupported) unsupported ??= error;
  if (!unsupported) fs.writeSync(2, `Uncaught Exception \t${toLogged(error)}\n`);
  say({ error: toPayload(unsupported ?? error) });
  process.exit(1);
}

function refuseRest() {
  const open = [...new Set(process.getActiveResourcesInfo())].join(', ');
  fail(new Unsupported(`init leaves something open that does not end: ${open}`));
}

async function build() {
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
  const inRuntime = (file) => load(path.join(RUNTIME, file)).exports;
  inRuntime('globals.js').installGlobals();
  const { resume } = inRuntime('snapshot/resumed.js');
  const { loadHandler } = inRuntime('handler.js');
  const { runBeforeSnapshot } = inRuntime('snap-start.js');
  refuseConnections();
  const handler = await loadHandler(config.root, config.handler, {
    require: (file) => load(resolve(file, config.root)).exports,
    import: (file) => load(fs.realpathSync(file)).exports,
  });
  try {
    await runBeforeSnapshot();
  } catch (error) {
    error.name = 'Runtime.BeforeCheckpointError';
    throw error;
  }
  const limit = setTimeout(refuseRest, REST_MS).unref();
  startupSnapshot.addSerializeCallback(() => {
    clearTimeout(limit);
    if (unsupported) fail(unsupported);
    process.removeAllListeners('uncaughtException');
    process.removeAllListeners('unhandledRejection');
    say({});
  });
  startupSnapshot.setDeserializeMainFunction(() => {
    restored = true;
    resume(handler);
  });
}

build().catch(fail);
