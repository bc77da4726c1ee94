/**
 * Dead letters as the console and the command line see them, and the port through which the composition root gives them.
 *
 * No imports: the console's sources take these types as they are.
 */

/** Where dead letters lie: a queue that something names as its dead-letter queue, or the outbox for those that have none. */
export interface DeadLetterPlace {
  /** ARN of the queue, or `outbox`. */
  readonly id: string;
  readonly label: string;
  /** How many lie there. */
  readonly waiting: number;
  /** Milliseconds since the oldest of them was sent; absent when there is none. */
  readonly oldestAgeMs?: number;
  /** Who sends dead letters there, in words: `redrive policy of orders`. */
  readonly usedBy: readonly string[];
}

/** Something that was given up, with all that is known of how it came to that. Absent means that nobody has noted it. */
export interface DeadLetter {
  /** {@link DeadLetterPlace.id} of where it lies. */
  readonly place: string;
  /** Names it within its place; letters come in the order of their places' reading. */
  readonly key: string;
  /** ARN or URL that it was meant for: where redriving sends it, unless told otherwise. */
  readonly target?: string;
  /** ARN of where it came from. */
  readonly source?: string;
  readonly errorCode?: string;
  readonly errorMessage?: string;
  /** Tries of the delivery, or receives of the message, before it was given up. */
  readonly attempts?: number;
  /** Epoch milliseconds. */
  readonly sentAt: number;
  /** When it became a dead letter, epoch milliseconds. */
  readonly givenUpAt?: number;
  /** 32 hex digits. */
  readonly traceId?: string;
  /** What redriving sends: of an invocation record that is the event which it holds. */
  readonly body: string;
  /** `base64` for what is no text: such a body cannot be edited. */
  readonly encoding: 'text' | 'base64';
  readonly bytes: number;
  /** Message attributes, headers, the record around the event: whatever else there is, as JSON. */
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Letters of one group are redriven one after the other. */
  readonly group?: string;
}

/** What may be changed of a letter on its way back. */
export interface Redrive {
  /** Another body. */
  readonly body?: string;
  /** Another target: ARN or URL. */
  readonly to?: string;
}

export interface DeadLetterPage {
  readonly letters: readonly DeadLetter[];
  /** There may be more after the last one. */
  readonly more: boolean;
}

/** The dead letters of a node. Joined by the composition root from the outbox and the queues. */
export interface DeadLetters {
  places(): readonly DeadLetterPlace[] | Promise<readonly DeadLetterPlace[]>;
  /**
   * Reads on in a place without taking anything away.
   * @param after  key of the last letter that the caller holds; it need not be there any more
   * @param limit  1 to 1,000 letters
   * @throws place-unknown
   */
  browse(place: string, options: { readonly after?: string; readonly limit: number }): Promise<DeadLetterPage>;
  /** @throws letter-unknown: it was redriven, discarded, received or has expired */
  read(place: string, key: string): Promise<DeadLetter>;
  /**
   * Sends a letter back to its target, then takes it away. Durable when it resolves; after a crash in between it is sent and
   * still there, so a letter may come twice and is never lost.
   * @returns the ARN or URL that it went to
   * @throws letter-unknown; target-needed: nobody has noted where it was meant for; and what the target refuses at once
   */
  redrive(place: string, key: string, change: Redrive): Promise<string>;
  /** Takes a letter away for good. @throws letter-unknown */
  discard(place: string, key: string): Promise<void>;
}

/** A dead letter in a list: body cut short. */
export interface DeadLetterSummary extends Omit<DeadLetter, 'key' | 'body' | 'attributes'> {
  /** Opaque; names the letter in the other calls. */
  readonly id: string;
  /** The first 200 characters of the body. */
  readonly preview: string;
}

/** One span of a trace; see `telemetry`'s `Span`. */
export interface TraceSpan {
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly startMs: number;
  readonly durationMs: number;
  readonly error?: string;
}

/** Body of `GET /_millrace/dead-letters/ID`. */
export interface DeadLetterDetail extends Omit<DeadLetter, 'key'> {
  readonly id: string;
  /** Spans of its trace that the node still has, oldest first. */
  readonly spans: readonly TraceSpan[];
}

/** Which letters are meant; absent members say nothing. */
export interface DeadLetterFilter {
  readonly place?: string;
  /** Part of the target, of the source, of the reason (error code and message). */
  readonly target?: string;
  readonly source?: string;
  readonly reason?: string;
  /** Part of the body. */
  readonly text?: string;
  /** Given up (or sent, where that is not known) before, epoch milliseconds. */
  readonly before?: number;
}

/** Body of `GET /_millrace/dead-letters`. */
export interface DeadLetterList {
  readonly places: readonly DeadLetterPlace[];
  readonly letters: readonly DeadLetterSummary[];
  /** Letters that were looked at for this answer. */
  readonly scanned: number;
  /** `after` of the next call; absent when all were looked at. An answer may have few letters, or none, and go on. */
  readonly next?: string;
}

/** Body of the answer to `POST /_millrace/dead-letters/redrive` and `/discard`: what one call has done of it. */
export interface DeadLetterBulk {
  /** Letters that were sent back, or discarded. */
  readonly done: number;
  /** Letters that are still where they were. */
  readonly failed: number;
  /** The first of those, with why. */
  readonly failures: readonly { readonly id: string; readonly message: string }[];
  readonly scanned: number;
  readonly next?: string;
}
