import type { Operation } from '../../index.ts';
import { page } from '../pagination.ts';
import type { Tag, Tags } from '../tags.ts';

interface Input {
  readonly resourceArn: string;
}

/** TagResource and its family. */
export function tagOperations(tags: Tags) {
  return {
    TagResource: async ({ resourceArn, tags: given }: Input & { tags: readonly Tag[] }) => {
      await tags.add(resourceArn, given);
      return {};
    },
    UntagResource: async ({ resourceArn, tagKeys }: Input & { tagKeys: readonly string[] }) => {
      await tags.remove(resourceArn, tagKeys);
      return {};
    },
    ListTagsForResource: ({ resourceArn, nextToken }: Input & { nextToken?: string }) => {
      const { items, next } = page(tags.list(resourceArn), ({ Key }) => Key, nextToken);
      return { tags: items, ...(next !== undefined && { nextToken: next }) };
    },
  } satisfies Record<string, Operation>;
}
