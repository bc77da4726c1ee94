/**
 * Where an extension stands, as decisions only.
 *
 *   Started --register--> Registered --next--> Ready --deliver--> Running --next--> Ready
 *
 * `Started` is for external extensions alone: internal ones begin by registering. Errors that an extension reports are final.
 */
export type ExtensionState = 'Started' | 'Registered' | 'Ready' | 'Running' | 'InitError' | 'ExitError';

/** What the extension asks for; `deliver` is the node's own step. */
export type ExtensionCall = 'register' | 'next' | 'init-error' | 'exit-error' | 'deliver';

const STEPS: Readonly<Record<ExtensionState, Readonly<Partial<Record<ExtensionCall, ExtensionState>>>>> = {
  Started: { register: 'Registered' },
  Registered: { next: 'Ready', 'init-error': 'InitError', 'exit-error': 'ExitError' },
  Ready: { next: 'Ready', deliver: 'Running', 'exit-error': 'ExitError' },
  Running: { next: 'Ready', 'exit-error': 'ExitError' },
  InitError: {},
  ExitError: {},
};

/** Where each call of an extension leads to, for the message that refuses it. */
export const WANTED: Readonly<Record<Exclude<ExtensionCall, 'deliver'>, ExtensionState>> = {
  register: 'Registered',
  next: 'Ready',
  'init-error': 'InitError',
  'exit-error': 'ExitError',
};

/** @returns the next state; `undefined` when the call is out of turn and changes nothing */
export function stepExtension(state: ExtensionState, call: ExtensionCall): ExtensionState | undefined {
  return STEPS[state][call];
}
