import type {
  CreateApiMappingCommandInput,
  CreateDomainNameCommandInput,
  UpdateDomainNameCommandInput,
} from '@aws-sdk/client-apigatewayv2';
import { formatArn } from '../../../base/index.ts';
import type { Operation } from '../../index.ts';
import { checkRoom, type HttpApis } from '../apis.ts';
import { checkTags, partOf } from '../checks.ts';
import { badRequest, conflict } from '../errors.ts';
import { HTTP_API_LIMITS } from '../limits.ts';
import type { ApiDomain } from '../model.ts';
import { laid, taken, without } from './changes.ts';
import { type PageInput, pageOf } from './paging.ts';

const NAME = /^(?=.{1,253}$)(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const KEY = /^(?:[A-Za-z0-9._~%!$&'()*+,;=:@-]+\/)*[A-Za-z0-9._~%!$&'()*+,;=:@-]+$/;

type Configurations = NonNullable<ApiDomain['DomainNameConfigurations']>;
type NameInput = { readonly DomainName: string };
type MappingInput = NameInput & CreateApiMappingCommandInput & { readonly ApiMappingId: string };

/** Custom domain names. */
export function domainOperations(apis: HttpApis): Record<string, Operation> {
  return {
    CreateDomainName: async (input: CreateDomainNameCommandInput, { region }) => {
      const name = input.DomainName!.toLowerCase();
      if (!NAME.test(name)) throw badRequest(`Invalid domain name: ${input.DomainName}`);
      checkBuilt(input);
      checkTags(input.Tags ?? {});
      const configurations = configured(name, input.DomainNameConfigurations ?? [{}]);
      const selection = { ApiMappingSelectionExpression: '$request.basepath' };
      const blank = { name, region, tags: input.Tags ?? {}, mappings: {}, ...selection };
      await apis.createDomain({ ...blank, DomainNameConfigurations: configurations });
      return domainShape(apis.domain(region, name));
    },
    GetDomainName: ({ DomainName }: NameInput, { region }) => domainShape(apis.domain(region, DomainName)),
    GetDomainNames: (input: PageInput, { region }) => {
      const all = apis.domains().filter((domain) => domain.region === region);
      const { items, ...next } = pageOf(all, ({ name }) => name, input);
      return { Items: items.map(domainShape), ...next };
    },
    UpdateDomainName: async (input: UpdateDomainNameCommandInput & NameInput, { region }) => {
      checkBuilt(input);
      const { DomainName, DomainNameConfigurations: given } = input;
      const domain = await apis.changeDomain(region, DomainName, (before) =>
        given
          ? { ...before, DomainNameConfigurations: configured(before.name, given, before.DomainNameConfigurations) }
          : before,
      );
      return domainShape(domain);
    },
    DeleteDomainName: async ({ DomainName }: NameInput, { region }) => {
      await apis.deleteDomain(region, DomainName);
    },
  };
}

/** @throws bad-request */
function checkBuilt(input: CreateDomainNameCommandInput | UpdateDomainNameCommandInput): void {
  const { MutualTlsAuthentication, RoutingMode = 'API_MAPPING_ONLY' } = input;
  if (MutualTlsAuthentication !== undefined) throw badRequest('Mutual TLS is not built in Millrace.');
  if (RoutingMode !== 'API_MAPPING_ONLY') throw badRequest('Routing rules are not built in Millrace.');
}

/** Configurations as they are shown: what is not given of one is as it was before for its type of endpoint. */
function configured(name: string, given: Configurations, before: Configurations = []): Configurations {
  return given.map((one) => {
    const { EndpointType = 'REGIONAL' } = one;
    return {
      ...{ SecurityPolicy: 'TLS_1_2', IpAddressType: 'ipv4' },
      ...before.find((old) => old.EndpointType === EndpointType),
      ...one,
      ...{ EndpointType, DomainNameStatus: 'AVAILABLE', ApiGatewayDomainName: `${name}.localhost` },
    };
  });
}

/** What of a domain leads to which stage of which API. */
export function mappingOperations(apis: HttpApis): Record<string, Operation> {
  const put = async (
    region: string,
    name: string,
    id: string,
    make: (domain: ApiDomain) => ApiDomain['mappings'][string],
  ) => {
    const domain = await apis.changeDomain(region, name, (before) => {
      const mapping = make(before);
      checkMapping(apis, before, mapping);
      return { ...before, mappings: { ...before.mappings, [id]: mapping } };
    });
    return domain.mappings[id]!;
  };
  return {
    CreateApiMapping: (input: MappingInput, { region }) => {
      const ApiMappingId = apis.newPartId();
      return put(region, input.DomainName, ApiMappingId, ({ mappings }) => {
        checkRoom('API mappings', mappings, HTTP_API_LIMITS.mappingsPerDomainMax);
        const { ApiId, Stage, ApiMappingKey = '' } = input;
        return { ApiId, Stage, ApiMappingKey, ApiMappingId };
      });
    },
    GetApiMapping: ({ DomainName, ApiMappingId }: MappingInput, { region }) =>
      partOf(apis.domain(region, DomainName).mappings, ApiMappingId, 'API mapping'),
    GetApiMappings: (input: MappingInput & PageInput, { region }) => {
      const all = Object.values(apis.domain(region, input.DomainName).mappings);
      const { items, ...next } = pageOf(all, ({ ApiMappingId }) => ApiMappingId, input);
      return { Items: items, ...next };
    },
    UpdateApiMapping: (input: MappingInput, { region }) =>
      put(region, input.DomainName, input.ApiMappingId, ({ mappings }) =>
        laid(
          partOf(mappings, input.ApiMappingId, 'API mapping'),
          taken({ ...input }, ['ApiId', 'Stage', 'ApiMappingKey']),
        ),
      ),
    DeleteApiMapping: async ({ DomainName, ApiMappingId }: MappingInput, { region }) => {
      await apis.changeDomain(region, DomainName, (before) => {
        partOf(before.mappings, ApiMappingId, 'API mapping');
        return { ...before, mappings: without(before.mappings, ApiMappingId) };
      });
    },
  };
}

/** @throws bad-request, conflict, not-found */
function checkMapping(apis: HttpApis, domain: ApiDomain, mapping: ApiDomain['mappings'][string]): void {
  const { ApiMappingKey: key = '', ApiMappingId, ApiId, Stage } = mapping;
  if (key !== '' && !KEY.test(key)) throw badRequest(`Invalid API mapping key: ${key}`);
  if (!apis.hasStage(domain.region, ApiId!, Stage!)) throw badRequest('Invalid stage identifier specified');
  const same = Object.values(domain.mappings).some(
    (other) => (other.ApiMappingKey ?? '') === key && other.ApiMappingId !== ApiMappingId,
  );
  if (same) throw conflict('ApiMapping key already exists for this domain name');
}

function domainShape({ name, region, tags, mappings: _own, ...shown }: ApiDomain) {
  const arn = formatArn('apigateway', region, '', `/domainnames/${name}`);
  return { ...shown, DomainName: name, DomainNameArn: arn, Tags: tags };
}
