import { isObject, type JsonObject, sameJson } from '../../template/value.ts';
import { definition } from '../apigatewayv2.ts';
import { changes, replaces, required, TAGS, tagMap } from '../properties.ts';
import {
  ignoreMissing,
  type Made,
  nothingThere,
  type Reading,
  type ResourceType,
  type Work,
} from '../resource-type.ts';
import { camel, changeTags, ownerTags, patchesOf, patchText, SERVICE } from './support.ts';

const API_MEMBERS = {
  ApiKeySourceType: 'apiKeySource',
  Description: 'description',
  DisableExecuteApiEndpoint: 'disableExecuteApiEndpoint',
  MinimumCompressionSize: 'minimumCompressionSize',
  Name: 'name',
  Version: 'version',
};

export const restApi: ResourceType = {
  properties: {
    ApiKeySourceType: changes('text'),
    BinaryMediaTypes: changes({ list: 'text' }),
    Body: changes('any'),
    BodyS3Location: changes({ object: { Bucket: 'text', ETag: 'text', Key: 'text', Version: 'text' } }),
    CloneFrom: changes('text'),
    Description: changes('text'),
    DisableExecuteApiEndpoint: changes('flag'),
    EndpointConfiguration: changes({
      object: { IpAddressType: 'text', Types: { list: 'text' }, VpcEndpointIds: { list: 'text' } },
    }),
    FailOnWarnings: changes('flag'),
    MinimumCompressionSize: changes('number'),
    Mode: changes('text'),
    Name: changes('text'),
    Parameters: changes({ map: 'text' }),
    Policy: changes('any'),
    Tags: TAGS,
    Version: changes('text'),
  },
  notBuilt: ['EndpointAccessMode', 'SecurityPolicy'],
  attributes: ['RestApiId', 'RootResourceId'],

  imports: { identifiers: ['RestApiId'], find: ({ RestApiId }, work) => describeApi(RestApiId!, work) },

  async create(properties, work) {
    const existing = work.resuming ? await ownApi(work) : undefined;
    const id = existing ?? (await makeApi(properties, work));
    await work.made(id);
    await define(id, {}, properties, work);
    return describeApi(id, work);
  },

  async update({ physicalId, properties: before }, properties, work) {
    await define(physicalId, before, properties, work);
    await changeTags(`/restapis/${physicalId}`, before.Tags, properties.Tags, work);
    return describeApi(physicalId, work);
  },

  async delete({ physicalId: restApiId }, work) {
    await ignoreMissing(() => work.call(SERVICE, 'DeleteRestApi', { restApiId }));
  },
};

async function makeApi(properties: JsonObject, work: Work): Promise<string> {
  const { EndpointConfiguration, CloneFrom, Name = work.logicalId } = properties;
  const endpoint = isObject(EndpointConfiguration)
    ? { endpointConfiguration: camel(EndpointConfiguration, ['Types', 'VpcEndpointIds', 'IpAddressType']) }
    : {};
  const { id } = await work.call(SERVICE, 'CreateRestApi', {
    ...{ name: Name, ...endpoint },
    ...(CloneFrom !== undefined && { cloneFrom: CloneFrom }),
    tags: { ...tagMap(properties.Tags), ...ownerTags(work) },
  });
  return id;
}

async function ownApi(work: Work): Promise<string | undefined> {
  const owner = ownerTags(work);
  const { items } = await work.call(SERVICE, 'GetRestApis', { limit: 500 });
  const found = (items as { id: string; tags: Record<string, string> }[]).find(({ tags }) =>
    Object.entries(owner).every(([key, value]) => tags[key] === value),
  );
  return found?.id;
}

/** Brings the definition in, where it has changed, and then what the template says beside it. */
async function define(restApiId: string, before: JsonObject, properties: JsonObject, work: Work): Promise<void> {
  const { Body, BodyS3Location, Mode = 'overwrite' } = properties;
  const hasDefinition = Body !== undefined || BodyS3Location !== undefined;
  const isNew = !sameJson([before.Body, before.BodyS3Location], [Body, BodyS3Location]);
  const anew = hasDefinition && isNew;
  if (anew) {
    const body = Buffer.from(await definition(properties, work));
    await work.call(SERVICE, 'PutRestApi', { restApiId, body, mode: Mode });
  }
  // A definition takes the place of all that was said before.
  const patches = patchesOf(anew ? {} : before, properties, API_MEMBERS);
  const { BinaryMediaTypes, Policy } = properties;
  if (Array.isArray(BinaryMediaTypes)) {
    const value = BinaryMediaTypes.map((type) => String(type).replaceAll('~1', '/')).join(',');
    patches.push({ op: 'replace', path: '/binaryMediaTypes', value });
  }
  if (Policy !== undefined) patches.push({ op: 'replace', path: '/policy', value: patchText(Policy) });
  else if (before.Policy !== undefined && !anew) patches.push({ op: 'remove', path: '/policy' });
  if (patches.length > 0) await work.call(SERVICE, 'UpdateRestApi', { restApiId, patchOperations: patches });
}

async function describeApi(restApiId: string, work: Reading): Promise<Made> {
  const { rootResourceId } = await work.call(SERVICE, 'GetRestApi', { restApiId });
  return { physicalId: restApiId, attributes: { RestApiId: restApiId, RootResourceId: rootResourceId } };
}

export const resource: ResourceType = {
  properties: {
    ParentId: required(replaces('text')),
    PathPart: required(replaces('text')),
    RestApiId: required(replaces('text')),
  },
  attributes: ['ResourceId'],

  imports: {
    identifiers: ['RestApiId', 'ResourceId'],
    async find(named, work) {
      const { id } = await work.call(SERVICE, 'GetResource', camel(named, ['RestApiId', 'ResourceId']));
      return { physicalId: id, attributes: { ResourceId: id } };
    },
  },

  async create(properties, work) {
    const restApiId = properties.RestApiId;
    const { items = [] } = work.resuming ? await work.call(SERVICE, 'GetResources', { restApiId, limit: 500 }) : {};
    const own = (items as JsonObject[]).find(
      ({ parentId, pathPart }) => parentId === properties.ParentId && pathPart === properties.PathPart,
    );
    const input = camel(properties, ['RestApiId', 'ParentId', 'PathPart']);
    const { id } = own ?? (await work.call(SERVICE, 'CreateResource', input));
    await work.made(String(id));
    return { physicalId: String(id), attributes: { ResourceId: String(id) } };
  },

  async delete({ physicalId: resourceId, properties: { RestApiId: restApiId } }, work) {
    await ignoreMissing(() => work.call(SERVICE, 'DeleteResource', { restApiId, resourceId }));
  },
};

export const gatewayResponse: ResourceType = {
  properties: {
    ResponseParameters: changes({ map: 'text' }),
    ResponseTemplates: changes({ map: 'text' }),
    ResponseType: required(replaces('text')),
    RestApiId: required(replaces('text')),
    StatusCode: changes('text'),
  },
  attributes: ['Id'],

  imports: {
    identifiers: ['Id'],
    needs: ['RestApiId', 'ResponseType'],
    async find({ Id, ...named }, work) {
      const found = await work.call(SERVICE, 'GetGatewayResponse', camel(named, ['RestApiId', 'ResponseType']));
      if (found.defaultResponse === true || Id !== gatewayResponseId(named)) throw nothingThere();
      return { physicalId: Id, attributes: { Id } };
    },
  },

  async create(properties, work) {
    const Id = gatewayResponseId(properties);
    await putGatewayResponse(properties, work);
    await work.made(Id);
    return { physicalId: Id, attributes: { Id } };
  },

  async update(existing, properties, work) {
    await putGatewayResponse(properties, work);
    return existing;
  },

  async delete({ properties: { RestApiId: restApiId, ResponseType: responseType } }, work) {
    await ignoreMissing(() => work.call(SERVICE, 'DeleteGatewayResponse', { restApiId, responseType }));
  },
};

const gatewayResponseId = ({ RestApiId, ResponseType }: JsonObject) => `${RestApiId}-${ResponseType}`;

function putGatewayResponse(properties: JsonObject, work: Work): Promise<unknown> {
  const names = ['RestApiId', 'ResponseType', 'StatusCode', 'ResponseParameters', 'ResponseTemplates'];
  return work.call(SERVICE, 'PutGatewayResponse', camel(properties, names));
}

export const account: ResourceType = {
  properties: { CloudWatchRoleArn: changes('text') },
  attributes: ['Id'],

  imports: {
    identifiers: ['Id'],
    async find({ Id }, work) {
      await work.call(SERVICE, 'GetAccount', {});
      return { physicalId: Id!, attributes: { Id: Id! } };
    },
  },

  async create(properties, work) {
    await setRole({}, properties, work);
    await work.made(work.logicalId);
    return { physicalId: work.logicalId, attributes: { Id: work.logicalId } };
  },

  async update(existing, properties, work) {
    await setRole(existing.properties, properties, work);
    return existing;
  },

  /** The account has one such setting, which others may rely on: AWS leaves it as well. */
  async delete() {},
};

async function setRole(before: JsonObject, after: JsonObject, work: Work): Promise<void> {
  const patchOperations = patchesOf(before, after, { CloudWatchRoleArn: 'cloudwatchRoleArn' });
  if (patchOperations.length > 0) await work.call(SERVICE, 'UpdateAccount', { patchOperations });
}
