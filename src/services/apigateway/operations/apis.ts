import type { CreateRestApiCommandInput } from '@aws-sdk/client-api-gateway';
import type { Operation } from '../../index.ts';
import type { RestApis } from '../apis.ts';
import { checkTags } from '../checks.ts';
import { badRequest } from '../errors.ts';
import type { RestApi, RestApiSettings, RestContent } from '../model.ts';
import { type Kind, type PatchOperation, patched } from '../patch.ts';
import { taken } from './changes.ts';
import { type PageInput, pageOf } from './paging.ts';

interface ApiInput {
  readonly restApiId: string;
  readonly patchOperations?: readonly PatchOperation[];
}

const SETTINGS = [
  'name',
  'description',
  'version',
  'minimumCompressionSize',
  'apiKeySource',
  'disableExecuteApiEndpoint',
];

const KINDS: Readonly<Record<string, Kind>> = {
  name: 'text',
  description: 'text',
  version: 'text',
  minimumCompressionSize: 'number',
  apiKeySource: 'text',
  disableExecuteApiEndpoint: 'flag',
  endpointConfiguration: { object: { types: 'set', ipAddressType: 'text', vpcEndpointIds: 'set' } },
};

const CONTENT_KINDS: Readonly<Record<string, Kind>> = { binaryMediaTypes: 'set', policy: 'text' };

/** CreateRestApi, GetRestApi, GetRestApis, UpdateRestApi, DeleteRestApi. */
export function apiOperations(apis: RestApis): Record<string, Operation> {
  return {
    CreateRestApi: async (input: CreateRestApiCommandInput, { region }) => {
      checkTags(input.tags ?? {});
      const source = input.cloneFrom === undefined ? undefined : apis.get(region, input.cloneFrom);
      const api = await apis.create(region, (blank) => ({
        ...blank,
        settings: settingsOf({ ...input }),
        tags: input.tags ?? {},
        content: { ...(source?.content ?? blank.content), ...contentOf(input) },
      }));
      return apiShape(api);
    },
    GetRestApi: ({ restApiId }: ApiInput, { region }) => apiShape(apis.get(region, restApiId)),
    GetRestApis: (input: PageInput, { region }) => {
      const { items, ...next } = pageOf(apis.list(region), ({ id }) => id, input);
      return { items: items.map(apiShape), ...next };
    },
    UpdateRestApi: async ({ restApiId, patchOperations = [] }: ApiInput, { region }) => {
      const isContent = ({ path = '' }: PatchOperation) => /^\/(binaryMediaTypes|policy)(\/|$)/.test(path);
      const ofContent = patchOperations.filter(isContent);
      const others = patchOperations.filter((operation) => !isContent(operation));
      const api = await apis.change(region, restApiId, (before) => {
        const content = patched(before.content, ofContent, CONTENT_KINDS);
        checkPolicy(content.policy);
        return { ...before, content, settings: patched(before.settings, others, KINDS) };
      });
      return apiShape(api);
    },
    DeleteRestApi: async ({ restApiId }: ApiInput, { region }) => {
      await apis.delete(region, restApiId);
    },
  };
}

/** An API as the operations show it. */
export function apiShape({ id, createdAt, settings, tags, content }: RestApi) {
  const { rootId, binaryMediaTypes, policy } = content;
  return {
    ...settings,
    id,
    createdDate: new Date(createdAt),
    tags,
    rootResourceId: rootId,
    ...(binaryMediaTypes?.length && { binaryMediaTypes }),
    // AWS gives it back with its quotes escaped, as text within text.
    ...(policy && { policy: JSON.stringify(policy).slice(1, -1) }),
  };
}

/** What a new API is set to. @throws bad-request */
export function settingsOf(input: Readonly<Record<string, unknown>>): RestApiSettings {
  const name = input.name;
  if (typeof name !== 'string' || name === '') throw badRequest('Name must not be empty');
  return {
    ...{ apiKeySource: 'HEADER', disableExecuteApiEndpoint: false },
    endpointConfiguration: { types: ['EDGE'], ...(input.endpointConfiguration as object) },
    ...taken(input, SETTINGS),
  } as unknown as RestApiSettings;
}

function contentOf({ binaryMediaTypes, policy }: CreateRestApiCommandInput): Partial<RestContent> {
  checkPolicy(policy);
  return { ...(binaryMediaTypes && { binaryMediaTypes }), ...(policy && { policy }) };
}

function checkPolicy(policy: string | undefined): void {
  if (!policy) return;
  try {
    if (typeof JSON.parse(policy) === 'object') return;
  } catch {
    // Said below.
  }
  throw badRequest('Invalid policy document. Please check the policy syntax and ensure that Principals are valid.');
}
