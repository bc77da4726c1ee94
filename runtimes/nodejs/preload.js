'use strict';
/**
 * What a blank environment does ahead, off the path of any invocation: loads the builtin modules that AWS's clients and most
 * handlers ask for, and rehearses a load and an invocation, so that V8 has compiled what the first real one needs.
 */
const path = require('node:path');
const { format } = require('node:util');
const { toLogged, toPayload } = require('./errors.js');
const { loadHandler } = require('./handler.js');
const { marshal, runHandler } = require('./invocation.js');

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
const INVOCATION = {
  requestId: '',
  deadlineMs: 0,
  invokedFunctionArn: '',
  clientContext: Buffer.from('{}').toString('base64'),
};

async function preload() {
  for (const name of BUILTINS) require(`node:${name}`);
  useBuiltins();
  for (const name of ['common.handler', 'module.handler']) await rehearse(await loadHandler(FOLDER, name));
  format('%s %j', 'text', { a: [1] }, { b: 'text' }, new Map());
  toLogged(new Error('rehearsal'));
  toPayload(new Error('rehearsal'));
  process.chdir(process.cwd());
  process.env.PRELOAD = '1';
  delete process.env.PRELOAD;
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
}

function rehearse(handler) {
  return new Promise((resolve) => {
    const succeed = (value) => resolve(marshal(value));
    runHandler(handler, JSON.parse('{}'), INVOCATION, {}, { succeed, fail: resolve, exhausted: resolve });
  });
}

module.exports = { preload };
