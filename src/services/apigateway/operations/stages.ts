import type { CreateDeploymentCommandInput, CreateStageCommandInput } from '@aws-sdk/client-api-gateway';
import type { Operation } from '../../index.ts';
import type { RestApis, StageSettings } from '../apis.ts';
import { checkStage, checkTags, partOf } from '../checks.ts';
import { badRequest, conflict, limitExceeded } from '../errors.ts';
import { REST_API_LIMITS } from '../limits.ts';
import type { RestApi, RestContent, RestDeployment, RestStage } from '../model.ts';
import { type Kind, type PatchOperation, patched } from '../patch.ts';
import { taken, without } from './changes.ts';
import { type PageInput, pageOf } from './paging.ts';

interface Input {
  readonly restApiId: string;
  readonly stageName: string;
  readonly deploymentId: string;
  readonly patchOperations?: readonly PatchOperation[];
}

const MEMBERS = [
  ...['description', 'variables', 'cacheClusterEnabled', 'cacheClusterSize', 'tracingEnabled'],
  ...['documentationVersion', 'tags'],
];

const KINDS: Readonly<Record<string, Kind>> = {
  accessLogSettings: { object: { destinationArn: 'text', format: 'text' } },
  cacheClusterEnabled: 'flag',
  cacheClusterSize: 'text',
  clientCertificateId: 'text',
  deploymentId: 'text',
  description: 'text',
  documentationVersion: 'text',
  tracingEnabled: 'flag',
  variables: { map: 'text' },
};

/** How method settings are named in patches, by group and name, and what they are. */
const METHOD_SETTINGS: Readonly<Record<string, readonly [member: string, kind: 'flag' | 'number' | 'text']>> = {
  'logging/dataTrace': ['dataTraceEnabled', 'flag'],
  'logging/loglevel': ['loggingLevel', 'text'],
  'metrics/enabled': ['metricsEnabled', 'flag'],
  'throttling/burstLimit': ['throttlingBurstLimit', 'number'],
  'throttling/rateLimit': ['throttlingRateLimit', 'number'],
  'caching/enabled': ['cachingEnabled', 'flag'],
  'caching/ttlInSeconds': ['cacheTtlInSeconds', 'number'],
  'caching/dataEncrypted': ['cacheDataEncrypted', 'flag'],
};

/** Operations of stages. */
export function stageOperations(apis: RestApis): Record<string, Operation> {
  return {
    CreateStage: async (input: CreateStageCommandInput & Input, { region }) => {
      const { restApiId, stageName, deploymentId } = input;
      if (input.canarySettings !== undefined) throw badRequest('Canary releases are not built in Millrace.');
      checkTags(input.tags ?? {});
      const now = apis.clock.now();
      const api = await apis.change(region, restApiId, (before) => {
        if (Object.hasOwn(before.stages, stageName)) throw conflict('Stage already exists');
        if (Object.keys(before.stages).length >= REST_API_LIMITS.stagesMax) {
          throw limitExceeded('stages', REST_API_LIMITS.stagesMax);
        }
        const given = taken({ ...input }, MEMBERS);
        const stage = { ...given, stageName, deploymentId, methodSettings: {}, createdAt: now, updatedAt: now };
        return withStage(before, stage);
      });
      return stageShape(api.stages[stageName]!);
    },
    GetStage: ({ restApiId, stageName }: Input, { region }) =>
      stageShape(partOf(apis.get(region, restApiId).stages, stageName, 'stage')),
    GetStages: ({ restApiId, deploymentId }: Input, { region }) => {
      const all = Object.values(apis.get(region, restApiId).stages);
      const item = all.filter((stage) => deploymentId === undefined || stage.deploymentId === deploymentId);
      return { item: item.map(stageShape) };
    },
    UpdateStage: async ({ restApiId, stageName, patchOperations = [] }: Input, { region }) => {
      const api = await apis.change(region, restApiId, (before) => {
        const stage = partOf(before.stages, stageName, 'stage');
        const after = patchedStage(stage, patchOperations);
        // Without it the servers behind the API would be shown none, and nobody would be told.
        if (after.clientCertificateId) apis.certificates.get(region, after.clientCertificateId);
        return withStage(before, { ...after, updatedAt: apis.clock.now() });
      });
      return stageShape(api.stages[stageName]!);
    },
    DeleteStage: async ({ restApiId, stageName }: Input, { region }) => {
      await apis.change(region, restApiId, (before) => {
        partOf(before.stages, stageName, 'stage');
        return { ...before, stages: without(before.stages, stageName) };
      });
    },
    FlushStageAuthorizersCache: ({ restApiId, stageName }: Input, { region }) => {
      partOf(apis.get(region, restApiId).stages, stageName, 'stage');
      apis.resetAuthorizers(restApiId, stageName);
    },
  };
}

/** Operations of deployments. */
export function deploymentOperations(apis: RestApis): Record<string, Operation> {
  return {
    CreateDeployment: async (input: CreateDeploymentCommandInput & Input, { region }) => {
      const { restApiId, stageName, description, stageDescription } = input;
      if (input.canarySettings !== undefined) throw badRequest('Canary releases are not built in Millrace.');
      const own = taken({ ...input }, ['variables', 'cacheClusterEnabled', 'cacheClusterSize', 'tracingEnabled']);
      const stage = {
        ...own,
        ...(stageDescription !== undefined && { description: stageDescription }),
      } as StageSettings;
      if (stageName) checkStage({ stageName, ...stage });
      return deploymentShape(await apis.deploy(region, restApiId, { stageName, description, stage }));
    },
    GetDeployment: ({ restApiId, deploymentId, embed = [] }: Input & { embed?: readonly string[] }, { region }) => {
      const api = apis.get(region, restApiId);
      const deployment = partOf(api.deployments, deploymentId, 'Deployment');
      const content = embed.includes('apisummary') ? apis.contentOf(api, { deploymentId } as RestStage) : undefined;
      return { ...deploymentShape(deployment), ...(content && { apiSummary: summaryOf(content) }) };
    },
    GetDeployments: ({ restApiId, ...page }: Input & PageInput, { region }) => {
      const { items, ...next } = pageOf(Object.values(apis.get(region, restApiId).deployments), ({ id }) => id, page);
      return { items: items.map(deploymentShape), ...next };
    },
    UpdateDeployment: async ({ restApiId, deploymentId, patchOperations }: Input, { region }) => {
      const api = await apis.change(region, restApiId, (before) => {
        const deployment = partOf(before.deployments, deploymentId, 'Deployment');
        const after = patched(deployment, patchOperations, { description: 'text' });
        return { ...before, deployments: { ...before.deployments, [deploymentId]: after } };
      });
      return deploymentShape(api.deployments[deploymentId]!);
    },
    DeleteDeployment: async ({ restApiId, deploymentId }: Input, { region }) => {
      await apis.deleteDeployment(region, restApiId, deploymentId);
    },
  };
}

function withStage(api: RestApi, stage: RestStage): RestApi {
  checkStage(stage);
  if (!Object.hasOwn(api.deployments, stage.deploymentId)) throw badRequest('Deployment id does not exist');
  return { ...api, stages: { ...api.stages, [stage.stageName]: stage } };
}

function patchedStage(stage: RestStage, operations: readonly PatchOperation[]): RestStage {
  let settings = stage.methodSettings ?? {};
  const others: PatchOperation[] = [];
  for (const operation of operations) {
    const changed = patchedMethodSettings(settings, operation);
    if (changed) settings = changed;
    else others.push(operation);
  }
  return { ...patched(stage, others, KINDS), methodSettings: settings };
}

/** By resource, method, group and name: `/~1pets~1{id}/GET/throttling/rateLimit`, stars for all; or a whole method, to be removed. */
function patchedMethodSettings(
  settings: NonNullable<RestStage['methodSettings']>,
  { op, path = '', value = '' }: PatchOperation,
): NonNullable<RestStage['methodSettings']> | undefined {
  const match = /^\/([^/]+)\/(\*|[A-Z]+)(?:\/([a-z]+\/[A-Za-z]+))?$/.exec(path);
  if (!match) return undefined;
  const [, resource, method, name] = match;
  const key = `${resource!.replaceAll('~1', '/').replaceAll('~0', '~')}/${method}`;
  if (name === undefined) return op === 'remove' ? without(settings, key) : undefined;
  const setting = Object.hasOwn(METHOD_SETTINGS, name) ? METHOD_SETTINGS[name] : undefined;
  if (!setting) return undefined;
  const [member, kind] = setting;
  if (op === 'remove') return { ...settings, [key]: without({ ...settings[key] } as Record<string, unknown>, member) };
  const one = patched({}, [{ op: 'replace', path: `/${member}`, value }], { [member]: kind });
  return { ...settings, [key]: { ...settings[key], ...one } };
}

function stageShape({ createdAt, updatedAt, methodSettings = {}, ...stage }: RestStage) {
  return {
    ...{ cacheClusterEnabled: false, cacheClusterStatus: 'NOT_AVAILABLE', tracingEnabled: false },
    ...stage,
    methodSettings,
    createdDate: new Date(createdAt),
    lastUpdatedDate: new Date(updatedAt),
  };
}

function deploymentShape({ createdAt, ...deployment }: RestDeployment) {
  return { ...deployment, createdDate: new Date(createdAt) };
}

function summaryOf({ resources }: RestContent) {
  const paths = Object.values(resources).filter(({ methods }) => Object.keys(methods).length > 0);
  return Object.fromEntries(
    paths.map(({ path, methods }) => [
      path,
      Object.fromEntries(
        Object.entries(methods).map(([name, { authorizationType, apiKeyRequired }]) => [
          name,
          { authorizationType, apiKeyRequired },
        ]),
      ),
    ]),
  );
}
