import type { JsonObject } from '../../template/value.ts';
import { changes, TAGS, tagMap } from '../properties.ts';
import { ignoreMissing, type ResourceType } from '../resource-type.ts';
import { camel, changeTags, ownerTags, patchesOf, SERVICE } from './support.ts';

export const clientCertificate: ResourceType = {
  properties: {
    Description: changes('text'),
    Tags: TAGS,
  },
  attributes: ['ClientCertificateId'],

  imports: {
    identifiers: ['ClientCertificateId'],
    async find(named, work) {
      const found = await work.call(SERVICE, 'GetClientCertificate', camel(named, ['ClientCertificateId']));
      const { clientCertificateId: id } = found;
      return { physicalId: id, attributes: { ClientCertificateId: id } };
    },
  },

  async create({ Description, Tags }, work) {
    const owner = ownerTags(work);
    const { items = [] } = work.resuming ? await work.call(SERVICE, 'GetClientCertificates', { limit: 500 }) : {};
    const own = (items as { clientCertificateId: string; tags: JsonObject }[]).find(({ tags }) =>
      Object.entries(owner).every(([key, value]) => tags[key] === value),
    );
    const described = Description === undefined ? {} : { description: Description };
    const input = { ...described, tags: { ...tagMap(Tags), ...owner } };
    const made = own ?? (await work.call(SERVICE, 'GenerateClientCertificate', input));
    const id = String(made.clientCertificateId);
    await work.made(id);
    return { physicalId: id, attributes: { ClientCertificateId: id } };
  },

  async update({ physicalId, properties: before }, properties, work) {
    const patchOperations = patchesOf(before, properties, { Description: 'description' });
    const place = { clientCertificateId: physicalId };
    if (patchOperations.length > 0) await work.call(SERVICE, 'UpdateClientCertificate', { ...place, patchOperations });
    await changeTags(`/clientcertificates/${physicalId}`, before.Tags, properties.Tags, work);
    return { physicalId, attributes: { ClientCertificateId: physicalId } };
  },

  async delete({ physicalId: clientCertificateId }, work) {
    await ignoreMissing(() => work.call(SERVICE, 'DeleteClientCertificate', { clientCertificateId }));
  },
};
