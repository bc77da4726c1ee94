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
