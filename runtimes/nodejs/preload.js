'use strict';
/**
 * What a blank environment does ahead, off the path of any invocation: loads the builtin modules that AWS's clients and most
 * handlers ask for, and takes both module loaders through their first, slow use.
 */
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

async function installPreloads() {
  for (const name of BUILTINS) require(`node:${name}`);
  require('./preload/common.js');
  await import('./preload/module.mjs');
}

module.exports = { installPreloads };
