import { parseArn } from '../../../base/index.ts';
import type { Operation } from '../../index.ts';
import type { HttpApis } from '../apis.ts';
import { checkTags, partOf } from '../checks.ts';
import { badRequest } from '../errors.ts';

type Tags = Readonly<Record<string, string>>;
type Change = (tags: Tags) => Tags;
interface TagInput {
  readonly ResourceArn: string;
  readonly Tags?: Tags;
  readonly TagKeys?: readonly string[];
}

/** TagResource, UntagResource, GetTags: of APIs, stages and domain names. */
export function tagOperations(apis: HttpApis): Record<string, Operation> {
  return {
    TagResource: async ({ ResourceArn, Tags = {} }: TagInput) => {
      await change(apis, ResourceArn, (before) => {
        const after = { ...before, ...Tags };
        checkTags(after);
        return after;
      });
      return {};
    },
    UntagResource: async ({ ResourceArn, TagKeys = [] }: TagInput) => {
      await change(apis, ResourceArn, (before) =>
        Object.fromEntries(Object.entries(before).filter(([key]) => !TagKeys.includes(key))),
      );
    },
    GetTags: ({ ResourceArn }: TagInput) => ({ Tags: tagsOf(apis, ResourceArn) }),
  };
}

/** `arn:aws:apigateway:REGION::/apis/ID`, `.../apis/ID/stages/NAME`, `.../domainnames/NAME`. @throws bad-request */
function placeOf(arn: string): {
  readonly region: string;
  readonly id: string;
  readonly kind: string;
  readonly stage?: string;
} {
  const { service, region, resource = '' } = parseArn(arn) ?? {};
  const match = /^\/(apis|domainnames)\/([^/]+)(?:\/stages\/([^/]+))?$/.exec(resource);
  if (service !== 'apigateway' || !match) throw badRequest(`Invalid ARN specified in the request: ${arn}`);
  const [, kind, id, stage] = match;
  return { region: region!, kind: kind!, id: id!, ...(stage !== undefined && { stage: decodeURIComponent(stage) }) };
}

async function change(apis: HttpApis, arn: string, decide: Change): Promise<void> {
  const { region, kind, id, stage } = placeOf(arn);
  if (kind === 'domainnames') {
    await apis.changeDomain(region, id, (before) => ({ ...before, tags: decide(before.tags) }));
    return;
  }
  await apis.change(region, id, (before) => {
    if (stage === undefined) return { ...before, tags: decide(before.tags) };
    const found = partOf(before.stages, stage, 'stage');
    return { ...before, stages: { ...before.stages, [stage]: { ...found, Tags: decide(found.Tags ?? {}) } } };
  });
}

function tagsOf(apis: HttpApis, arn: string): Tags {
  const { region, kind, id, stage } = placeOf(arn);
  if (kind === 'domainnames') return apis.domain(region, id).tags;
  const api = apis.get(region, id);
  return stage === undefined ? api.tags : (partOf(api.stages, stage, 'stage').Tags ?? {});
}
