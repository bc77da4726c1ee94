'use strict';
/**
 * What stays in a sandbox with external extensions: starts them and the runtime, tells the node how each ends, passes signals on,
 * and hands telemetry to the listeners, which are on the sandbox's own loopback. It decides nothing: the node does.
 *
 *   we say    {said: 'exit', name, code, signal, error}   name null: the runtime; error: could not be started
 *             {said: 'line', name, text}                  an extension's output
 *             {said: 'posted', id, accepted}
 *   we do     {do: 'start'}                               the runtime; extensions are started at once
 *             {do: 'signal', to, signal}
 *             {do: 'post', id, protocol, port, path, body}
 *
 * Both ways a line of JSON a message, in the body of one request to the door `runtime-api` and in its answer.
 */
const { spawn } = require('node:child_process');
const http = require('node:http');
const net = require('node:net');
const { createInterface } = require('node:readline');

/** A listener that takes longer than this for a batch has not taken it. */
const POST_MS_MAX = 5_000;
/** Time for what a process has written last. */
const LAST_LINES_MS = 50;
const HOST = 'sandbox.localdomain';

/** @param order  see exec.js; `supervisor` is `{ address, path, token, extensions: [{ name, path }], variables }` */
function supervise({ program, arguments: argv, directory, variables, channel, supervisor }) {
  const { address, path, token, extensions } = supervisor;
  const own = { ...process.env };
  const processes = new Map();
  const agent = new http.Agent({ keepAlive: true });
  const sockets = new Map();

  // A signal to all of the sandbox is for the others: we go when the node kills us.
  process.on('SIGTERM', () => {});
  process.on('uncaughtException', () => process.exit(1));

  const colon = address.lastIndexOf(':');
  const request = http.request({
    host: address.slice(0, colon),
    port: Number(address.slice(colon + 1)),
    path,
    method: 'POST',
    headers: { authorization: token, 'content-type': 'application/x-ndjson' },
  });
  request.flushHeaders();
  request.on('error', () => process.exit(1));
  request.on('response', (response) => {
    for (const extension of extensions) startExtension(extension);
    createInterface({ input: response }).on('line', (line) => obey(JSON.parse(line)));
    response.on('close', () => process.exit(1));
  });

  const say = (message) => request.write(`${JSON.stringify(message)}\n`);

  function startExtension({ name, path: file }) {
    const child = start(name, file, [], {
      cwd: '/',
      env: { ...own, ...supervisor.variables },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const output of [child.stdout, child.stderr]) {
      if (output) createInterface({ input: output }).on('line', (text) => say({ said: 'line', name, text }));
    }
  }

  function startRuntime() {
    start(null, program, argv.slice(1), {
      argv0: argv[0],
      cwd: directory,
      env: { ...own, ...variables },
      stdio: ['ignore', 'inherit', 'inherit', ...(channel ? [channel] : [])],
    });
  }

  function start(name, file, args, options) {
    const child = spawn(file, args, options);
    let over = false;
    const ended = (how) => {
      if (over) return;
      over = true;
      processes.delete(name);
      say({ said: 'exit', name, ...how });
    };
    child.on('error', ({ code }) => ended({ code: null, signal: null, error: code }));
    child.on('close', (code, signal) => ended({ code, signal }));
    // Its last lines come first, but what it has left behind may hold its output open for ever.
    child.on('exit', (code, signal) => setTimeout(ended, LAST_LINES_MS, { code, signal }));
    processes.set(name, child);
    return child;
  }

  function obey(message) {
    if (message.do === 'start') startRuntime();
    else if (message.do === 'signal') processes.get(message.to)?.kill(message.signal);
    else if (message.do === 'post') post(message, (accepted) => say({ said: 'posted', id: message.id, accepted }));
  }

  function post({ protocol, port, path: url, body }, done) {
    if (protocol === 'TCP') return write(port, body, done);
    const outgoing = http.request({
      host: '127.0.0.1',
      port,
      path: url,
      method: 'POST',
      agent,
      timeout: POST_MS_MAX,
      headers: {
        host: `${HOST}:${port}`,
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      },
    });
    outgoing.on('response', (response) => {
      response.resume();
      response.on('close', () => done(response.statusCode < 300));
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error('timeout')));
    outgoing.on('error', () => done(false));
    outgoing.end(body);
  }

  /** A batch as lines over a connection that stays. */
  function write(port, body, done) {
    let socket = sockets.get(port);
    if (!socket || socket.destroyed) {
      socket = net.connect(port, '127.0.0.1');
      socket.on('error', () => socket.destroy());
      sockets.set(port, socket);
    }
    socket.write(
      `${JSON.parse(body)
        .map((event) => JSON.stringify(event))
        .join('\n')}\n`,
      (error) => done(!error),
    );
  }
}

module.exports = { supervise };
