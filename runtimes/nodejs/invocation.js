'use strict';
/** One invocation: its context object, and every way in which a handler may answer. */
const { JSONStringifyError } = require('./errors.js');
const { bufferFrom, dateNow, lengthOf, parse, stringify, utf8Slice } = require('./primordials.js');

/**
 * Runs the handler and reports once: a second answer, by whatever way, is ignored, as on Lambda. From `nodejs24.x` on what the
 * handler returns is the answer, awaited; before, a plain function answers by callback or context and its value is ignored.
 *
 * @param environment  of the function; `callbacks` chooses
 * @param answer  `{ succeed(value), fail(error), exhausted(failed) }`
 * @param stream  of the response, where the handler is one that streams; `succeed` is called without a value then
 * @returns `onIdle`, to be called when the event loop has run empty: what was waiting for that is answered then
 */
function runHandler(handler, event, invocation, environment, answer, stream) {
  const context = contextOf(invocation, environment);
  if (!stream && environment.callbacks) return runWithCallbacks(handler, event, context, answer);
  if (stream) void runStreaming(handler, event, context, answer, stream);
  else void runAwaited(handler, event, context, answer);
  return { onIdle: () => answer.exhausted(true) };
}

// `await` takes a promise's value without asking its `then`, which the function may have replaced.
async function runAwaited(handler, event, context, answer) {
  let value;
  try {
    value = await handler(event, context);
  } catch (error) {
    return answer.fail(error);
  }
  answer.succeed(value);
}

async function runStreaming(handler, event, context, answer, stream) {
  // Who destroys the stream hears of it by the handler's failure; without a listener the process would end.
  stream.on('error', () => {});
  try {
    const result = handler(event, stream, context);
    if (typeof result?.then !== 'function') throw new Error('Streaming does not support non-async handlers.');
    if ((await result) !== undefined) console.warn('Streaming handlers ignore return values.');
    await settled(stream);
    if (!stream.writableFinished) throw new Error('Response stream is not finished.');
  } catch (error) {
    return answer.fail(error);
  }
  answer.succeed(undefined);
}

/** Resolves when all that was written is on its way, or never will be. */
function settled(stream) {
  if (stream.writableFinished || stream.destroyed) return undefined;
  return new Promise((resolve) => {
    stream.once('finish', resolve);
    stream.once('close', resolve);
  });
}

function runWithCallbacks(handler, event, context, answer) {
  let settled = false;
  let whenIdle = () => answer.exhausted(isAsync(handler));

  const once = (act) => {
    if (settled) return;
    settled = true;
    act();
  };
  const given = (error) => error !== undefined && error !== null;
  const succeed = (value) => once(() => answer.succeed(value));
  const fail = (error) => once(() => answer.fail(given(error) ? error : 'handled'));
  const callback = (error, value) => {
    if (given(error)) return fail(error);
    if (!context.callbackWaitsForEmptyEventLoop) return succeed(value);
    once(() => {
      whenIdle = () => answer.succeed(value);
    });
  };
  context.callbackWaitsForEmptyEventLoop = true;
  context.succeed = succeed;
  context.fail = fail;
  context.done = (error, value) => (given(error) ? fail(error) : succeed(value));

  try {
    const result = handler(event, context, callback);
    if (typeof result?.then === 'function') result.then(succeed, fail);
  } catch (error) {
    fail(error);
  }
  return {
    onIdle: () => {
      const act = whenIdle;
      whenIdle = () => {};
      settled = true;
      act();
    },
  };
}

/** By its declaration, as Lambda tells: a plain function that returns a promise is none. */
function isAsync(handler) {
  return handler.constructor.name === 'AsyncFunction';
}

function contextOf({ requestId, deadlineMs, invokedFunctionArn, clientContext }, environment) {
  const context = {
    functionVersion: environment.functionVersion,
    functionName: environment.functionName,
    memoryLimitInMB: environment.memoryLimitInMB,
    logGroupName: environment.logGroupName,
    logStreamName: environment.logStreamName,
    invokedFunctionArn,
    awsRequestId: requestId,
    identity: undefined,
    clientContext: undefined,
    getRemainingTimeInMillis: () => Math.max(0, Math.trunc(deadlineMs - dateNow())),
  };
  if (clientContext) context.clientContext = parseBase64(clientContext);
  return context;
}

function parseBase64(text) {
  const bytes = bufferFrom(text, 'base64');
  return parse(utf8Slice(bytes, 0, lengthOf(bytes)));
}

/** The handler's value as JSON; what JSON cannot say at top level becomes `null`. @throws Runtime.JSONStringifyError */
function marshal(value) {
  try {
    return stringify(value === undefined ? null : value) ?? 'null';
  } catch (error) {
    throw new JSONStringifyError('Unable to stringify response body', error);
  }
}

module.exports = { marshal, runHandler };
