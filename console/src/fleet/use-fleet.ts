import { useEffect, useRef, useState } from 'preact/hooks';
import type { DeviceList, DeviceSummary, FleetQuery } from './fleet-api.ts';
import { listDevices } from './fleet-api.ts';

/** Devices of one call: some screens of rows. */
const CHUNK = 200;
/** What is on the screen is read again so often. */
const REFRESH_MS = 2000;

/** The fleet as far as it has been looked at. */
export interface FleetView {
  /** Of the last answer: counts, and how many there are. */
  readonly list: DeviceList | undefined;
  readonly error: unknown;
  /** The device of a row; `undefined` while it is not read yet. */
  readonly at: (index: number) => DeviceSummary | undefined;
  /** Rows that are on the screen now. */
  readonly look: (first: number, last: number) => void;
  readonly reload: () => void;
}

interface State {
  readonly key: string;
  readonly list: DeviceList | undefined;
  readonly chunks: ReadonlyMap<number, readonly DeviceSummary[]>;
  readonly error: unknown;
}

/**
 * Reads the chunks of the list that rows on the screen need, and again while they are there: of 20,000 devices only some hundreds
 * are ever asked for at once.
 */
export function useFleet(query: FleetQuery): FleetView {
  const key = JSON.stringify(query);
  const [state, setState] = useState<State>({ key, list: undefined, chunks: new Map(), error: undefined });
  const [range, setRange] = useState({ first: 0, last: 0 });
  const [round, setRound] = useState(0);
  const newest = useRef(query);
  newest.current = query;
  useEffect(() => {
    const stop = new AbortController();
    let timer = 0;
    const load = async () => {
      if (document.visibilityState === 'visible') await loadRange(newest.current, key, range, stop.signal, setState);
      if (!stop.signal.aborted) timer = window.setTimeout(load, REFRESH_MS);
    };
    void load();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [key, range.first, range.last, round]);
  const isCurrent = state.key === key;
  return {
    list: state.list,
    error: state.error,
    at: (index) => (isCurrent ? state.chunks.get(Math.floor(index / CHUNK))?.[index % CHUNK] : undefined),
    look: (first, last) => {
      const [from, to] = [Math.floor(first / CHUNK), Math.floor(last / CHUNK)];
      setRange((before) => (before.first === from && before.last === to ? before : { first: from, last: to }));
    },
    reload: () => setRound((before) => before + 1),
  };
}

async function loadRange(
  query: FleetQuery,
  key: string,
  { first, last }: { readonly first: number; readonly last: number },
  signal: AbortSignal,
  setState: (change: (before: State) => State) => void,
): Promise<void> {
  try {
    for (let chunk = first; chunk <= last; chunk++) {
      const list = await listDevices(query, chunk * CHUNK, CHUNK, signal);
      setState((before) => {
        const chunks = new Map(before.key === key ? before.chunks : []);
        // Far from the screen what was read is old, and is read again when it is needed.
        for (const old of chunks.keys()) if (old < first - 2 || old > last + 2) chunks.delete(old);
        return { key, list, chunks: chunks.set(chunk, list.devices), error: undefined };
      });
    }
  } catch (error) {
    if (!signal.aborted) setState((before) => ({ ...before, error }));
  }
}
