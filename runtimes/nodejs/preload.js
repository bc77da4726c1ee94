'use strict';
/**
 * What a blank environment does ahead, off the path of any invocation: loads the builtin modules that AWS's clients and most
 * handlers ask for, and rehearses a load and an invocation, so that V8 has compiled what the first real one needs.
 */
const Module = require('node:module');
const path = require('node:path');
const { format } = require('node:util');
const { toLogged, toPayload } = require('./errors.js');
const { loadHandler } = require('./handler.js');
const { prepare, serve } = require('./function.js');
const { Invocations } = require('./invocations.js');

const BUILTINS = [
  'assert',
  'async_hooks',
  'buffer',
  'child_process',
  'crypto',
  'diagnostics_channel',
  'dns',
  'events',
  'fs/promises',
  'http',
  'http2',
  'https',
  'net',
  'os',
  'perf_hooks',
  'process',
  'querystring',
  'readline',
  'stream',
  'stream/promises',
  'string_decoder',
  'timers/promises',
  'tls',
  'url',
  'util',
  'worker_threads',
  'zlib',
];

const FOLDER = path.join(__dirname, 'preload');
const CONFIG = {
  runtime: 'nodejs24.x',
  variables: { PRELOAD: '1', NODE_PATH: FOLDER },
  root: FOLDER,
  // So much that nothing about the heap is decided yet.
  context: { memoryLimitInMB: '10240' },
  concurrency: 1,
};
const INVOCATION = {
  sequence: 0,
  requestId: '',
  traceHeader: '',
  deadlineMs: 0,
  invokedFunctionArn: '',
  clientContext: Buffer.from('{}').toString('base64'),
  payload: '{}',
};
/** Takes what a rehearsal answers. */
const MUTE = { codeCache: () => {}, error: () => {}, response: () => {}, streamEnd: () => {} };

async function preload(logging) {
  for (const name of BUILTINS) require(`node:${name}`);
  useBuiltins();
  const { env, cwd } = process;
  const before = { ...env };
  const folder = cwd();
  for (const name of ['common.handler', 'module.handler']) await rehearse(name, logging);
  process.chdir(folder);
  logging.setRequestId(undefined);
  for (const name of Object.keys(env)) if (!(name in before)) delete env[name];
  Module._initPaths();
  format('%s %j', 'text', { a: [1] }, { b: 'text' }, new Map());
  toLogged(new Error('rehearsal'));
  toPayload(new Error('rehearsal'));
}

/** A load and an invocation as the real ones are. */
async function rehearse(name, logging) {
  const environment = prepare(CONFIG, logging);
  const handler = await loadHandler(FOLDER, name);
  await new Promise((resolve) => {
    const invocations = new Invocations(MUTE, logging, resolve);
    invocations.serve(
      serve(handler, environment, () => {}),
      false,
    );
    invocations.run(INVOCATION);
  });
}

/** What a client library does with the builtins while it is loaded: some of their parts are made on first use only. */
function useBuiltins() {
  const { createHash, createHmac, randomUUID } = require('node:crypto');
  createHash('sha256').update('').digest('hex');
  createHmac('sha256', '').update('').digest();
  randomUUID();
  const { Readable, Transform } = require('node:stream');
  new (class extends Readable {})();
  new Transform();
  for (const name of ['http', 'https']) new (require(`node:${name}`).Agent)({ keepAlive: true }).destroy();
  new TextDecoder().decode(new TextEncoder().encode('x'));
  new AbortController();
  for (const name of ['Blob', 'ReadableStream', 'crypto']) void globalThis[name];
  for (const name of ['stdout', 'stderr']) void process[name];
}

module.exports = { preload };
