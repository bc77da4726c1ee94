import type { Random } from '../../src/base/index.ts';
import type { CrashSubject, HistoryEntry, Outcome } from './subject.ts';

/** Told of each step: begun before anything is done, ended after. */
export interface Journal<Step> {
  begin(id: number, step: Step): void;
  end(id: number, outcome: Outcome): void;
}

/** Runs steps side by side until `steps` were begun or `isOver`; resolves when all that were begun have ended. */
export async function runWorkload<Store extends AsyncDisposable, Step>(options: {
  readonly subject: CrashSubject<Store, Step>;
  readonly store: Store;
  readonly random: Random;
  readonly firstId: number;
  readonly steps: number;
  readonly journal: Journal<Step>;
  readonly isOver: () => boolean;
}): Promise<void> {
  const { subject, store, random, firstId, steps, journal, isOver } = options;
  let id = firstId;
  const worker = async () => {
    while (id < firstId + steps && !isOver()) {
      const mine = id++;
      const step = subject.plan(random, mine);
      journal.begin(mine, step);
      journal.end(mine, await outcomeOf(subject, store, step, mine));
    }
  };
  await Promise.all(Array.from({ length: subject.concurrency }, worker));
}

async function outcomeOf<Store extends AsyncDisposable, Step>(
  subject: CrashSubject<Store, Step>,
  store: Store,
  step: Step,
  id: number,
): Promise<Outcome> {
  try {
    await subject.run(store, step, id);
    return 'acknowledged';
  } catch (error) {
    return subject.isRefusal(error) ? 'refused' : 'unknown';
  }
}

/** A journal that keeps the history in memory. */
export function historyJournal<Step>(history: HistoryEntry<Step>[]): Journal<Step> {
  const byId = new Map<number, HistoryEntry<Step>>();
  return {
    begin: (id, step) => {
      const entry: HistoryEntry<Step> = { id, step, outcome: 'unknown' };
      history.push(entry);
      byId.set(id, entry);
    },
    end: (id, outcome) => {
      byId.get(id)!.outcome = outcome;
    },
  };
}
