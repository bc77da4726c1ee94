/*
 * Which rule an event is for is found out when it happens, and noted with it: rules that are put later, or taken away before it is sent,
 * change nothing about it.
 */
import type { ObjectChange, PendingChange } from '../../../store/index.ts';
import type { NotificationRule, Settings } from '../settings.ts';
import { ruleFor } from './rules.ts';

/** Where an event goes, and by which rule. */
export type NotedRule = Pick<NotificationRule, 'kind' | 'id' | 'arn'>;

/** What is kept with a change; `undefined` where it is for nobody. */
export function noteOf(settings: Pick<Settings, 'peek'>, { bucket, type, key }: PendingChange): string | undefined {
  const rule = ruleFor(settings.peek(bucket, 'notifications') ?? [], type, key);
  if (!rule) return undefined;
  const { kind, id, arn } = rule;
  return JSON.stringify({ kind, id, arn } satisfies NotedRule);
}

/** The rule that a change was noted with; of one that an earlier release has kept, the one that stands now. */
export function notedRule(settings: Pick<Settings, 'peek'>, change: ObjectChange): NotedRule | undefined {
  const { note, bucket, type, key } = change;
  if (note !== undefined) return JSON.parse(note) as NotedRule;
  return ruleFor(settings.peek(bucket, 'notifications') ?? [], type, key);
}
