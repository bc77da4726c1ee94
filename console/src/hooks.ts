import { useEffect, useRef, useState } from 'preact/hooks';

/** Width of an element in whole pixels, followed as it changes. */
export function useWidth<T extends Element>() {
  const ref = useRef<T>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    if (!ref.current) return;
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry!.contentRect.width)));
    observer.observe(ref.current);
    return () => observer.disconnect();
  }, []);
  return { ref, width };
}

/** What of a box that scrolls is seen, in pixels from its top, followed as it changes. */
export function useScrolled<T extends Element>() {
  const ref = useRef<T>(null);
  const [view, setView] = useState({ top: 0, height: 600 });
  useEffect(() => {
    const box = ref.current!;
    const update = () => setView({ top: box.scrollTop, height: box.clientHeight });
    update();
    box.addEventListener('scroll', update, { passive: true });
    const observer = new ResizeObserver(update);
    observer.observe(box);
    return () => {
      box.removeEventListener('scroll', update);
      observer.disconnect();
    };
  }, []);
  return { ref, view };
}

export function useMedia(query: string): boolean {
  const [matches, setMatches] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const list = matchMedia(query);
    const update = () => setMatches(list.matches);
    list.addEventListener('change', update);
    return () => list.removeEventListener('change', update);
  }, [query]);
  return matches;
}

/**
 * Runs `load` now and again `everyMs` after it has ended, while the page is visible; anew when a dependency changes. `load`
 * handles its own errors; its signal fires when it is no longer wanted.
 */
export function usePolling(
  load: (signal: AbortSignal) => Promise<void>,
  everyMs: number,
  dependencies: readonly unknown[],
): void {
  useEffect(() => {
    const stop = new AbortController();
    let timer = 0;
    const run = async () => {
      if (document.visibilityState === 'visible') await load(stop.signal).catch(() => {});
      if (!stop.signal.aborted && everyMs > 0) timer = window.setTimeout(run, everyMs);
    };
    void run();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [everyMs, ...dependencies]);
}

/** As {@link usePolling}, for what may fail. @returns how `load` has failed; `undefined` once it works again */
export function useReading(
  load: (signal: AbortSignal) => Promise<void>,
  everyMs: number,
  dependencies: readonly unknown[],
  onError?: (error: unknown) => void,
): unknown {
  const [error, setError] = useState<unknown>();
  usePolling(
    async (signal) => {
      try {
        await load(signal);
        if (!signal.aborted) setError(undefined);
      } catch (failure) {
        if (signal.aborted) return;
        setError(failure);
        onError?.(failure);
      }
    },
    everyMs,
    dependencies,
  );
  return error;
}

/** Runs one action at a time that a person has asked for, and keeps how it failed. What runs is given up when the part goes. */
export function useAction(): {
  readonly run: (action: (signal: AbortSignal) => Promise<void>) => Promise<void>;
  readonly stop: () => void;
  /** Takes the failure off the page. */
  readonly forget: () => void;
  readonly isBusy: boolean;
  readonly error: unknown;
} {
  const [isBusy, setIsBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const current = useRef<AbortController | undefined>(undefined);
  useEffect(() => () => current.current?.abort(), []);
  const run = async (action: (signal: AbortSignal) => Promise<void>) => {
    current.current?.abort();
    const own = new AbortController();
    current.current = own;
    setIsBusy(true);
    setError(undefined);
    try {
      await action(own.signal);
    } catch (failure) {
      if (!own.signal.aborted) setError(failure);
    }
    if (current.current === own) setIsBusy(false);
  };
  return { run, stop: () => current.current?.abort(), forget: () => setError(undefined), isBusy, error };
}

/** What stands behind the `#` of the address, followed as it changes. */
export function useHash(): string {
  const [hash, setHash] = useState(location.hash.slice(1));
  useEffect(() => {
    const update = () => setHash(location.hash.slice(1));
    addEventListener('hashchange', update);
    return () => removeEventListener('hashchange', update);
  }, []);
  return hash;
}

/** A value once it has not changed for a while. */
export function useSettled<T>(value: T, afterMs: number): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), afterMs);
    return () => clearTimeout(timer);
  }, [value, afterMs]);
  return settled;
}
