'use strict';
/**
 * What a blank environment does ahead, off the path of any invocation: loads the builtin modules that AWS's clients and most
 * handlers ask for, and rehearses a load and an invocation, so that V8 has compiled what the first real one needs.
 */
const Module = require('node:module');
const path = require('node:path');
const { format } = require('node:util');
const { toLogged, toPayload } = require('./errors.js');
const channel = require('./channel.js');
const { Environment } = require('./environment.js');

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
/** The parts of an invoke frame before its texts. */
const INVOKE_HEAD_BYTES = 20;
/**
 * Handlers that are rehearsed: an ES module; one that is large enough for the code cache, which is a module of ours; a small one. Often
 * enough for V8 to keep what it learns of the code, and not so often that it begins to optimise it when the function comes.
 */
const HANDLERS = [
  { root: FOLDER, handler: 'module.handler' },
  { root: __dirname, handler: 'handler.hasCallbacks' },
  { root: FOLDER, handler: 'common.handler' },
];
/** As `functionVariables` of the node gives them, in its order. */
const VARIABLES = [
  'LANG',
  'TZ',
  'PATH',
  'LD_LIBRARY_PATH',
  'NODE_PATH',
  'AWS_EXECUTION_ENV',
  'AWS_XRAY_CONTEXT_MISSING',
  'AWS_ENDPOINT_URL',
  '_HANDLER',
  'AWS_REGION',
  'AWS_DEFAULT_REGION',
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'AWS_LAMBDA_FUNCTION_NAME',
  'AWS_LAMBDA_FUNCTION_VERSION',
  'AWS_LAMBDA_FUNCTION_MEMORY_SIZE',
  'AWS_LAMBDA_LOG_GROUP_NAME',
  'AWS_LAMBDA_LOG_STREAM_NAME',
  'AWS_LAMBDA_INITIALIZATION_TYPE',
  'LAMBDA_TASK_ROOT',
  'LAMBDA_RUNTIME_DIR',
];
/** Environments that were rehearsed. Kept, so that V8 keeps the shapes of what they have been told: the real words have the same. */
const rehearsed = [];

async function preload(logging) {
  for (const name of BUILTINS) require(`node:${name}`);
  useBuiltins();
  const { env, cwd } = process;
  const before = { ...env };
  const folder = cwd();
  for (const each of HANDLERS) await rehearse(each, logging);
  process.chdir(folder);
  logging.setRequestId(undefined);
  for (const name of Object.keys(env)) if (!(name in before)) delete env[name];
  Module._initPaths();
  format('%s %j', 'text', { a: [1] }, { b: 'text' }, new Map());
  toLogged(new Error('rehearsal'));
  toPayload(new Error('rehearsal'));
}

/**
 * From the first word of the node to the last answer: two invocations, one that comes with the code and one that comes later. The words
 * are as the node says them, member by member (`loadConfig`, `firstInvocation`).
 */
async function rehearse(told, logging) {
  const { KIND, frameOf } = channel;
  const end = channel.rehearse(
    Buffer.concat([
      frameOf(KIND.prepare, 0, JSON.stringify(configOf(told))),
      frameOf(KIND.load, 0, '{}'),
      frameOf(KIND.invoke, INVOKE_HEAD_BYTES, '{}', (frame) => frame.fill(0, 5, 5 + INVOKE_HEAD_BYTES)),
    ]),
  );
  await new Promise((resolve) => {
    const environment = new Environment(logging, resolve);
    rehearsed.push(environment);
    environment.listen();
  });
  end();
}

/** What the node says first, in as many words. */
function configOf({ root, handler }) {
  // What the process has already stays as it is.
  const variables = Object.fromEntries(VARIABLES.map((name) => [name, process.env[name] ?? '']));
  return {
    runtime: 'nodejs24.x',
    variables: { ...variables, NODE_PATH: FOLDER },
    root,
    layersRoot: FOLDER,
    handler,
    // Where the module itself is read for its cache: V8 refuses it.
    cacheDirectory: root,
    concurrency: 1,
    context: {
      functionName: '',
      functionVersion: '',
      // So much that nothing about the heap is decided yet.
      memoryLimitInMB: '10240',
      logGroupName: '',
      logStreamName: '',
    },
    first: {
      requestId: '',
      traceHeader: '',
      invokedFunctionArn: '',
      clientContext: Buffer.from('{}').toString('base64'),
      payload: '{}',
      timeoutMs: 1_000,
    },
  };
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

module.exports = { configOf, preload };
