/**
 * `ClientRequestToken`s of transactions: a token is remembered in the commit of its transaction, and for ten minutes.
 *
 *     dynamodb/tokens            region, token -> fingerprint of the request, when it was
 *     dynamodb/tokens/expiry     when, region, token -> nothing
 */
import { decodeKey, encodeKey } from '../../../codec/index.ts';
import type { Condition, Records, Write } from '../../../store/index.ts';
import { RECORDS_LIMITS } from '../../../store/index.ts';
import { DynamodbError } from '../errors.ts';
import { fingerprintOf } from './fingerprint.ts';
import { ITEM_LIMITS } from './limits.ts';

const SPACE = 'dynamodb/tokens';
const EXPIRY = 'dynamodb/tokens/expiry';

/** A token that is taken: what the transaction's commit has to hold, and to write. */
export interface TakenToken {
  readonly conditions: readonly Condition[];
  readonly writes: readonly Write[];
}

interface Remembered {
  readonly fingerprint: string;
  /** Epoch milliseconds. */
  readonly at: number;
}

export class Tokens {
  readonly #records: Records;
  readonly #now: () => number;
  readonly #inProgress = new Set<string>();
  #nextSweep = 0;
  #sweeping: Promise<void> = Promise.resolve();

  constructor(records: Records, now: () => number) {
    this.#records = records;
    this.#now = now;
  }

  /**
   * Does `work` unless the same request has been done under the token.
   *
   * @param request  all that makes requests equal
   * @returns `done-before` when it has
   * @throws DynamodbError `token-mismatch`: another request has; `transaction-in-progress`: one is being done
   */
  async once<T>(
    region: string,
    token: string,
    request: unknown,
    work: (token: TakenToken) => Promise<T>,
  ): Promise<T | 'done-before'> {
    const name = `${region}/${token}`;
    if (this.#inProgress.has(name)) throw inProgress();
    this.#inProgress.add(name);
    try {
      const key = encodeKey([region, token]);
      const fingerprint = fingerprintOf(request).toString('base64');
      const found = await this.#records.get(SPACE, key);
      const before = found && (JSON.parse(Buffer.from(found.value).toString()) as Remembered);
      const now = this.#now();
      if (before && now - before.at < ITEM_LIMITS.tokenMs) {
        if (before.fingerprint === fingerprint) return 'done-before';
        throw new DynamodbError(
          'token-mismatch',
          'The request uses the same client token as a previous, but non-identical request.',
        );
      }
      const value = Buffer.from(JSON.stringify({ fingerprint, at: now } satisfies Remembered));
      const done = await work({
        conditions: [{ space: SPACE, key, is: found?.version ?? 'absent' }],
        writes: [
          { kind: 'put', space: SPACE, key, value },
          { kind: 'put', space: EXPIRY, key: encodeKey([now, region, token]), value: new Uint8Array(0) },
        ],
      });
      this.#sweepNowAndThen(now);
      return done;
    } finally {
      this.#inProgress.delete(name);
    }
  }

  /** Ends with the sweep that is running. */
  async close(): Promise<void> {
    await this.#sweeping;
  }

  #sweepNowAndThen(now: number): void {
    if (now < this.#nextSweep) return;
    this.#nextSweep = now + ITEM_LIMITS.tokenSweepMs;
    // What fails is tried again with the next.
    this.#sweeping = this.#sweep(now).catch(() => {});
  }

  async #sweep(now: number): Promise<void> {
    const to = encodeKey([now - ITEM_LIMITS.tokenMs]);
    const rows = await this.#records.range(EXPIRY, { to, limit: RECORDS_LIMITS.readRecordsMax });
    const tokens = rows.map(({ key }) => encodeKey(decodeKey(key).slice(1)));
    const found = await this.#records.getAll(tokens.map((key) => ({ space: SPACE, key })));
    const writes: Write[] = rows.map(({ key }) => ({ kind: 'delete', space: EXPIRY, key }));
    const conditions: Condition[] = [];
    found.forEach((row, at) => {
      if (!row) return;
      const { at: takenAt } = JSON.parse(Buffer.from(row.value).toString()) as Remembered;
      // One that was taken anew since stays; it may also be taken until this is written.
      if (now - takenAt < ITEM_LIMITS.tokenMs) return;
      conditions.push({ space: SPACE, key: tokens[at]!, is: row.version });
      writes.push({ kind: 'delete', space: SPACE, key: tokens[at]! });
    });
    if (writes.length > 0) await this.#records.commit({ conditions, writes });
  }
}

const inProgress = () =>
  new DynamodbError('transaction-in-progress', 'The transaction with the given request token is already in progress.', {
    remedy: 'retry',
  });

export { inProgress as tokenInProgress };
