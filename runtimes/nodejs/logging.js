'use strict';
/** `console` and the standard streams, as Lambda logs them. */
const { format } = require('node:util');
const { isError, toPayload } = require('./errors.js');

/** Levels in the order of AWS_LAMBDA_LOG_LEVEL, with the `console` methods that log at each. */
const LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];
const METHODS = {
  log: 'INFO',
  info: 'INFO',
  debug: 'DEBUG',
  trace: 'TRACE',
  warn: 'WARN',
  error: 'ERROR',
  fatal: 'FATAL',
};

/**
 * Sends what the function logs to `write`, one call a line (or one `console` call, as AWS makes one event of it).
 *
 * @returns `log(level, message)` for the runtime's own lines, and a setter for the request id that lines carry
 */
function installLogging(write) {
  let requestId;
  let requestIdOf = () => requestId;
  let compose = composeText;

  function composeText(level, args) {
    return `${new Date().toISOString()}\t${requestIdOf()}\t${level}\t${format(...args)}`;
  }

  function composeJson(level, args) {
    const line = { timestamp: new Date().toISOString(), level, requestId: requestIdOf() };
    const only = args.length === 1 ? args[0] : undefined;
    if (isError(only)) return JSON.stringify({ ...line, ...toPayload(only) });
    return JSON.stringify({ ...line, message: only !== null && typeof only === 'object' ? only : format(...args) });
  }

  const emit = (level, args) => {
    let line;
    try {
      line = compose(level, args);
    } catch {
      line = composeText(level, args);
    }
    write(line);
  };

  const setLevel = (least) => {
    for (const [method, level] of Object.entries(METHODS)) {
      const heard = LEVELS.indexOf(level) >= LEVELS.indexOf(least);
      console[method] = heard ? (...args) => emit(level, args) : () => {};
    }
  };

  setLevel('TRACE');
  splitLines(process.stdout, write);
  splitLines(process.stderr, write);
  return {
    log: (level, ...args) => emit(level, args),
    setRequestId: (id) => {
      requestId = id;
    },
    /** Where several invocations run at once, `of()` tells whose line it is. */
    setRequestIdOf: (of) => {
      requestIdOf = of;
    },
    /** JSON lines and least level, as the function's LoggingConfig asks for. */
    configure: (json, least) => {
      compose = json ? composeJson : composeText;
      if (LEVELS.includes(least)) setLevel(least);
    },
  };
}

/** Longest piece of a line kept while its end has not come. */
const PARTIAL_MAX = 256 * 1024;

function splitLines(stream, write) {
  let partial = '';
  stream.write = (chunk, encoding, callback) => {
    const done = typeof encoding === 'function' ? encoding : callback;
    partial += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8');
    const lines = partial.split('\n');
    partial = lines.pop();
    for (const line of lines) write(line);
    if (partial.length > PARTIAL_MAX) {
      write(partial);
      partial = '';
    }
    if (done) process.nextTick(done);
    return true;
  };
}

module.exports = { installLogging };
