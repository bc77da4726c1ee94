import type { Authority, Iam, Verdict } from '../services/iam/index.ts';
import { type Credentials, isAccount } from '../services/index.ts';
import type { Signers } from '../services/iot/index.ts';
import type { NodeConfig } from './config.ts';
import type { Denials } from './denials.ts';

/** The keys and policies of the account, for connections of MQTT that somebody has signed for. */
export function deviceSigners(
  options: Pick<NodeConfig, 'authorization'> & {
    readonly authority: Pick<Authority, 'decide'>;
    readonly credentials: Credentials;
    readonly iam: Pick<Iam, 'onChange'>;
    readonly denials: Pick<Denials, 'tell'>;
  },
): Signers {
  const { authorization, authority, credentials, iam, denials } = options;
  return {
    isHeld: (caller) => authorization !== 'off' && !isAccount(caller),
    isGood: ({ accessKeyId }) => accessKeyId !== undefined && credentials.secretFor(accessKeyId) !== undefined,
    refusal: (caller, permission, facts) => {
      const told = (verdict: Verdict) => {
        if (verdict.allowed) return undefined;
        // What somebody does not get of a wildcard subscription is no mistake of theirs, and would be a line for every topic.
        if (verdict.denial && permission.action !== 'iot:Receive') denials.tell(caller, verdict.denial, 'mqtt');
        return verdict.message;
      };
      const verdict = authority.decide(caller, [permission], facts);
      return verdict instanceof Promise ? verdict.then(told) : told(verdict);
    },
    onChange: (listener) => iam.onChange(listener),
  };
}
