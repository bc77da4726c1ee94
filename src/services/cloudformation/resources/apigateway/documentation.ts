import type { JsonObject } from '../../template/value.ts';
import { changes, replaces, required } from '../properties.ts';
import { createOrAdopt, ignoreMissing, type ResourceType } from '../resource-type.ts';
import { camel, patchesOf, SERVICE } from './support.ts';

const LOCATION = ['Method', 'Name', 'Path', 'StatusCode', 'Type'];

export const documentationPart: ResourceType = {
  properties: {
    Location: required(
      replaces({ object: { Method: 'text', Name: 'text', Path: 'text', StatusCode: 'text', Type: 'text' } }),
    ),
    Properties: required(changes('text')),
    RestApiId: required(replaces('text')),
  },
  attributes: ['DocumentationPartId'],

  imports: {
    identifiers: ['DocumentationPartId', 'RestApiId'],
    async find(named, work) {
      const { id } = await work.call(
        SERVICE,
        'GetDocumentationPart',
        camel(named, ['DocumentationPartId', 'RestApiId']),
      );
      return { physicalId: id, attributes: { DocumentationPartId: id } };
    },
  },

  async create({ Location, Properties, RestApiId: restApiId }, work) {
    const location = camel(Location as JsonObject, LOCATION);
    const { type, path } = location;
    const asked = { restApiId, type, limit: 500, ...(path !== undefined && { path }) };
    const { items = [] } = work.resuming ? await work.call(SERVICE, 'GetDocumentationParts', asked) : {};
    const own = (items as { id: string; location: JsonObject; properties: string }[]).find(
      (one) => one.properties === Properties && LOCATION.every((name) => isSame(one.location, location, name)),
    );
    const input = { restApiId, location, properties: Properties };
    const id = String((own ?? (await work.call(SERVICE, 'CreateDocumentationPart', input))).id);
    await work.made(id);
    return { physicalId: id, attributes: { DocumentationPartId: id } };
  },

  async update({ physicalId, properties: before }, properties, work) {
    const patchOperations = patchesOf(before, properties, { Properties: 'properties' });
    const place = { restApiId: properties.RestApiId, documentationPartId: physicalId };
    if (patchOperations.length > 0) await work.call(SERVICE, 'UpdateDocumentationPart', { ...place, patchOperations });
    return { physicalId, attributes: { DocumentationPartId: physicalId } };
  },

  async delete({ physicalId: documentationPartId, properties: { RestApiId: restApiId } }, work) {
    await ignoreMissing(() => work.call(SERVICE, 'DeleteDocumentationPart', { restApiId, documentationPartId }));
  },
};

/** Whether a part is where a template wants it; what the template leaves out is as the operation sets it. */
function isSame(there: JsonObject, wanted: JsonObject, property: string): boolean {
  const name = property[0]!.toLowerCase() + property.slice(1);
  return wanted[name] === undefined || there[name] === wanted[name];
}

export const documentationVersion: ResourceType = {
  properties: {
    Description: changes('text'),
    DocumentationVersion: required(replaces('text')),
    RestApiId: required(replaces('text')),
  },
  attributes: [],

  imports: {
    identifiers: ['DocumentationVersion', 'RestApiId'],
    async find(named, work) {
      const names = ['DocumentationVersion', 'RestApiId'];
      const { version } = await work.call(SERVICE, 'GetDocumentationVersion', camel(named, names));
      return { physicalId: version, attributes: {} };
    },
  },

  async create(properties, work) {
    const input = camel(properties, ['Description', 'DocumentationVersion', 'RestApiId']);
    await createOrAdopt(work, () => work.call(SERVICE, 'CreateDocumentationVersion', input));
    const physicalId = String(properties.DocumentationVersion);
    await work.made(physicalId);
    return { physicalId, attributes: {} };
  },

  async update({ physicalId, properties: before }, properties, work) {
    const patchOperations = patchesOf(before, properties, { Description: 'description' });
    const place = { restApiId: properties.RestApiId, documentationVersion: physicalId };
    if (patchOperations.length > 0) {
      await work.call(SERVICE, 'UpdateDocumentationVersion', { ...place, patchOperations });
    }
    return { physicalId, attributes: {} };
  },

  async delete({ physicalId: documentationVersion, properties: { RestApiId: restApiId } }, work) {
    await ignoreMissing(() => work.call(SERVICE, 'DeleteDocumentationVersion', { restApiId, documentationVersion }));
  },
};
