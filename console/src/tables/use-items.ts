import { useEffect, useRef, useState } from 'preact/hooks';
import type { AwsRequest } from './requests.ts';
import { call, type Page } from './tables-api.ts';
import type { Attributes } from './values.ts';

/** Items that are asked for at a time; a page of the API has 1 MB at most. */
const PAGE = 100;
/** Items kept on the page: beyond it a narrower query finds more than scrolling does. */
export const ITEMS_MAX = 5_000;
/** Pages that a filter which finds nothing goes on for by itself. */
const EMPTY_PAGES_MAX = 10;

export interface ItemsState {
  readonly items: readonly Attributes[];
  readonly scanned: number;
  /** Capacity units that were consumed. */
  readonly units: number;
  readonly next: Attributes | undefined;
  readonly isLoading: boolean;
  readonly error: unknown;
}

const NOTHING: ItemsState = { items: [], scanned: 0, units: 0, next: undefined, isLoading: false, error: undefined };

/** What a Query or Scan finds, page by page. */
export function useItems(request: AwsRequest | undefined): {
  readonly state: ItemsState;
  readonly more: () => void;
  readonly reload: () => void;
} {
  const [state, setState] = useState(NOTHING);
  const [round, setRound] = useState(0);
  const running = useRef<AbortController>(undefined);

  const load = async (from: Attributes | undefined): Promise<void> => {
    running.current?.abort();
    const own = new AbortController();
    running.current = own;
    const { operation, input } = request!;
    setState((before) => ({ ...before, isLoading: true, error: undefined }));
    let start = from;
    try {
      for (let page = 1; ; page++) {
        const asked = { ...input, Limit: PAGE, ...(start && { ExclusiveStartKey: start }) };
        const answer = (await call({ operation, input: asked }, own.signal)) as Page;
        start = answer.LastEvaluatedKey;
        const found = answer.Items ?? [];
        const isLast = found.length > 0 || start === undefined || page >= EMPTY_PAGES_MAX;
        setState((before) => ({
          ...before,
          items: [...before.items, ...found],
          scanned: before.scanned + answer.ScannedCount,
          units: before.units + (answer.ConsumedCapacity?.CapacityUnits ?? 0),
          next: start,
          isLoading: !isLast,
        }));
        if (isLast) return;
      }
    } catch (error) {
      if (!own.signal.aborted) setState((before) => ({ ...before, isLoading: false, error }));
    }
  };

  useEffect(() => {
    setState(NOTHING);
    if (request) void load(undefined);
    return () => running.current?.abort();
  }, [request, round]);

  return {
    state,
    more: () => {
      if (!state.isLoading && state.next && state.items.length < ITEMS_MAX) void load(state.next);
    },
    reload: () => setRound((before) => before + 1),
  };
}
