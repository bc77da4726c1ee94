import { useEffect, useRef, useState } from 'preact/hooks';
import { type DeviceMessages, readMessages } from './fleet-api.ts';
import { type LiveNumbers, NO_NUMBERS, withMessage } from './live-numbers.ts';

/** Messages are asked for so often. */
const POLL_MS = 1000;
const KEPT_MAX = 300;

export type Message = DeviceMessages['messages'][number];

export interface LiveView {
  /** The newest first. */
  readonly messages: readonly Message[];
  readonly numbers: LiveNumbers;
  /** Messages that came and went between two looks. */
  readonly missed: number;
  readonly error: unknown;
  readonly isPaused: boolean;
  readonly pause: (isPaused: boolean) => void;
}

interface State {
  readonly messages: readonly Message[];
  readonly numbers: LiveNumbers;
  readonly missed: number;
  readonly error: unknown;
}

const NOTHING: State = { messages: [], numbers: NO_NUMBERS, missed: 0, error: undefined };

/** What a device publishes while the page is open. */
export function useMessages(name: string, isKnown: boolean): LiveView {
  const [state, setState] = useState(NOTHING);
  const [isPaused, setIsPaused] = useState(false);
  const last = useRef(0);
  useEffect(() => {
    if (!isKnown || isPaused) return;
    const stop = new AbortController();
    let timer = 0;
    const load = async () => {
      try {
        const read = await readMessages(name, last.current, stop.signal);
        // The node has forgotten this page, or been restarted: it counts anew.
        const after = read.last < last.current ? 0 : last.current;
        last.current = read.last;
        setState((before) => taken(before, read, after));
      } catch (error) {
        if (!stop.signal.aborted) setState((before) => ({ ...before, error }));
      }
      if (!stop.signal.aborted) timer = window.setTimeout(load, POLL_MS);
    };
    void load();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [name, isKnown, isPaused]);
  return { ...state, isPaused, pause: setIsPaused };
}

function taken(before: State, { messages, last }: DeviceMessages, after: number): State {
  const first = messages[0]?.number ?? last + 1;
  const missed = after === 0 ? 0 : Math.max(0, first - after - 1);
  return {
    messages: [...messages.toReversed(), ...before.messages].slice(0, KEPT_MAX),
    numbers: messages.reduce(withMessage, before.numbers),
    missed: before.missed + missed,
    error: undefined,
  };
}
