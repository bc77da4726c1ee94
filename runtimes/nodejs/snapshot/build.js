'use strict';
/**
 * Makes a snapshot of a function: a Node of its own loads it and writes its heap down (entry.js), within the walls of this
 * environment, since init is the function's code. The bytes go to the node over the channel.
 */
const { spawn } = require('node:child_process');
const { closeSync, openSync, readSync, writeFileSync } = require('node:fs');
const { builtinModules } = require('node:module');
const { tmpdir } = require('node:os');
const path = require('node:path');
const channel = require('../channel.js');

const ENTRY = path.join(__dirname, 'entry.js');
/** Modules that Node cannot write down: they are loaded after the restore, and what they export is known by name until then. */
const LAZY = ['http', 'http2', 'https', 'tls'];
const PART_BYTES = 1024 * 1024;

/** @param config  as the load frame brings it. Ends the process when the snapshot, or the reason why there is none, has gone out */
function buildSnapshot(config) {
  const blob = path.join(tmpdir(), 'millrace.snapshot');
  const order = `${blob}.json`;
  writeFileSync(order, JSON.stringify({ config, ...builtins() }));
  const flags = [...process.execArgv, '--no-warnings', '--snapshot-blob', blob, '--build-snapshot', ENTRY];
  const child = spawn(process.execPath, flags, {
    cwd: config.root,
    env: { ...process.env, ...config.variables, MILLRACE_SNAPSHOT: order },
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
  });
  let said = '';
  child.stdio[3].setEncoding('utf8').on('data', (text) => {
    said += text;
  });
  child.on('error', (error) => refuse('Snapshot.Unsupported', error.message));
  child.on('close', (code, signal) => {
    const result = said === '' ? undefined : JSON.parse(said);
    if (result?.error) return end(() => channel.initError(JSON.stringify(result.error)));
    if (code !== 0 || !result) {
      const how = signal ?? `exit status ${code}`;
      return refuse('Snapshot.Unsupported', `Node.js cannot write down what init has made (${how})`);
    }
    end(() => send(blob));
  });
}

function refuse(errorType, errorMessage) {
  end(() => channel.initError(JSON.stringify({ errorType, errorMessage })));
}

function end(say) {
  say();
  process.exit(0);
}

function send(blob) {
  const file = openSync(blob, 'r');
  const part = Buffer.allocUnsafe(PART_BYTES);
  for (;;) {
    const count = readSync(file, part, 0, PART_BYTES, null);
    channel.snapshotPart(part.subarray(0, count), count === 0);
    if (count === 0) break;
  }
  closeSync(file);
}

/** What entry.js cannot ask itself. */
function builtins() {
  const lazy = {};
  for (const name of LAZY) {
    const exported = require(`node:${name}`);
    lazy[name] = Object.keys(exported).map((key) => {
      const value = exported[key];
      // Tables of strings and numbers are theirs already.
      return isPlain(value) ? { key, value } : { key };
    });
  }
  return { builtins: builtinModules, lazy };
}

function isPlain(value) {
  if (typeof value !== 'object' || value === null) return typeof value !== 'function' && typeof value !== 'symbol';
  return (
    [Object.prototype, Array.prototype, null].includes(Object.getPrototypeOf(value)) &&
    Object.values(value).every((one) => typeof one !== 'function' && typeof one !== 'object')
  );
}

module.exports = { buildSnapshot };
