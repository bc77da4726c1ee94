import { Ages } from './ages.ts';
import { DELIVERY_LIMITS, type EdgeCounts } from './delivery.ts';
import type { Failed } from './policy.ts';

export type Outcome = keyof EdgeCounts;

export type Counts = { -readonly [Name in Outcome]: EdgeCounts[Name] };

const OTHER = 'other';

/** The numbers of an edge: what waits and since when, what became of the rest, by source too. */
export class Tally {
  readonly ages = new Ages();
  readonly counts: Counts = newCounts();
  readonly #sources = new Map<string, Counts>();
  #lastError: { readonly code: string; readonly message: string; readonly at: number } | undefined;

  get lastError() {
    return this.#lastError;
  }

  get sources(): readonly (EdgeCounts & { readonly source: string })[] {
    return [...this.#sources].map(([source, counts]) => ({ source, ...counts }));
  }

  count(outcome: Outcome, source: string): void {
    this.counts[outcome]++;
    this.#of(source)[outcome]++;
    if (outcome === 'delivered') this.#lastError = undefined;
  }

  failed({ errorCode: code, errorMessage: message }: Failed, at: number): void {
    this.#lastError = { code, message, at };
  }

  #of(source: string): Counts {
    const found = this.#sources.get(source);
    if (found) return found;
    const name = this.#sources.size < DELIVERY_LIMITS.sourcesMax ? source : OTHER;
    const counts = this.#sources.get(name) ?? newCounts();
    this.#sources.set(name, counts);
    return counts;
  }
}

export function newCounts(): Counts {
  return { delivered: 0, retried: 0, deadLettered: 0, lost: 0 };
}
