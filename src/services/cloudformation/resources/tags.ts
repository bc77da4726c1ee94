import type { Json } from '../template/value.ts';
import { tagChanges } from './properties.ts';
import { label, type Work } from './resource-type.ts';

/** Comes from one set of tags to another, in services that take `resourceArn`, `tags` and `tagKeys`. */
export async function setTags(
  service: string,
  resourceArn: Json,
  before: Json | undefined,
  after: Json | undefined,
  work: Work,
): Promise<void> {
  const { set, remove } = tagChanges(before, after);
  const tags = Object.entries(set).map(([Key, Value]) => ({ Key, Value }));
  if (tags.length) await label(() => work.call(service, 'TagResource', { resourceArn, tags }));
  if (remove.length) await label(() => work.call(service, 'UntagResource', { resourceArn, tagKeys: remove }));
}
