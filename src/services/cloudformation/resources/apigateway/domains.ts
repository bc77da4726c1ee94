import { isObject, type Json, type JsonObject } from '../../template/value.ts';
import { changes, replaces, required, TAGS, tagChanges, tagMap } from '../properties.ts';
import { createOrAdopt, ignoreMissing, type Made, type Reading, type ResourceType } from '../resource-type.ts';
import { camel, patchesOf, SERVICE } from './support.ts';

export const domainName: ResourceType = {
  properties: {
    CertificateArn: changes('text'),
    DomainName: replaces('text'),
    EndpointConfiguration: changes({ object: { IpAddressType: 'text', Types: { list: 'text' } } }),
    RegionalCertificateArn: changes('text'),
    SecurityPolicy: changes('text'),
    Tags: TAGS,
  },
  notBuilt: ['EndpointAccessMode', 'MutualTlsAuthentication', 'OwnershipVerificationCertificateArn', 'RoutingMode'],
  attributes: [
    'DistributionDomainName',
    'DistributionHostedZoneId',
    'DomainNameArn',
    'RegionalDomainName',
    'RegionalHostedZoneId',
  ],

  imports: { identifiers: ['DomainName'], find: ({ DomainName }, work) => describeDomain(DomainName, work) },

  async create(properties, work) {
    const { EndpointConfiguration, Tags } = properties;
    const members = ['CertificateArn', 'DomainName', 'RegionalCertificateArn', 'SecurityPolicy'];
    await createOrAdopt(work, () =>
      work.call(SERVICE, 'CreateDomainName', {
        ...camel(properties, members),
        ...(isObject(EndpointConfiguration) && { endpointConfiguration: camel(EndpointConfiguration, ['Types']) }),
        tags: tagMap(Tags),
      }),
    );
    const made = await describeDomain(properties.DomainName, work);
    await work.made(made.physicalId);
    return made;
  },

  async update({ physicalId, properties: before }, properties, work) {
    const { EndpointConfiguration, CertificateArn, RegionalCertificateArn, SecurityPolicy } = properties;
    const [type = 'EDGE'] = isObject(EndpointConfiguration) ? (EndpointConfiguration.Types as string[]) : [];
    const certificate = RegionalCertificateArn ?? CertificateArn;
    const { DomainNameConfigurations } = await work.call('apigatewayv2', 'GetDomainName', { DomainName: physicalId });
    const configuration = {
      ...(DomainNameConfigurations as JsonObject[])[0],
      EndpointType: type,
      ...(certificate !== undefined && { CertificateArn: certificate }),
      ...(SecurityPolicy !== undefined && { SecurityPolicy }),
    };
    // Both kinds of APIs share their domain names.
    const change = { DomainName: physicalId, DomainNameConfigurations: [configuration] };
    await work.call('apigatewayv2', 'UpdateDomainName', change);
    const { set, remove } = tagChanges(before.Tags, properties.Tags);
    const made = await describeDomain(physicalId, work);
    const ResourceArn = made.attributes.DomainNameArn;
    if (Object.keys(set).length > 0) await work.call('apigatewayv2', 'TagResource', { ResourceArn, Tags: set });
    if (remove.length > 0) await work.call('apigatewayv2', 'UntagResource', { ResourceArn, TagKeys: remove });
    return made;
  },

  async delete({ physicalId }, work) {
    await ignoreMissing(() => work.call(SERVICE, 'DeleteDomainName', { domainName: physicalId }));
  },
};

async function describeDomain(name: Json | undefined, work: Reading): Promise<Made> {
  const found = await work.call(SERVICE, 'GetDomainName', { domainName: name });
  return {
    physicalId: found.domainName,
    attributes: {
      DistributionDomainName: found.distributionDomainName ?? '',
      DistributionHostedZoneId: '',
      DomainNameArn: found.domainNameArn,
      RegionalDomainName: found.regionalDomainName ?? '',
      RegionalHostedZoneId: '',
    },
  };
}

export const basePathMapping: ResourceType = {
  properties: {
    BasePath: replaces('text'),
    DomainName: required(replaces('text')),
    RestApiId: changes('text'),
    Stage: changes('text'),
  },
  notBuilt: ['Id'],
  attributes: [],

  imports: {
    identifiers: ['DomainName', 'BasePath'],
    async find(named, work) {
      await work.call(SERVICE, 'GetBasePathMapping', camel(named, ['DomainName', 'BasePath']));
      return { physicalId: `${named.DomainName}|${named.BasePath}`, attributes: {} };
    },
  },

  async create(properties, work) {
    const { DomainName, BasePath = '(none)' } = properties;
    const input = camel({ ...properties, BasePath }, ['BasePath', 'DomainName', 'RestApiId', 'Stage']);
    await createOrAdopt(work, () => work.call(SERVICE, 'CreateBasePathMapping', input));
    const physicalId = `${DomainName}|${BasePath}`;
    await work.made(physicalId);
    return { physicalId, attributes: {} };
  },

  async update(existing, properties, work) {
    const { DomainName: domainName_, BasePath: basePath = '(none)' } = properties;
    const patchOperations = patchesOf(existing.properties, properties, { RestApiId: 'restapiId', Stage: 'stage' });
    await work.call(SERVICE, 'UpdateBasePathMapping', { domainName: domainName_, basePath, patchOperations });
    return existing;
  },

  async delete({ properties: { DomainName, BasePath: basePath = '(none)' } }, work) {
    await ignoreMissing(() => work.call(SERVICE, 'DeleteBasePathMapping', { domainName: DomainName, basePath }));
  },
};
