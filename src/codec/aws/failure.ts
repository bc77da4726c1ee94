/** Why a request could not be read, before any protocol has words for it. */
export type ReadFailureKind =
  /** The bytes are not what the protocol says they are. */
  | 'serialization'
  /** Members break constraints of the model. */
  | 'constraint';

/** A request that cannot be read; each protocol has its code for it. */
export class ReadFailure extends Error {
  override readonly name = 'ReadFailure';
  readonly kind: ReadFailureKind;

  constructor(kind: ReadFailureKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

/** AWS's message over all the constraints that a request breaks. */
export function constraintFailure(problems: readonly string[]): ReadFailure {
  const count = `${problems.length} validation error${problems.length === 1 ? '' : 's'} detected: `;
  return new ReadFailure('constraint', count + problems.join('; '));
}
