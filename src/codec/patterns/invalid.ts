import { DomainError } from '../../base/index.ts';

/** A pattern that says nothing we can match; `message` is the reason, each service words the sentence around it. */
export class PatternInvalid extends DomainError<'pattern-invalid'> {
  constructor(reason: string, path = '') {
    super('pattern-invalid', path ? `${reason} (at ${path})` : reason);
  }
}
