/** The query builder's form as it begins. */
import type { ConditionForm, QueryForm } from './requests.ts';

export const NO_CONDITION: ConditionForm = { name: '', operator: '=', type: 'S', value: '', upper: '' };

export const EMPTY_FORM: QueryForm = {
  ...{ index: undefined, isScan: true, partition: [], sort: [], filters: [], projection: '' },
  ...{ isReversed: false, isConsistent: false },
};
