import { timingSafeEqual } from 'node:crypto';
import type { Clock, Random } from '../../../base/index.ts';
import type { Records, Write } from '../../../store/index.ts';
import { CLOUDFORMATION_LIMITS } from '../limits.ts';
import { ANSWERS_PREFIX } from '../presence.ts';
import type { Json } from '../template/value.ts';

const SPACE = 'cloudformation/answers';
const PAGE = 1_000;
const TOKEN_BYTES = 24;

/**
 * What somebody outside has said about a resource: a custom resource's function, whoever holds a wait condition's URL, or the caller
 * of SignalResource.
 */
export interface Answer {
  /** Answers with the same id count once; the first stays. */
  readonly id: string;
  readonly body: Json;
}

/**
 * Answers from outside to steps that wait for them. One is durable before its sender is told so, and is found again after a crash;
 * those to a stack go when its deployment ends.
 */
export class Answers {
  readonly #records: Records;
  readonly #clock: Clock;
  readonly #random: Random;
  /** By question, oldest first. */
  readonly #known = new Map<string, Answer[]>();
  readonly #waiting = new Map<string, Set<() => void>>();

  private constructor(records: Records, clock: Clock, random: Random) {
    this.#records = records;
    this.#clock = clock;
    this.#random = random;
  }

  static async open(records: Records, clock: Clock, random: Random): Promise<Answers> {
    const answers = new Answers(records, clock, random);
    let from: Uint8Array | undefined;
    for (;;) {
      const entries = await records.range(SPACE, { ...(from && { from }), limit: PAGE });
      for (const { value } of entries) {
        const { question, answer } = JSON.parse(Buffer.from(value).toString()) as { question: string; answer: Answer };
        answers.#remember(question, answer);
      }
      const last = entries.at(-1);
      if (!last || entries.length < PAGE) return answers;
      from = Buffer.concat([last.key, Buffer.from([0])]);
    }
  }

  /** What makes the address of a question one that cannot be guessed. */
  token(): string {
    return Buffer.from(this.#random.bytes(TOKEN_BYTES)).toString('hex');
  }

  of(question: string): readonly Answer[] {
    return this.#known.get(question) ?? [];
  }

  /** @returns false when there are too many already; the same id again changes nothing */
  async give(question: string, answer: Answer): Promise<boolean> {
    const known = this.of(question);
    if (known.some(({ id }) => id === answer.id)) return true;
    if (known.length >= CLOUDFORMATION_LIMITS.answersPerQuestionMax) return false;
    const key = Buffer.from(`${question}/${answer.id}`);
    await this.#records.commit({
      writes: [{ kind: 'put', space: SPACE, key, value: Buffer.from(JSON.stringify({ question, answer })) }],
    });
    if (!this.of(question).some(({ id }) => id === answer.id)) this.#remember(question, answer);
    for (const wake of this.#waiting.get(question) ?? []) wake();
    return true;
  }

  /**
   * Waits until `enough` gives something.
   *
   * @param deadline  wall clock, epoch milliseconds
   * @returns `undefined` when the deadline came first
   */
  async wait<T>(
    question: string,
    deadline: number,
    signal: AbortSignal,
    enough: (answers: readonly Answer[]) => T | undefined,
  ): Promise<T | undefined> {
    for (;;) {
      const result = enough(this.of(question));
      if (result !== undefined) return result;
      const left = deadline - this.#clock.now();
      if (left <= 0) return undefined;
      await this.#news(question, left, signal);
    }
  }

  /** Forgets what was said to a stack: nobody waits for it any more. */
  async forgetStack(uuid: string): Promise<void> {
    await this.#forget((owner) => owner === uuid);
  }

  /** Forgets what was said to all other stacks. */
  async keepOnly(uuids: ReadonlySet<string>): Promise<void> {
    await this.#forget((owner) => !uuids.has(owner));
  }

  async #forget(goes: (stack: string) => boolean): Promise<void> {
    const old = [...this.#known].filter(([question]) => goes(question.slice(0, question.indexOf('/'))));
    const writes = old.flatMap(([question, answers]) =>
      answers.map(({ id }): Write => ({ kind: 'delete', space: SPACE, key: Buffer.from(`${question}/${id}`) })),
    );
    if (writes.length > 0) await this.#records.commit({ writes });
    for (const [question] of old) this.#known.delete(question);
  }

  async #news(question: string, ms: number, signal: AbortSignal): Promise<void> {
    const waiting = this.#waiting.get(question) ?? new Set();
    this.#waiting.set(question, waiting);
    const stop = new AbortController();
    const come = Promise.withResolvers<void>();
    waiting.add(come.resolve);
    try {
      const late = this.#clock.sleep(ms, AbortSignal.any([signal, stop.signal]));
      late.catch(() => {});
      await Promise.race([come.promise, late]);
    } finally {
      waiting.delete(come.resolve);
      if (waiting.size === 0) this.#waiting.delete(question);
      stop.abort();
    }
  }

  #remember(question: string, answer: Answer): void {
    const known = this.#known.get(question);
    if (known) known.push(answer);
    else this.#known.set(question, [answer]);
  }
}

/** Name of a question among all stacks'. */
export const questionKey = (stack: string, id: string) => `${stack}/${id}`;

export function answerPath(stack: string, { id, token }: { readonly id: string; readonly token: string }): string {
  return `${ANSWERS_PREFIX}/${stack}/${id}/${token}`;
}

/** Name of the question that a URL of answers belongs to. */
export function questionOf(url: string): string {
  return (URL.parse(url)?.pathname ?? '').slice(ANSWERS_PREFIX.length + 1).split('/')[1] ?? '';
}

/** Compares without telling by the time it takes how much of a token is right. */
export function sameToken(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
