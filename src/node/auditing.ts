import type { Verdict } from '../services/iam/index.ts';
import type { Audit } from '../wire/index.ts';
import type { Denials } from './denials.ts';

/** What is done about calls once they are answered: denials are told to those who can put them right. */
export function auditing(denials: Pick<Denials, 'tell'>): Audit {
  return ({ caller, requestId }, _failure, decided) => {
    const verdict = decided as Verdict | undefined;
    if (verdict?.allowed === false && verdict.denial) denials.tell(caller, verdict.denial, requestId);
  };
}
