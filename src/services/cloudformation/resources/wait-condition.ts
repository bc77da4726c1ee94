import { DomainError } from '../../../base/index.ts';
import { isObject, type Json } from '../template/value.ts';
import { replaces } from './properties.ts';
import type { ResourceType } from './resource-type.ts';

/** A URL to which signals are PUT. */
const waitConditionHandle: ResourceType = {
  properties: {},
  attributes: [],

  async create(_properties, work) {
    const { url } = await work.question(0);
    await work.made(url);
    return { physicalId: url, attributes: {} };
  },

  delete: async () => {},
};

/**
 * Waits for signals to the handle: each counts once by its `UniqueId`, and the first that says FAILURE fails it. Without a handle its
 * `CreationPolicy` says what it waits for.
 */
const waitCondition: ResourceType = {
  properties: { Handle: replaces('text'), Timeout: replaces('number'), Count: replaces('number') },
  attributes: ['Data'],

  async create({ Handle, Timeout, Count = 1 }, work) {
    await work.made(work.name);
    if (Handle === undefined) return { physicalId: work.name, attributes: { Data: '{}' } };
    if (Timeout === undefined) throw new DomainError('InvalidRequest', 'Timeout must be specified.');
    const question = await work.question(Number(Timeout) * 1_000, String(Handle));
    const wanted = Number(Count);
    const outcome = await question.wait((signals) => {
      const failure = signals.find(({ body }) => isObject(body) && body.Status !== 'SUCCESS');
      if (failure)
        return {
          failure: `WaitCondition received failed message: '${reasonOf(failure.body)}' for uniqueId: ${failure.id}`,
        };
      if (signals.length < wanted) return undefined;
      return { data: Object.fromEntries(signals.map(({ id, body }) => [id, (body as { Data?: Json }).Data ?? ''])) };
    });
    if (outcome === undefined) {
      const received = question.answers().length;
      throw new DomainError(
        'NotStabilized',
        `WaitCondition timed out. Received ${received} conditions when expecting ${wanted}`,
      );
    }
    if ('failure' in outcome) throw new DomainError('GeneralServiceException', outcome.failure!);
    return { physicalId: work.name, attributes: { Data: JSON.stringify(outcome.data) } };
  },

  delete: async () => {},
};

function reasonOf(body: Json): string {
  return isObject(body) && typeof body.Reason === 'string' ? body.Reason : '';
}

export const WAIT_CONDITION_TYPES: Readonly<Record<string, ResourceType>> = {
  'AWS::CloudFormation::WaitCondition': waitCondition,
  'AWS::CloudFormation::WaitConditionHandle': waitConditionHandle,
};
