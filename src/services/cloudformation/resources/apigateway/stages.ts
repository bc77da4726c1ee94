import { hasCode } from '../../../../base/index.ts';
import { isObject, type Json, type JsonObject } from '../../template/value.ts';
import { changes, pick, replaces, required, tagMap } from '../properties.ts';
import { createOrAdopt, ignoreMissing, type ResourceType, type Work } from '../resource-type.ts';
import { camel, changeTags, listOf, mapPatches, type Patch, patchesOf, SERVICE } from './support.ts';

const METHOD_SETTING = {
  object: {
    CacheDataEncrypted: 'flag',
    CacheTtlInSeconds: 'number',
    CachingEnabled: 'flag',
    DataTraceEnabled: 'flag',
    HttpMethod: 'text',
    LoggingLevel: 'text',
    MetricsEnabled: 'flag',
    ResourcePath: 'text',
    ThrottlingBurstLimit: 'number',
    ThrottlingRateLimit: 'number',
  },
} as const;

const ACCESS_LOG = { object: { DestinationArn: 'text', Format: 'text' } } as const;

/** What stages are set to, and what descriptions of stages say of them too. */
const STAGE_KINDS = {
  AccessLogSetting: ACCESS_LOG,
  CacheClusterEnabled: 'flag',
  CacheClusterSize: 'text',
  ClientCertificateId: 'text',
  Description: 'text',
  DocumentationVersion: 'text',
  MethodSettings: { list: METHOD_SETTING },
  Tags: { list: { object: { Key: 'text', Value: 'text' } } },
  TracingEnabled: 'flag',
  Variables: { map: 'text' },
} as const;

const STAGE_MEMBERS = {
  CacheClusterEnabled: 'cacheClusterEnabled',
  CacheClusterSize: 'cacheClusterSize',
  ClientCertificateId: 'clientCertificateId',
  DeploymentId: 'deploymentId',
  Description: 'description',
  DocumentationVersion: 'documentationVersion',
  TracingEnabled: 'tracingEnabled',
};

const SETTING_PATHS: Readonly<Record<string, string>> = {
  CacheDataEncrypted: 'caching/dataEncrypted',
  CacheTtlInSeconds: 'caching/ttlInSeconds',
  CachingEnabled: 'caching/enabled',
  DataTraceEnabled: 'logging/dataTrace',
  LoggingLevel: 'logging/loglevel',
  MetricsEnabled: 'metrics/enabled',
  ThrottlingBurstLimit: 'throttling/burstLimit',
  ThrottlingRateLimit: 'throttling/rateLimit',
};

/** What leads from one set of settings to another, of all methods of a stage. */
function settingPatches(before: Json | undefined, after: Json | undefined): Patch[] {
  const placeOfSetting = ({ ResourcePath = '/*', HttpMethod = '*' }: JsonObject) =>
    `/${String(ResourcePath).replace(/^\//, '').replaceAll('/', '~1') || '~1'}/${HttpMethod}`;
  const kept = new Set(listOf(after).map(placeOfSetting));
  const gone = listOf(before)
    .map(placeOfSetting)
    .filter((path) => !kept.has(path));
  return [
    ...gone.map((path): Patch => ({ op: 'remove', path })),
    ...listOf(after).flatMap((setting) =>
      Object.entries(SETTING_PATHS)
        .filter(([name]) => setting[name] !== undefined)
        .map(([name, path]): Patch => {
          return { op: 'replace', path: `${placeOfSetting(setting)}/${path}`, value: String(setting[name]) };
        }),
    ),
  ];
}

function stagePatches(before: JsonObject, after: JsonObject): Patch[] {
  const log = (properties: JsonObject) => (isObject(properties.AccessLogSetting) ? properties.AccessLogSetting : {});
  const members = { DestinationArn: 'accessLogSettings/destinationArn', Format: 'accessLogSettings/format' };
  return [
    ...patchesOf(before, after, STAGE_MEMBERS),
    ...patchesOf(log(before), log(after), members),
    ...mapPatches(before.Variables, after.Variables, 'variables'),
    ...settingPatches(before.MethodSettings, after.MethodSettings),
  ];
}

export const stage: ResourceType = {
  properties: {
    ...Object.fromEntries(Object.entries(STAGE_KINDS).map(([name, kind]) => [name, changes(kind)])),
    DeploymentId: changes('text'),
    RestApiId: required(replaces('text')),
    StageName: replaces('text'),
  },
  notBuilt: ['CanarySetting'],
  attributes: [],
  naming: { property: 'StageName', within: 'RestApiId', lengthMax: 128, style: 'underscore' },

  imports: {
    identifiers: ['RestApiId', 'StageName'],
    async find(named, work) {
      const { stageName } = await work.call(SERVICE, 'GetStage', camel(named, ['RestApiId', 'StageName']));
      return { physicalId: stageName, attributes: {} };
    },
  },

  async create(properties, work) {
    const place = { restApiId: properties.RestApiId, stageName: work.name };
    const tags = tagMap(properties.Tags);
    const first = { ...place, deploymentId: properties.DeploymentId, ...(Object.keys(tags).length > 0 && { tags }) };
    await createOrAdopt(work, () => work.call(SERVICE, 'CreateStage', first));
    await work.made(work.name);
    await patchStage(place, stagePatches({}, properties), work);
    return { physicalId: work.name, attributes: {} };
  },

  async update({ physicalId, properties: before }, properties, work) {
    const place = { restApiId: properties.RestApiId, stageName: physicalId };
    await patchStage(place, stagePatches(before, properties), work);
    await changeTags(`/restapis/${place.restApiId}/stages/${physicalId}`, before.Tags, properties.Tags, work);
    return { physicalId, attributes: {} };
  },

  async delete({ physicalId: stageName, properties: { RestApiId: restApiId } }, work) {
    await ignoreMissing(() => work.call(SERVICE, 'DeleteStage', { restApiId, stageName }));
  },
};

async function patchStage(place: object, patchOperations: readonly Patch[], work: Work): Promise<void> {
  if (patchOperations.length > 0) await work.call(SERVICE, 'UpdateStage', { ...place, patchOperations });
}

export const deployment: ResourceType = {
  properties: {
    Description: changes('text'),
    RestApiId: required(replaces('text')),
    StageDescription: changes({
      object: {
        ...STAGE_KINDS,
        CacheDataEncrypted: 'flag',
        CacheTtlInSeconds: 'number',
        CachingEnabled: 'flag',
        DataTraceEnabled: 'flag',
        LoggingLevel: 'text',
        MetricsEnabled: 'flag',
        ThrottlingBurstLimit: 'number',
        ThrottlingRateLimit: 'number',
      },
    }),
    StageName: changes('text'),
  },
  notBuilt: ['DeploymentCanarySettings'],
  attributes: ['DeploymentId'],

  imports: {
    identifiers: ['DeploymentId', 'RestApiId'],
    async find(named, work) {
      const { id } = await work.call(SERVICE, 'GetDeployment', camel(named, ['DeploymentId', 'RestApiId']));
      return { physicalId: id, attributes: { DeploymentId: id } };
    },
  },

  async create(properties, work) {
    const { RestApiId: restApiId, StageName: stageName, Description: description } = properties;
    const { id } = await work.call(SERVICE, 'CreateDeployment', {
      restApiId,
      ...(stageName !== undefined && { stageName }),
      ...(description !== undefined && { description }),
    });
    await work.made(id);
    if (stageName !== undefined) {
      await patchStage({ restApiId, stageName }, stagePatches({}, describedStage(properties)), work);
    }
    return { physicalId: id, attributes: { DeploymentId: id } };
  },

  async update({ physicalId: deploymentId, properties: before }, properties, work) {
    const { RestApiId: restApiId, StageName: stageName } = properties;
    const patchOperations = patchesOf(before, properties, { Description: 'description' });
    await work.call(SERVICE, 'UpdateDeployment', { restApiId, deploymentId, patchOperations });
    if (stageName !== undefined && stageName === before.StageName) {
      await patchStage(
        { restApiId, stageName },
        stagePatches(describedStage(before), describedStage(properties)),
        work,
      );
    }
    return { physicalId: deploymentId, attributes: { DeploymentId: deploymentId } };
  },

  async delete({ physicalId: deploymentId, properties }, work) {
    const { RestApiId: restApiId, StageName: stageName } = properties;
    // A stage of the deployment's own goes with it, unless a later deployment has taken it over.
    const stages = await work.call(SERVICE, 'GetStages', { restApiId, deploymentId }).catch(nothingOf);
    const own = (stages.item as JsonObject[]).find((one) => one.stageName === stageName);
    if (own) await ignoreMissing(() => work.call(SERVICE, 'DeleteStage', { restApiId, stageName }));
    await ignoreMissing(() => work.call(SERVICE, 'DeleteDeployment', { restApiId, deploymentId }));
  },
};

function nothingOf(error: unknown): { item: JsonObject[] } {
  if (hasCode(error, 'NotFoundException')) return { item: [] };
  throw error;
}

/** Settings of all methods stand beside those of single ones. */
function describedStage({ StageDescription }: JsonObject): JsonObject {
  if (!isObject(StageDescription)) return {};
  const all = pick(StageDescription, Object.keys(SETTING_PATHS));
  const every = Object.keys(all).length > 0 ? [{ ResourcePath: '/*', HttpMethod: '*', ...all }] : [];
  return { ...StageDescription, MethodSettings: [...every, ...listOf(StageDescription.MethodSettings)] };
}
