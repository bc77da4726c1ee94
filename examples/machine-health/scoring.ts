import type { Window } from './recording.ts';

/** A span of the recording that one machine was watched over, with the alerts raised in it. */
export interface Watch {
  /** Alerts were possible from here (the warm-up is over) to here, epoch milliseconds of the recording. */
  readonly from: number;
  readonly to: number;
  readonly alerts: readonly number[];
}

export interface Score {
  readonly alerts: number;
  /** Alerts that lie in a labelled window. */
  readonly right: number;
  /** Windows that were watched whole, each counted once for each machine, and how many of them had an alert. */
  readonly windows: number;
  readonly found: number;
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}

const within = ({ start, end }: Window, time: number) => time >= start && time <= end;

/** Compares alerts with the labelled windows. A window watched only in part counts for precision, not for recall. */
export function scoreOf(watches: readonly Watch[], windows: readonly Window[]): Score {
  const alerts = watches.flatMap((watch) => watch.alerts);
  const right = alerts.filter((time) => windows.some((window) => within(window, time))).length;
  const watched = watches.flatMap((watch) =>
    windows
      .filter(({ start, end }) => start >= watch.from && end <= watch.to)
      .map((window) => watch.alerts.some((time) => within(window, time))),
  );
  const found = watched.filter(Boolean).length;
  const precision = alerts.length ? right / alerts.length : Number.NaN;
  const recall = watched.length ? found / watched.length : Number.NaN;
  const f1 = (2 * precision * recall) / (precision + recall);
  return { alerts: alerts.length, right, windows: watched.length, found, precision, recall, f1 };
}

/**
 * How early the first alert of a window came, as the Numenta benchmark weighs it: +1 at the window's start, falling along a
 * sigmoid to about 0 at its end.
 */
export function earliness({ start, end }: Window, alert: number): number {
  const position = (alert - end) / (end - start);
  return 2 / (1 + Math.exp(5 * position)) - 1;
}
