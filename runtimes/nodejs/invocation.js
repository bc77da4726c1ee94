'use strict';
/** One invocation: its context object, and every way in which a handler may answer. */
const { JSONStringifyError } = require('./errors.js');

/**
 * Runs the handler and reports once: a second answer, by whatever way, is ignored, as on Lambda. From `nodejs24.x` on what the
 * handler returns is the answer, awaited; before, a plain function answers by callback or context and its value is ignored.
 *
 * @param environment  of the function; `callbacks` chooses
 * @param answer  `{ succeed(value), fail(error), exhausted(failed) }`
 * @returns `onIdle`, to be called when the event loop has run empty: what was waiting for that is answered then
 */
function runHandler(handler, event, invocation, environment, answer) {
  const run = environment.callbacks ? runWithCallbacks : runAwaited;
  return run(handler, event, contextOf(invocation, environment), answer);
}

function runAwaited(handler, event, context, answer) {
  try {
    const result = handler(event, context);
    if (typeof result?.then === 'function') result.then(answer.succeed, answer.fail);
    else answer.succeed(result);
  } catch (error) {
    answer.fail(error);
  }
  return { onIdle: () => answer.exhausted(true) };
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
    getRemainingTimeInMillis: () => Math.max(0, Math.trunc(deadlineMs - Date.now())),
  };
  if (clientContext) context.clientContext = JSON.parse(Buffer.from(clientContext, 'base64').toString('utf8'));
  return context;
}

/** The handler's value as JSON; what JSON cannot say at top level becomes `null`. @throws Runtime.JSONStringifyError */
function marshal(value) {
  try {
    return JSON.stringify(value === undefined ? null : value) ?? 'null';
  } catch (error) {
    throw new JSONStringifyError('Unable to stringify response body', error);
  }
}

module.exports = { marshal, runHandler };
