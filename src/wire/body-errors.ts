import { DomainError } from '../base/index.ts';

/** - `body-too-large`: more than the service takes; - `body-aborted`: the client went away before the end;
 *  - `wire-busy`: too many bodies are held at the moment. Retry later. */
export type BodyErrorCode = 'body-too-large' | 'body-aborted' | 'wire-busy';

export function aborted(): DomainError<BodyErrorCode> {
  return new DomainError('body-aborted', 'the client went away before the end of the body');
}
