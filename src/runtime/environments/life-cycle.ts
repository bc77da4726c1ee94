import { InternalError } from '../../base/index.ts';

/**
 * The life cycle of an execution environment, as decisions only: an event goes in, the next phase and what to do come out.
 * `environment.ts` obeys.
 *
 *   starting --ready--> init --initialised--> idle <--answered/invoke--> busy
 *       any phase --failed, said out of turn--> shutdown
 *       retire: idle --> shutdown; else after the next answer, since somebody waits for it
 *
 * Invariants: **E1** never more invocations at a time than the function's environments run: one, unless it says more; **E2** an
 * answer counts only for an invocation that runs; **E3** an environment that failed, was killed or broke the channel's rules never
 * serves again; **E4** an idle one that is frozen is thawed before it gets work; **E5** shutdown is final.
 *
 * An invocation that runs out of time ends its environment (E3): at once when it runs alone. Others that run beside it go on to
 * their own ends, nothing new begins, and the process is killed when the last of them is over, at the latest by its own timeout.
 */
export type Phase =
  | { readonly kind: 'starting'; readonly retiring: boolean }
  | { readonly kind: 'init'; readonly retiring: boolean }
  /** `retiring`: it was retired during init and serves the invocation that it was started for. */
  | { readonly kind: 'idle'; readonly frozen: boolean; readonly retiring: boolean }
  | { readonly kind: 'busy'; readonly running: number; readonly retiring: boolean }
  | { readonly kind: 'shutdown' };

/** Why an environment failed around the code that it runs. */
export type Failure =
  /** The function's code was never asked for: no credentials, or no place in the sandbox. */
  | { readonly kind: 'not-placed'; readonly payload: Uint8Array }
  | { readonly kind: 'init-error'; readonly payload: Uint8Array }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'out-of-memory' }
  /** Something beside the runtime failed, or kept it from starting: `Extension.Crash`, `Runtime.InvalidEntrypoint`. */
  | { readonly kind: 'fault'; readonly errorType: string; readonly message: string }
  | { readonly kind: 'exit'; readonly code: number | null; readonly signal: string | null }
  | { readonly kind: 'broken'; readonly reason: string };

export type Event =
  /** The process waits for the code. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'initialised' }
  /** `limit`: invocations that may run at a time. It is sent when the commands have been obeyed. */
  | { readonly kind: 'invoke'; readonly limit: number }
  /** `last`: the runtime says that it exits after this answer. */
  | { readonly kind: 'answered'; readonly last: boolean }
  /** One of the invocations has run out of time. */
  | { readonly kind: 'overdue' }
  /** It has been idle long enough to be stopped. */
  | { readonly kind: 'lingered' }
  /** Its code or configuration is out of date, or it is not needed. */
  | { readonly kind: 'retire' }
  | { readonly kind: 'failed'; readonly failure: Failure };

export type Command =
  | { readonly kind: 'load' }
  | { readonly kind: 'thaw' }
  | { readonly kind: 'freeze' }
  | { readonly kind: 'kill' }
  /** Whoever waits for init may go on. */
  | { readonly kind: 'resolve-init' }
  /** Whoever waits, for init or an answer, gets the failure. */
  | { readonly kind: 'reject'; readonly failure: Failure };

export interface Step {
  readonly phase: Phase;
  readonly commands: readonly Command[];
}

const RETIRED: Failure = { kind: 'exit', code: null, signal: 'SIGKILL' };
const SHUTDOWN: Phase = { kind: 'shutdown' };
const FREEZE: readonly Command[] = [{ kind: 'freeze' }];
const THAW: readonly Command[] = [{ kind: 'thaw' }];
const NOTHING: readonly Command[] = [];
// Kept, not made anew: these two are the phases of every warm invocation.
const BUSY: Phase = { kind: 'busy', running: 1, retiring: false };
const IDLE: Phase = { kind: 'idle', frozen: false, retiring: false };
/** Where every environment begins. */
export const STARTING: Phase = { kind: 'starting', retiring: false };

/** Decides about one event. */
export function step(phase: Phase, event: Event): Step {
  if (phase.kind === 'shutdown') return { phase, commands: NOTHING };
  switch (event.kind) {
    case 'ready':
      if (phase.kind !== 'starting') return broken(event);
      return { phase: { kind: 'init', retiring: phase.retiring }, commands: [{ kind: 'load' }] };
    case 'initialised':
      if (phase.kind !== 'init') return broken(event);
      return { phase: { kind: 'idle', frozen: false, retiring: phase.retiring }, commands: [{ kind: 'resolve-init' }] };
    case 'invoke':
      return onInvoke(phase, event.limit);
    case 'answered':
      return phase.kind === 'busy' ? onAnswered(phase, event.last) : broken(event);
    case 'overdue':
      if (phase.kind !== 'busy') throw new InternalError(`no invocation of an environment that is ${phase.kind}`);
      return onAnswered({ ...phase, retiring: true }, false);
    case 'lingered':
      return onLingered(phase);
    case 'retire':
      if (phase.kind === 'idle') return retired();
      return { phase: { ...phase, retiring: true }, commands: NOTHING };
    case 'failed':
      return { phase: SHUTDOWN, commands: [{ kind: 'kill' }, { kind: 'reject', failure: event.failure }] };
  }
}

function onInvoke(phase: Phase, limit: number): Step {
  if (phase.kind === 'idle') {
    return {
      phase: phase.retiring ? { kind: 'busy', running: 1, retiring: true } : BUSY,
      commands: phase.frozen ? THAW : NOTHING,
    };
  }
  if (phase.kind !== 'busy' || phase.retiring || phase.running >= limit) {
    throw new InternalError(`invoke of an environment that is ${phase.kind}`);
  }
  return { phase: { ...phase, running: phase.running + 1 }, commands: NOTHING };
}

/** @param last  the process ends: with it, whatever else runs */
function onAnswered({ running, retiring }: Extract<Phase, { kind: 'busy' }>, last: boolean): Step {
  if (last && running > 1) {
    return { phase: SHUTDOWN, commands: [{ kind: 'kill' }, { kind: 'reject', failure: RETIRED }] };
  }
  if (running > 1) return { phase: { kind: 'busy', running: running - 1, retiring }, commands: NOTHING };
  return last || retiring ? { phase: SHUTDOWN, commands: [{ kind: 'kill' }] } : { phase: IDLE, commands: NOTHING };
}

function onLingered(phase: Phase): Step {
  if (phase.kind !== 'idle' || phase.frozen) return { phase, commands: NOTHING };
  // Nobody has come for what it was started for.
  return phase.retiring ? retired() : { phase: { ...phase, frozen: true }, commands: FREEZE };
}

function retired(): Step {
  return { phase: SHUTDOWN, commands: [{ kind: 'kill' }, { kind: 'reject', failure: RETIRED }] };
}

/** The process said what it may not say now: it is out of step with us, or the function has taken the channel over. */
function broken(event: Event): Step {
  const failure: Failure = { kind: 'broken', reason: `unexpected ${event.kind}` };
  return { phase: SHUTDOWN, commands: [{ kind: 'kill' }, { kind: 'reject', failure }] };
}
