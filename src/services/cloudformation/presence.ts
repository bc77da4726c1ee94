import type { Records } from '../../store/index.ts';

/** Where it stands which stacks there are. */
export const STACKS_SPACE = 'cloudformation/stacks';

/** Answers are PUT below it. */
export const ANSWERS_PREFIX = '/_millrace/cloudformation/answers';

/** Whether there are any stacks; asks the store, and loads nothing. */
export async function hasStacks(records: Records): Promise<boolean> {
  return (await records.range(STACKS_SPACE, { limit: 1 })).length > 0;
}
