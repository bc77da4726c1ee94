import { parseArn } from '../../../base/index.ts';
import type { HttpApis } from '../../apigatewayv2/index.ts';
import type { Operation } from '../../index.ts';
import type { RestApis } from '../apis.ts';
import { checkTags, partOf } from '../checks.ts';
import { badRequest } from '../errors.ts';
import { type PatchOperation, patched } from '../patch.ts';

type Tags = Readonly<Record<string, string>>;

interface TagInput {
  readonly resourceArn: string;
  readonly tags?: Tags;
  readonly tagKeys?: readonly string[];
}

/** TagResource, UntagResource, GetTags, GetAccount, UpdateAccount. */
export function otherOperations(apis: RestApis, domains: HttpApis): Record<string, Operation> {
  const places = { apis, domains };
  return {
    TagResource: async ({ resourceArn, tags = {} }: TagInput) => {
      await changeTags(places, resourceArn, (before) => {
        const after = { ...before, ...tags };
        checkTags(after);
        return after;
      });
    },
    UntagResource: async ({ resourceArn, tagKeys = [] }: TagInput) => {
      await changeTags(places, resourceArn, (before) =>
        Object.fromEntries(Object.entries(before).filter(([key]) => !tagKeys.includes(key))),
      );
    },
    GetTags: ({ resourceArn }: TagInput) => ({ tags: tagsOf(places, resourceArn) }),
    GetAccount: (_input, { region }) => accountShape(apis.account(region)),
    UpdateAccount: async ({ patchOperations }: { patchOperations?: readonly PatchOperation[] }, { region }) => {
      await apis.setAccount(region, patched(apis.account(region), patchOperations, { cloudwatchRoleArn: 'text' }));
      return accountShape(apis.account(region));
    },
  };
}

function accountShape(account: { readonly cloudwatchRoleArn?: string }) {
  return {
    ...account,
    throttleSettings: { burstLimit: 5000, rateLimit: 10_000 },
    features: ['UsagePlans'],
    apiKeyVersion: '4',
  };
}

/** Where what has tags is kept. */
interface Places {
  readonly apis: RestApis;
  readonly domains: HttpApis;
}

/**
 * `/restapis/ID`, `/restapis/ID/stages/NAME`, `/apikeys/ID`, `/usageplans/ID`, `/clientcertificates/ID`, `/domainnames/NAME`.
 * @throws bad-request
 */
function placeOf(arn: string) {
  const { service, region = '', resource = '' } = parseArn(arn) ?? {};
  const match = /^\/(restapis|apikeys|usageplans|clientcertificates|domainnames)\/([^/]+)(?:\/stages\/([^/]+))?$/.exec(
    resource,
  );
  if (service !== 'apigateway' || !match) throw badRequest('Invalid ARN specified in the request');
  return { region, kind: match[1]!, id: match[2]!, stage: match[3] };
}

async function changeTags({ apis, domains }: Places, arn: string, decide: (tags: Tags) => Tags): Promise<void> {
  const { region, kind, id, stage } = placeOf(arn);
  if (kind === 'apikeys') await apis.changeKey(region, id, (key) => ({ ...key, tags: decide(key.tags) }));
  else if (kind === 'usageplans') await apis.changePlan(region, id, (plan) => ({ ...plan, tags: decide(plan.tags) }));
  else if (kind === 'clientcertificates') {
    await apis.certificates.change(region, id, (one) => ({ ...one, tags: decide(one.tags) }));
  } else if (kind === 'domainnames') {
    await domains.changeDomain(region, id, (one) => ({ ...one, tags: decide(one.tags) }));
  } else {
    await apis.change(region, id, (api) => {
      if (stage === undefined) return { ...api, tags: decide(api.tags) };
      const found = partOf(api.stages, stage, 'stage');
      return { ...api, stages: { ...api.stages, [stage]: { ...found, tags: decide(found.tags ?? {}) } } };
    });
  }
}

function tagsOf({ apis, domains }: Places, arn: string): Tags {
  const { region, kind, id, stage } = placeOf(arn);
  if (kind === 'apikeys') return apis.key(region, id).tags;
  if (kind === 'usageplans') return apis.plan(region, id).tags;
  if (kind === 'clientcertificates') return apis.certificates.get(region, id).tags;
  if (kind === 'domainnames') return domains.domain(region, id).tags;
  const api = apis.get(region, id);
  return stage === undefined ? api.tags : (partOf(api.stages, stage, 'stage').tags ?? {});
}
