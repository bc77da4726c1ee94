import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { DomainError, hasCode } from '../../base/index.ts';
import type { DeadLetterOrigin, Delivery, Letter, LetterSummary, Outbox, RetryPolicy } from '../../delivery/index.ts';
import type { DeadLetter, DeadLetterPage, DeadLetterPlace, Redrive } from '../../gateway/console/index.ts';
import type { TraceContext } from '../../telemetry/index.ts';
import { NODE_LIMITS } from '../limits.ts';
import type { Place } from './place.ts';

/** Name of the place of letters that have no queue. */
export const OUTBOX = 'outbox';

/** A letter that goes elsewhere than it was meant for is tried for a while, then it is a lost letter again. */
const ELSEWHERE_POLICY: RetryPolicy = {
  attemptsMax: 4,
  ageMsMax: 3_600_000,
  backoffMsBase: 1_000,
  backoffMsMax: 60_000,
};

/** Lost letters: deliveries that were given up and have no dead-letter queue. The outbox keeps them for 14 days. */
export class OutboxPlace implements Place {
  readonly #outbox: Outbox;
  readonly #newTrace: () => TraceContext;

  constructor(outbox: Outbox, newTrace: () => TraceContext) {
    this.#outbox = outbox;
    this.#newTrace = newTrace;
  }

  places(): readonly DeadLetterPlace[] {
    const waiting = this.#outbox.letterCount;
    return [
      { id: OUTBOX, label: 'no queue (lost letters)', waiting, usedBy: ['deliveries without a dead-letter queue'] },
    ];
  }

  async browse(_: string, options: { readonly after?: string; readonly limit: number }): Promise<DeadLetterPage> {
    const { letters, next } = await this.#outbox.letters(options);
    const page = within(letters, NODE_LIMITS.letterPageBytesMax);
    const whole = await Promise.all(page.map(({ id }) => this.#outbox.letter(id)));
    const more = next !== undefined || page.length < letters.length;
    // One that has gone meanwhile is left out.
    return { letters: whole.filter((letter) => letter !== undefined).map(letterOf), more };
  }

  async read(_: string, key: string): Promise<DeadLetter> {
    return letterOf(await this.#letter(key));
  }

  async redrive(_: string, key: string, { body, to }: Redrive): Promise<string> {
    const letter = await this.#letter(key);
    if (to === undefined || to === letter.origin.arn) {
      await asked(this.#outbox.redrive(key, body === undefined ? {} : { payload: Buffer.from(body) }));
      return letter.origin.arn;
    }
    await this.#outbox.send([this.#deliveryOf(letter, to, body)]);
    await this.#outbox.discard(key).catch((error: unknown) => {
      // Somebody has taken it away meanwhile: it is sent, and no letter any more, as was asked.
      if (!hasCode(error, 'letter-not-found')) throw error;
    });
    return to;
  }

  async discard(_: string, key: string): Promise<void> {
    await asked(this.#outbox.discard(key));
  }

  async #letter(key: string): Promise<Letter> {
    const letter = await this.#outbox.letter(key);
    if (letter) return letter;
    throw gone();
  }

  #deliveryOf({ id, origin, payload }: Letter, to: string, body: string | undefined): Delivery {
    const messageAttributes = origin.attributes?.messageAttributes;
    const sent = body === undefined ? payload : Buffer.from(body);
    return {
      arn: to,
      payload: sent,
      ...(messageAttributes !== undefined && { attributes: { messageAttributes } }),
      policy: ELSEWHERE_POLICY,
      source: origin.source,
      // Once, although somebody asks twice or the node ends before the letter is taken away.
      idempotencyKey: createHash('sha256').update(`letter ${id} `).update(sent).digest('hex'),
      trace: this.#newTrace(),
    };
  }
}

/** The first letters, so many as fit; one at least. */
function within(letters: readonly LetterSummary[], bytesMax: number): readonly LetterSummary[] {
  let bytes = 0;
  const end = letters.findIndex(({ payloadBytes }, index) => {
    bytes += payloadBytes;
    return index > 0 && bytes > bytesMax;
  });
  return end < 0 ? letters : letters.slice(0, end);
}

function letterOf({ id, origin, payload, reason, orderingGroup }: Letter): DeadLetter {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  const encoding = isUtf8(bytes) ? 'text' : 'base64';
  return {
    ...{ place: OUTBOX, key: id, ...ofOrigin(origin) },
    ...(orderingGroup !== undefined && { group: `${origin.arn} ${orderingGroup}` }),
    ...{ body: bytes.toString(encoding === 'text' ? 'utf8' : 'base64'), encoding, bytes: bytes.length },
    attributes: { givenUpFor: reason, ...(origin.attributes && { delivery: origin.attributes }) },
  };
}

type Told = Pick<
  DeadLetter,
  'target' | 'source' | 'errorCode' | 'errorMessage' | 'attempts' | 'sentAt' | 'givenUpAt' | 'traceId'
>;

/** What the outbox has noted of a delivery that it gave up. */
export function ofOrigin({ arn, source, errorCode, errorMessage, attempts, ...rest }: DeadLetterOrigin): Told {
  const { sentAt, givenUpAt, traceId } = rest;
  return { target: arn, source, errorCode, errorMessage, attempts, sentAt, givenUpAt, traceId };
}

function gone(): DomainError {
  return new DomainError('letter-unknown', 'It is not here any more: it was redriven, discarded or has expired.');
}

async function asked<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw hasCode(error, 'letter-not-found') ? gone() : error;
  }
}
