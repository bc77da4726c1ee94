'use strict';
/** One invocation: its context object, and every way in which a handler may answer. */
const { MarshalError } = require('./errors.js');

/**
 * Runs the handler and reports once: a second answer, by whatever way, is ignored, as on Lambda.
 *
 * @param answer  `{ succeed(value), fail(error) }`
 * @returns `onIdle`, to be called when the event loop has run empty: what was waiting for that is answered then
 */
function runHandler(handler, event, invocation, environment, answer) {
  let settled = false;
  let whenIdle = () => answer.exhausted(handlerIsAsync);
  let handlerIsAsync = false;

  const once = (act) => {
    if (settled) return;
    settled = true;
    act();
  };
  const context = contextOf(invocation, environment);
  const succeed = (value) => once(() => answer.succeed(value));
  const fail = (error) => once(() => answer.fail(error));
  const callback = (error, value) => {
    const act = error === undefined || error === null ? () => answer.succeed(value) : () => answer.fail(error);
    if (!context.callbackWaitsForEmptyEventLoop) return once(act);
    once(() => {
      whenIdle = act;
    });
  };
  context.succeed = succeed;
  context.fail = fail;
  context.done = (error, value) => (error === undefined || error === null ? succeed(value) : fail(error));

  try {
    const result = handler(event, context, callback);
    if (typeof result?.then === 'function') {
      handlerIsAsync = true;
      result.then(succeed, fail);
    }
    // What a plain function returns is ignored, as on Lambda: it answers by its callback, or with null once nothing is left to do.
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

function contextOf({ requestId, deadlineMs, invokedFunctionArn, clientContext }, environment) {
  const context = {
    callbackWaitsForEmptyEventLoop: true,
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

/** The handler's value as JSON; what JSON cannot say at top level becomes `null`. @throws Runtime.MarshalError */
function marshal(value) {
  try {
    return JSON.stringify(value === undefined ? null : value) ?? 'null';
  } catch (error) {
    throw new MarshalError(`Unable to stringify response body: ${error}`, error);
  }
}

module.exports = { marshal, runHandler };
