import { parseArn } from '../../../base/index.ts';
import type { TaggedResources, Tags } from '../operations/tags.ts';
import type { Mappings } from './mappings.ts';
import { checkTags } from './validate.ts';

const RESOURCE = /^event-source-mapping:(.+)$/;

/** Event source mappings among the resources of Lambda that have tags. */
export function taggedMappings(mappings: Mappings): TaggedResources {
  return {
    has: (arn) => RESOURCE.test(parseArn(arn)?.resource ?? ''),
    tags: (arn) => {
      const { region, id } = whereOf(arn);
      return mappings.get(region, id).mapping.settings.tags;
    },
    change: async (arn, change) => {
      const { region, id } = whereOf(arn);
      await mappings.update(region, id, (mapping) => {
        const tags: Tags = change(mapping.settings.tags);
        checkTags(tags);
        return { ...mapping, settings: { ...mapping.settings, tags } };
      });
    },
  };
}

function whereOf(arn: string): { readonly region: string; readonly id: string } {
  const { region, resource } = parseArn(arn)!;
  return { region, id: RESOURCE.exec(resource)![1]! };
}
