'use strict';
/** Errors as Lambda's Node runtime names and writes them. */
const { stringify } = require('./primordials.js');

const EVENT_INVALID = 'Millrace.EventInvalid';

/** Makes an error class whose name is an AWS error type. */
const runtimeError = (type) =>
  class extends Error {
    constructor(message, cause) {
      super(message);
      this.name = type;
      if (cause?.stack) this.stack = cause.stack;
    }
  };

/** A handler that expects a callback, in a runtime that has none. */
const CallbackHandlerDeprecated = runtimeError('Runtime.CallbackHandlerDeprecated');
/** The payload is no JSON. The caller's fault: the node answers the caller, and the function's errors do not count it. */
const EventInvalid = runtimeError(EVENT_INVALID);
const HandlerNotFound = runtimeError('Runtime.HandlerNotFound');
const ImportModuleError = runtimeError('Runtime.ImportModuleError');
const InvalidStreamingOperation = runtimeError('Runtime.InvalidStreamingOperation');
const JSONStringifyError = runtimeError('Runtime.JSONStringifyError');
const MalformedHandlerName = runtimeError('Runtime.MalformedHandlerName');
const MalformedStreamingHandler = runtimeError('Runtime.MalformedStreamingHandler');
const NodeJsExit = runtimeError('Runtime.NodeJsExit');
const ResponseTooLarge = runtimeError('Function.ResponseSizeTooLarge');
const UserCodeSyntaxError = runtimeError('Runtime.UserCodeSyntaxError');

class UnhandledPromiseRejection extends runtimeError('Runtime.UnhandledPromiseRejection') {
  constructor(reason, promise) {
    super(String(reason));
    this.reason = reason;
    this.promise = promise;
  }
}

const isError = (value) =>
  value instanceof Error || (value?.name && value.message && value.stack && typeof value === 'object');

/** What the caller of the function sees: `{ errorType, errorMessage, trace }`. Never throws, whatever was thrown. */
function toPayload(thrown) {
  try {
    if (!isError(thrown)) return { errorType: typeof thrown, errorMessage: String(thrown), trace: [] };
    return {
      errorType: typeOf(thrown),
      errorMessage: String(thrown.message),
      trace: traceOf(thrown),
    };
  } catch {
    return {
      errorType: 'handled',
      errorMessage: 'callback called with Error argument, but there was a problem',
      trace: [],
    };
  }
}

/** The lines of its stack; none where reading them fails, as a `prepareStackTrace` of the function may. */
function traceOf(thrown) {
  try {
    return String(thrown.stack ?? '').split('\n');
  } catch {
    return [];
  }
}

/** A function's own error does not pass for the caller's fault, whatever it is called. */
function typeOf(thrown) {
  const name = String(thrown.name);
  return name === EVENT_INVALID && !(thrown instanceof EventInvalid) ? 'Error' : name;
}

/** What the log shows: the error's own members too. */
function toLogged(thrown) {
  try {
    if (!isError(thrown)) return stringify(toPayload(thrown));
    const { name, message, code } = thrown;
    const own = { ...thrown };
    delete own.name;
    delete own.promise;
    return stringify({
      errorType: String(name),
      errorMessage: String(message),
      ...(code === undefined ? {} : { code }),
      ...own,
      ...causeOf(thrown, 0),
      stack: traceOf(thrown),
    });
  } catch {
    return stringify(toPayload(thrown));
  }
}

/** Causes followed at most: an error may be its own. */
const CAUSES_MAX = 5;

/** What caused an error, and what caused that: not enumerable, so that it is no member like the others. */
function causeOf({ cause }, depth) {
  if (cause === undefined || depth === CAUSES_MAX) return {};
  if (!isError(cause)) return { cause };
  const { errorType, errorMessage, trace } = toPayload(cause);
  return { cause: { errorType, errorMessage, stack: trace, ...causeOf(cause, depth + 1) } };
}

module.exports = {
  CallbackHandlerDeprecated,
  EventInvalid,
  HandlerNotFound,
  ImportModuleError,
  InvalidStreamingOperation,
  JSONStringifyError,
  MalformedHandlerName,
  MalformedStreamingHandler,
  NodeJsExit,
  ResponseTooLarge,
  UnhandledPromiseRejection,
  UserCodeSyntaxError,
  isError,
  toLogged,
  toPayload,
};
