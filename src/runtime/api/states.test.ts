import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ExtensionCall, type ExtensionState, stepExtension } from './extension-state.ts';
import { type RuntimeCall, type RuntimeState, stepRuntime } from './runtime-state.ts';

/** Every state and every call: what is not listed is refused and changes nothing. */
const RUNTIME: Record<RuntimeState, Partial<Record<RuntimeCall, RuntimeState>>> = {
  Started: { next: 'Ready', 'init-error': 'InitError', 'restore-next': 'RestoreReady' },
  Ready: { next: 'Ready', deliver: 'Running' },
  Running: { next: 'Running', response: 'InvocationResponse', error: 'InvocationErrorResponse' },
  InvocationResponse: { sent: 'ResponseSent' },
  InvocationErrorResponse: { sent: 'ResponseSent' },
  ResponseSent: { next: 'Ready' },
  InitError: {},
  RestoreReady: { restore: 'Restoring' },
  Restoring: { next: 'Ready', 'restore-error': 'RestoreError' },
  RestoreError: {},
};
const RUNTIME_CALLS: readonly RuntimeCall[] = [
  'next',
  'response',
  'error',
  'init-error',
  'restore-next',
  'restore-error',
  'deliver',
  'sent',
  'restore',
];

test('a runtime moves by its calls, and by no call out of turn', () => {
  for (const [state, steps] of Object.entries(RUNTIME) as [
    RuntimeState,
    Partial<Record<RuntimeCall, RuntimeState>>,
  ][]) {
    for (const call of RUNTIME_CALLS) assert.equal(stepRuntime(state, call), steps[call], `${call} in ${state}`);
  }
});

test('nobody answers twice, nor before it was given an invocation', () => {
  for (const state of Object.keys(RUNTIME) as RuntimeState[]) {
    if (state === 'Running') continue;
    assert.equal(stepRuntime(state, 'response'), undefined, state);
    assert.equal(stepRuntime(state, 'error'), undefined, state);
  }
});

const EXTENSION: Record<ExtensionState, Partial<Record<ExtensionCall, ExtensionState>>> = {
  Started: { register: 'Registered' },
  Registered: { next: 'Ready', 'init-error': 'InitError', 'exit-error': 'ExitError' },
  Ready: { next: 'Ready', deliver: 'Running', 'exit-error': 'ExitError' },
  Running: { next: 'Ready', 'exit-error': 'ExitError' },
  InitError: {},
  ExitError: {},
};
const EXTENSION_CALLS: readonly ExtensionCall[] = ['register', 'next', 'init-error', 'exit-error', 'deliver'];

test('an extension moves by its calls, and by no call out of turn', () => {
  for (const [state, steps] of Object.entries(EXTENSION) as [
    ExtensionState,
    Partial<Record<ExtensionCall, ExtensionState>>,
  ][]) {
    for (const call of EXTENSION_CALLS) assert.equal(stepExtension(state, call), steps[call], `${call} in ${state}`);
  }
});
