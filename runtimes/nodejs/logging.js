'use strict';
/** `console` and the standard streams, as Lambda logs them. */
const { StringDecoder } = require('node:string_decoder');
const { format } = require('node:util');
const { isError, toPayload } = require('./errors.js');
const { Date: RealDate, apply, dateNow, stringify, toISOString } = require('./primordials.js');

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

  const now = () => toISOString(new RealDate(dateNow()));

  function composeText(level, args) {
    return `${now()}\t${requestIdOf()}\t${level}\t${apply(format, undefined, args)}`;
  }

  function composeJson(level, args) {
    const line = { timestamp: now(), level, requestId: requestIdOf() };
    const only = args.length === 1 ? args[0] : undefined;
    if (isError(only)) return stringify({ ...line, ...toPayload(only) });
    return stringify({
      ...line,
      message: only !== null && typeof only === 'object' ? only : apply(format, undefined, args),
    });
  }

  /** For what cannot be written as it should be: a circular object, a getter that throws. */
  function composePlain(level, args) {
    try {
      return composeText(level, args);
    } catch {
      return `${now()}\t${requestIdOf()}\t${level}\t(a message that cannot be formatted)`;
    }
  }

  const emit = (level, args) => {
    let line;
    try {
      line = compose(level, args);
    } catch {
      line = composePlain(level, args);
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
  dropOwnWarning();
  splitLines('stdout', write);
  splitLines('stderr', write);
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

/** `import()` in a module that was compiled with a code cache is no choice of the function: nobody shall warn it of that. */
function dropOwnWarning() {
  for (const print of process.listeners('warning')) {
    process.off('warning', print);
    process.on('warning', (warning) => {
      if (!String(warning.message).startsWith('vm.USE_MAIN_CONTEXT_DEFAULT_LOADER')) print(warning);
    });
  }
}

/** Longest piece of a line kept while its end has not come. */
const PARTIAL_MAX = 256 * 1024;

/** Has what is written to a standard stream logged line by line. The stream is made when somebody asks for it: that takes 1 ms. */
function splitLines(name, write) {
  const { get } = Object.getOwnPropertyDescriptor(process, name);
  let stream;
  Object.defineProperty(process, name, {
    configurable: true,
    enumerable: true,
    get: () => {
      if (!stream) {
        stream = get.call(process);
        stream.write = lineWriter(write);
      }
      return stream;
    },
  });
}

/** A `write` for a stream: characters may come in pieces, as lines do. */
function lineWriter(write) {
  const decoder = new StringDecoder('utf8');
  let partial = '';
  return (chunk, encoding, callback) => {
    const done = typeof encoding === 'function' ? encoding : callback;
    partial += typeof chunk === 'string' ? chunk : decoder.write(chunk);
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
