import { type Clock, hasCode } from '../base/index.ts';
import { decodeKey, encodeKey } from '../codec/index.ts';
import type { Condition, Records, Transaction, Write } from '../store/index.ts';
import { DELIVERY_LIMITS } from './delivery.ts';
import { type Row, SPACES } from './rows.ts';

/** A row that wants to be taken, and what puts it. */
export interface Candidate {
  readonly row: Row;
  readonly writes: readonly Write[];
}

interface Judged {
  readonly candidate: Candidate;
  /** What must hold for it to be taken; `undefined` when its key was used already. */
  readonly condition?: Condition;
}

/** Keys used up are forgotten in pages of so many. */
const SWEEP_PAGE = 5000;

/** Makes rows durable, each idempotency key once in a while: {@link DELIVERY_LIMITS}.idempotencyMs. */
export class IdempotencyKeys {
  readonly #records: Records;
  readonly #clock: Clock;

  constructor(records: Records, clock: Clock) {
    this.#records = records;
    this.#clock = clock;
  }

  /** @returns the rows that were taken: all but those whose key was used */
  async commit(candidates: readonly Candidate[]): Promise<readonly Row[]> {
    const plain = candidates.filter(({ row }) => row.delivery.idempotencyKey === undefined);
    const keyed = firstOfEachKey(candidates);
    // Most keys are new: they are believed to be, and looked up only where that was wrong.
    for (let judged: readonly Judged[] = keyed.map(believedNew); ; judged = await this.#lookUp(keyed)) {
      const fresh = judged.filter(({ condition }) => condition !== undefined);
      const taken = [...plain, ...fresh.map(({ candidate }) => candidate)];
      if (taken.length === 0) return [];
      const writes = [...taken.flatMap((one) => one.writes), ...fresh.flatMap((one) => this.#use(one.candidate))];
      try {
        await this.#records.commit({ conditions: fresh.map(({ condition }) => condition!), writes });
        return inOrder(candidates, taken);
      } catch (error) {
        if (!hasCode(error, 'condition-failed')) throw error;
      }
    }
  }

  /** Forgets keys that have expired; one that was used again since has a newer entry. */
  async sweep(signal: AbortSignal): Promise<void> {
    const to = encodeKey([this.#clock.now()]);
    while (!signal.aborted) {
      const page = await this.#records.range(SPACES.keysDue, { to, limit: SWEEP_PAGE });
      if (page.length === 0) return;
      const transactions = await Promise.all(page.map(({ key }) => this.#forget(key)));
      const conditions = transactions.flatMap((one) => one.conditions);
      try {
        await this.#records.commit({ conditions, writes: transactions.flatMap((one) => one.writes) });
      } catch (error) {
        // One was used again just now: the next sweep sees that.
        if (hasCode(error, 'condition-failed')) return;
        throw error;
      }
    }
  }

  #lookUp(keyed: readonly Candidate[]): Promise<readonly Judged[]> {
    return Promise.all(keyed.map((candidate) => this.#judge(candidate)));
  }

  async #judge(candidate: Candidate): Promise<Judged> {
    const key = keyOf(candidate.row);
    const found = await this.#records.get(SPACES.keys, key);
    if (!found) return believedNew(candidate);
    if (expiryOf(found.value) > this.#clock.now()) return { candidate };
    return { candidate, condition: { space: SPACES.keys, key, is: found.version } };
  }

  #use({ row }: Candidate): Write[] {
    const { arn, idempotencyKey } = row.delivery;
    const expiresAt = this.#clock.now() + DELIVERY_LIMITS.idempotencyMs;
    const value = Buffer.from(String(expiresAt));
    const dueKey = encodeKey([expiresAt, arn, idempotencyKey!]);
    return [
      { kind: 'put', space: SPACES.keys, key: keyOf(row), value },
      { kind: 'put', space: SPACES.keysDue, key: dueKey, value: Buffer.alloc(0) },
    ];
  }

  async #forget(dueKey: Uint8Array): Promise<Required<Transaction>> {
    const [expiresAt, arn, idempotencyKey] = decodeKey(dueKey) as [number, string, string];
    const key = encodeKey([arn, idempotencyKey]);
    const found = await this.#records.get(SPACES.keys, key);
    const isCurrent = found !== undefined && expiryOf(found.value) === expiresAt;
    const forget: Write = { kind: 'delete', space: SPACES.keysDue, key: dueKey };
    if (!isCurrent) return { conditions: [], writes: [forget] };
    return {
      conditions: [{ space: SPACES.keys, key, is: found.version }],
      writes: [forget, { kind: 'delete', space: SPACES.keys, key }],
    };
  }
}

function believedNew(candidate: Candidate): Judged {
  return { candidate, condition: { space: SPACES.keys, key: keyOf(candidate.row), is: 'absent' } };
}

function firstOfEachKey(candidates: readonly Candidate[]): readonly Candidate[] {
  const first = new Map<string, Candidate>();
  for (const candidate of candidates) {
    const { arn, idempotencyKey } = candidate.row.delivery;
    const name = `${arn} ${idempotencyKey}`;
    if (idempotencyKey !== undefined && !first.has(name)) first.set(name, candidate);
  }
  return [...first.values()];
}

function inOrder(candidates: readonly Candidate[], taken: readonly Candidate[]): readonly Row[] {
  if (taken.length === candidates.length) return candidates.map(({ row }) => row);
  const all = new Set(taken);
  return candidates.filter((candidate) => all.has(candidate)).map(({ row }) => row);
}

function keyOf({ delivery: { arn, idempotencyKey } }: Row): Uint8Array {
  return encodeKey([arn, idempotencyKey!]);
}

function expiryOf(value: Uint8Array): number {
  return Number(Buffer.from(value).toString());
}
