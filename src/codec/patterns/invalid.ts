import { DomainError } from '../../base/index.ts';

/** A pattern that says nothing we can match; `message` is the reason, each service words the sentence around it. */
export class PatternInvalid extends DomainError<'pattern-invalid'> {
  /** In AWS's words, without the place. */
  readonly reason: string;

  constructor(reason: string, path = '') {
    super('pattern-invalid', path ? `${reason} (at ${path})` : reason);
    this.reason = reason;
  }
}
