/**
 * Where a runtime that speaks the Runtime API stands, as decisions only: a call goes in, the next state comes out. The names are
 * those that Lambda's own error messages use.
 *
 *   Started --next--> Ready --deliver--> Running --response/error--> Invocation(Error)Response --sent--> ResponseSent --next--> Ready
 *   Started --restore-next--> RestoreReady --restore--> Restoring --next--> Ready
 *
 * A runtime that asks for the next invocation while it has one gets that one again: its connection broke while it was delivered.
 */
export type RuntimeState =
  | 'Started'
  | 'Ready'
  | 'Running'
  | 'InvocationResponse'
  | 'InvocationErrorResponse'
  | 'ResponseSent'
  | 'InitError'
  | 'RestoreReady'
  | 'Restoring'
  | 'RestoreError';

/** What the runtime asks for; `deliver`, `sent` and `restore` are the node's own steps. */
export type RuntimeCall =
  | 'next'
  | 'response'
  | 'error'
  | 'init-error'
  | 'restore-next'
  | 'restore-error'
  | 'deliver'
  | 'sent'
  | 'restore';

const STEPS: Readonly<Record<RuntimeState, Readonly<Partial<Record<RuntimeCall, RuntimeState>>>>> = {
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

/** Where each call of the runtime leads to, for the message that refuses it. */
export const WANTED: Readonly<Record<Exclude<RuntimeCall, 'deliver' | 'sent' | 'restore'>, RuntimeState>> = {
  next: 'Ready',
  response: 'InvocationResponse',
  error: 'InvocationErrorResponse',
  'init-error': 'InitError',
  'restore-next': 'RestoreReady',
  'restore-error': 'RestoreError',
};

/** @returns the next state; `undefined` when the call is out of turn and changes nothing */
export function stepRuntime(state: RuntimeState, call: RuntimeCall): RuntimeState | undefined {
  return STEPS[state][call];
}
