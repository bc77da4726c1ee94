'use strict';
/** `globalThis.awslambda`, as Lambda's Node runtime gives it to functions. */
const { AsyncLocalStorage } = require('node:async_hooks');
const { HttpResponseStream, streamifyResponse } = require('./response-stream.js');
const { registerAfterRestore, registerBeforeSnapshot } = require('./snap-start.js');

/** What belongs to the invocation that asks, where an environment runs several at once: `{ requestId, store }`. */
const running = new AsyncLocalStorage();

/** Keys of AWS's invoke store that only the runtime may set. */
const REQUEST_ID = Symbol.for('_AWS_LAMBDA_REQUEST_ID');
const X_RAY_TRACE_ID = Symbol.for('_AWS_LAMBDA_X_RAY_TRACE_ID');
const TENANT_ID = Symbol.for('_AWS_LAMBDA_TENANT_ID');

/** What `@aws/lambda-invoke-store` finds instead of making its own: AWS's clients read the trace of each request from it. */
const invokeStore = {
  PROTECTED_KEYS: { REQUEST_ID, X_RAY_TRACE_ID, TENANT_ID },
  getContext: () => running.getStore()?.store,
  hasContext: () => running.getStore() !== undefined,
  get: (key) => running.getStore()?.store[key],
  set: (key, value) => {
    if (key === REQUEST_ID || key === X_RAY_TRACE_ID || key === TENANT_ID) {
      throw new Error(`Cannot modify protected Lambda context field: ${String(key)}`);
    }
    const store = running.getStore()?.store;
    if (!store) throw new Error('No context available');
    store[key] = value;
  },
  getRequestId: () => invokeStore.get(REQUEST_ID) ?? '-',
  getXRayTraceId: () => invokeStore.get(X_RAY_TRACE_ID),
  getTenantId: () => invokeStore.get(TENANT_ID),
  run: (store, act) => running.run({ requestId: store[REQUEST_ID], store }, act),
};

function installGlobals() {
  globalThis.awslambda = {
    HttpResponseStream,
    streamifyResponse,
    snapStart: { registerAfterRestore, registerBeforeSnapshot },
  };
}

/** @param config  as the load frame brings it */
function configureGlobals({ variables, concurrency }) {
  const unwanted = variables.AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA;
  if (unwanted === '1' || unwanted === 'true') delete globalThis.awslambda;
  else if (concurrency > 1) globalThis.awslambda.InvokeStore = invokeStore;
}

/** Runs `act` as part of one of several invocations. */
function runWithin({ requestId, traceHeader }, act) {
  return running.run({ requestId, store: { [REQUEST_ID]: requestId, [X_RAY_TRACE_ID]: traceHeader } }, act);
}

/** Id of the invocation that asks, where several run. */
const requestIdHere = () => running.getStore()?.requestId;

module.exports = { configureGlobals, installGlobals, requestIdHere, runWithin };
