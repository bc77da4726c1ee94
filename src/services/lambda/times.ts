import type { Clock } from '../../base/index.ts';

/** Now, as the Lambda API writes it: `2026-11-21T08:00:00.000+0000`. */
export function lambdaTime(clock: Clock): string {
  return new Date(clock.now()).toISOString().replace('Z', '+0000');
}
