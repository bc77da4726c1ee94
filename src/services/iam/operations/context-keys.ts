import type { Operation } from '../../index.ts';
import { iamError } from '../errors.ts';
import { groupByArn, policiesOf, policiesOfGroup } from '../principals.ts';
import type { IamState } from '../state.ts';

/** What a simulation of policies must be given. @see IAM API reference, GetContextKeysForCustomPolicy */
export function contextKeyOperations(state: IamState): Record<string, Operation> {
  return {
    GetContextKeysForCustomPolicy: ({ PolicyInputList }) => ({ ContextKeyNames: contextKeys(PolicyInputList) }),
    GetContextKeysForPrincipalPolicy: ({ PolicySourceArn, PolicyInputList = [] }) => {
      const group = groupByArn(state, PolicySourceArn);
      const own = group ? policiesOfGroup(state, group) : policiesOf(state, PolicySourceArn)?.identity;
      if (!own) throw iamError('no-such-entity', `The principal ${PolicySourceArn} cannot be found.`);
      return { ContextKeyNames: contextKeys([...own.map(({ text }) => text), ...PolicyInputList]) };
    },
  };
}

/** Condition keys and policy variables of documents, sorted. */
function contextKeys(documents: readonly string[]): readonly string[] {
  const keys = new Set<string>();
  for (const text of documents) {
    for (const statement of statementsOf(text)) {
      for (const tests of Object.values(statement.Condition ?? {})) {
        for (const key of Object.keys(tests)) keys.add(key);
      }
      for (const [, variable] of JSON.stringify(statement).matchAll(/\$\{([^}*?$]+?)(?:,[^}]*)?\}/g)) {
        keys.add(variable!.trim());
      }
    }
  }
  return [...keys].sort();
}

interface Statement {
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

function statementsOf(text: string): readonly Statement[] {
  try {
    return [JSON.parse(text).Statement ?? []].flat();
  } catch {
    throw iamError('invalid-input', 'The policy is not in the valid JSON format.');
  }
}
