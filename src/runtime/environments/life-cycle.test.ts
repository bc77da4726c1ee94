import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Event, type Failure, type Phase, STARTING, step } from './life-cycle.ts';

const TIMEOUT: Failure = { kind: 'timeout' };
const EVENTS: readonly Event[] = [
  { kind: 'ready' },
  { kind: 'initialised' },
  { kind: 'answered', last: false },
  { kind: 'answered', last: true },
  { kind: 'lingered' },
  { kind: 'retire' },
  { kind: 'failed', failure: TIMEOUT },
];

const run = (...events: Event[]): Phase => events.reduce((phase, event) => step(phase, event).phase, STARTING);
const commandsOf = (phase: Phase, event: Event) => step(phase, event).commands.map(({ kind }) => kind);
const READY: Event = { kind: 'ready' };
const LOADED: Event = { kind: 'initialised' };
const INVOKE: Event = { kind: 'invoke', limit: 1 };
const ANSWERED: Event = { kind: 'answered', last: false };

test('the way of a good environment', () => {
  assert.deepEqual(run(READY), { kind: 'init', retiring: false });
  assert.deepEqual(run(READY, LOADED), { kind: 'idle', frozen: false, retiring: false });
  assert.deepEqual(run(READY, LOADED, INVOKE), { kind: 'busy', running: 1, retiring: false });
  assert.deepEqual(run(READY, LOADED, INVOKE, ANSWERED), { kind: 'idle', frozen: false, retiring: false });
});

test('E4: a frozen environment is thawed before it gets work, a lingering one is not', () => {
  const frozen = run(READY, LOADED, { kind: 'lingered' });
  assert.deepEqual(frozen, { kind: 'idle', frozen: true, retiring: false });
  assert.deepEqual(commandsOf(frozen, INVOKE), ['thaw']);
  assert.deepEqual(commandsOf({ kind: 'idle', frozen: false, retiring: false }, INVOKE), []);
});

test('retiring a busy environment waits for its answer; an idle one goes at once', () => {
  const retiring = run(READY, LOADED, INVOKE, { kind: 'retire' });
  assert.deepEqual(retiring, { kind: 'busy', running: 1, retiring: true });
  assert.deepEqual(step(retiring, ANSWERED), { phase: { kind: 'shutdown' }, commands: [{ kind: 'kill' }] });
  assert.deepEqual(run(READY, LOADED, { kind: 'retire' }), { kind: 'shutdown' });
});

test('retiring during init waits for the invocation that it was started for, or for nobody to come', () => {
  const idle = run({ kind: 'retire' }, READY, LOADED);
  assert.deepEqual(idle, { kind: 'idle', frozen: false, retiring: true });
  assert.deepEqual(step(step(idle, INVOKE).phase, ANSWERED).phase, { kind: 'shutdown' });
  assert.deepEqual(step(idle, { kind: 'lingered' }).phase, { kind: 'shutdown' });
});

test('E1: an environment that is not idle refuses an invocation as a mistake of ours', () => {
  for (const phase of [run(), run(READY), run(READY, LOADED, INVOKE)]) assert.throws(() => step(phase, INVOKE));
});

const SEVERAL: Event = { kind: 'invoke', limit: 3 };
const OVERDUE: Event = { kind: 'overdue' };

test('E1: as many invocations at a time as the function says, and no more; it is idle when the last has ended', () => {
  const full = run(READY, LOADED, SEVERAL, SEVERAL, SEVERAL);
  assert.deepEqual(full, { kind: 'busy', running: 3, retiring: false });
  assert.throws(() => step(full, SEVERAL));
  const rest = run(READY, LOADED, SEVERAL, SEVERAL, ANSWERED);
  assert.deepEqual(rest, { kind: 'busy', running: 1, retiring: false });
  assert.deepEqual(step(rest, ANSWERED), { phase: { kind: 'idle', frozen: false, retiring: false }, commands: [] });
});

test('an overdue invocation kills at once when it is alone, else when the others have ended; nothing begins meanwhile', () => {
  assert.deepEqual(step(run(READY, LOADED, INVOKE), OVERDUE), {
    phase: { kind: 'shutdown' },
    commands: [{ kind: 'kill' }],
  });
  const beside = step(run(READY, LOADED, SEVERAL, SEVERAL), OVERDUE);
  assert.deepEqual(beside, { phase: { kind: 'busy', running: 1, retiring: true }, commands: [] });
  assert.throws(() => step(beside.phase, SEVERAL));
  for (const end of [ANSWERED, OVERDUE]) assert.deepEqual(commandsOf(beside.phase, end), ['kill']);
});

test('a process that says it ends takes with it whatever else runs', () => {
  const last: Event = { kind: 'answered', last: true };
  assert.deepEqual(commandsOf(run(READY, LOADED, SEVERAL, SEVERAL), last), ['kill', 'reject']);
  assert.deepEqual(commandsOf(run(READY, LOADED, SEVERAL), last), ['kill']);
});

test('E2, E3: what is said out of turn ends the environment', () => {
  const out: readonly (readonly [Phase, Event])[] = [
    [STARTING, LOADED],
    [STARTING, ANSWERED],
    [{ kind: 'init', retiring: false }, READY],
    [{ kind: 'idle', frozen: true, retiring: false }, ANSWERED],
    [{ kind: 'busy', running: 1, retiring: false }, LOADED],
  ];
  for (const [phase, event] of out) {
    assert.deepEqual(step(phase, event).phase, { kind: 'shutdown' });
    assert.deepEqual(commandsOf(phase, event), ['kill', 'reject']);
  }
});

test('E5: shutdown is final, whatever follows, and every way into it kills', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...EVENTS), { maxLength: 20 }), (events) => {
      let phase: Phase = STARTING;
      let killed = false;
      for (const event of events) {
        const next = step(phase, event);
        if (phase.kind === 'shutdown') assert.deepEqual(next, { phase, commands: [] });
        phase = next.phase;
        killed ||= next.commands.some(({ kind }) => kind === 'kill');
        assert.equal(phase.kind === 'shutdown', killed);
      }
    }),
  );
});
