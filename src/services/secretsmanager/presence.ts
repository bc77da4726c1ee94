import type { Records } from '../../store/index.ts';

/** Where it stands which secrets there are. */
export const SECRETS_SPACE = 'secretsmanager/secrets';

/** Whether there are any; asks the store, and loads nothing. */
export async function hasSecrets(records: Records): Promise<boolean> {
  return (await records.range(SECRETS_SPACE, { limit: 1 })).length > 0;
}
