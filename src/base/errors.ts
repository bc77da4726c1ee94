/** What a caller may do about an operating error. */
export type Remedy = 'retry' | 'never';

/**
 * An expected failure, typed by `code`. The domain knows no HTTP: each wire API owns a total table from codes to answers.
 * Compare by `code`, never by `instanceof`: errors cross threads and package copies.
 */
export class DomainError<Code extends string = string> extends Error {
  readonly code: Code;
  /** Whether the same call may succeed later without a change; `never` unless said otherwise. */
  readonly remedy: Remedy;
  /** Members that the wire error shape carries beside the message (for example `CancellationReasons`). */
  readonly fields: Readonly<Record<string, unknown>> | undefined;

  constructor(
    code: Code,
    message: string,
    options: { cause?: unknown; remedy?: Remedy; fields?: Readonly<Record<string, unknown>> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.remedy = options.remedy ?? 'never';
    this.fields = options.fields;
  }
}

/** True when `error` carries this `code`, whichever copy of which class made it. */
export function hasCode(error: unknown, code: string): boolean {
  return typeof error === 'object' && error !== null && (error as { code?: unknown }).code === code;
}

/** A broken promise of our own code: never caught to carry on, always a bug. */
export class InternalError extends Error {
  override readonly name = 'InternalError';
}

/** Stops the operation with {@link InternalError} when something that must hold does not. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InternalError(message);
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
