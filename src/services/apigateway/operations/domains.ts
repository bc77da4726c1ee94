import { formatArn } from '../../../base/index.ts';
import type { ApiDomain, HttpApis } from '../../apigatewayv2/index.ts';
import type { Operation } from '../../index.ts';
import type { RestApis } from '../apis.ts';
import { badRequest, conflict, notFound } from '../errors.ts';
import { type PatchOperation, patched } from '../patch.ts';
import { type PageInput, pageOf } from './paging.ts';

interface Input extends PageInput {
  readonly domainName: string;
  readonly basePath?: string;
  readonly restApiId?: string;
  readonly stage?: string;
  readonly endpointConfiguration?: { readonly types?: readonly string[] };
  readonly securityPolicy?: string;
  readonly mutualTlsAuthentication?: object;
  readonly routingMode?: string;
  readonly certificateArn?: string;
  readonly regionalCertificateArn?: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly patchOperations?: readonly PatchOperation[];
}

type Mapping = ApiDomain['mappings'][string];

/** What a base path is called where there is none. */
const NONE = '(none)';
const NAME = /^(?=.{1,253}$)(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** Domain names, which REST APIs and HTTP APIs share, and base path mappings, which are API mappings by an older name. */
export function domainOperations(apis: RestApis, domains: HttpApis): Record<string, Operation> {
  return {
    CreateDomainName: async (input: Input, { region }) => {
      const name = input.domainName.toLowerCase();
      if (!NAME.test(name)) throw badRequest(`Invalid domain name: ${input.domainName}`);
      if (input.mutualTlsAuthentication !== undefined) throw badRequest('Mutual TLS is not built in Millrace.');
      const { routingMode = 'BASE_PATH_MAPPING_ONLY' } = input;
      if (routingMode !== 'BASE_PATH_MAPPING_ONLY') throw badRequest('Routing rules are not built in Millrace.');
      const [type = 'EDGE'] = input.endpointConfiguration?.types ?? [];
      const CertificateArn = input.regionalCertificateArn ?? input.certificateArn;
      const configuration = {
        ...{ EndpointType: type, SecurityPolicy: input.securityPolicy ?? 'TLS_1_2', DomainNameStatus: 'AVAILABLE' },
        ...{ ApiGatewayDomainName: `${name}.localhost`, ...(CertificateArn && { CertificateArn }) },
      };
      const more = { ApiMappingSelectionExpression: '$request.basepath', DomainNameConfigurations: [configuration] };
      await domains.createDomain({ name, region, tags: input.tags ?? {}, mappings: {}, ...more } as ApiDomain);
      return domainShape(domains.domain(region, name));
    },
    GetDomainName: ({ domainName }: Input, { region }) => domainShape(domains.domain(region, domainName)),
    GetDomainNames: (input: Input, { region }) => {
      const all = domains.domains().filter((domain) => domain.region === region);
      const { items, ...next } = pageOf(all, ({ name }) => name, input);
      return { items: items.map(domainShape), ...next };
    },
    DeleteDomainName: async ({ domainName }: Input, { region }) => {
      await domains.deleteDomain(region, domainName);
    },
    CreateBasePathMapping: async ({ domainName, basePath = NONE, restApiId, stage = '' }: Input, { region }) => {
      const mapping = {
        ApiMappingId: apis.newPartId(),
        ApiId: restApiId!,
        Stage: stage,
        ApiMappingKey: keyOf(basePath),
      };
      checkStage(apis, region, mapping);
      await domains.changeDomain(region, domainName, (before) => {
        if (find(before, basePath)) throw conflict('Base path already exists for this domain name');
        return { ...before, mappings: { ...before.mappings, [mapping.ApiMappingId]: mapping } };
      });
      return mappingShape(mapping);
    },
    GetBasePathMapping: ({ domainName, basePath = NONE }: Input, { region }) =>
      mappingShape(found(domains.domain(region, domainName), basePath)),
    GetBasePathMappings: ({ domainName, ...page }: Input, { region }) => {
      const all = Object.values(domains.domain(region, domainName).mappings).map(mappingShape);
      return pageOf(all, ({ basePath }) => basePath, page);
    },
    UpdateBasePathMapping: async ({ domainName, basePath = NONE, patchOperations }: Input, { region }) => {
      const domain = await domains.changeDomain(region, domainName, (before) => {
        const mapping = found(before, basePath);
        const kinds = { basePath: 'text', restapiId: 'text', stage: 'text' } as const;
        const { basePath: key, restApiId: api, stage } = mappingShape(mapping);
        const after = patched({ basePath: key, restapiId: api, stage }, patchOperations, kinds);
        const changed = {
          ...mapping,
          ApiMappingKey: keyOf(after.basePath),
          ApiId: after.restapiId,
          Stage: after.stage,
        };
        checkStage(apis, region, changed);
        return { ...before, mappings: { ...before.mappings, [mapping.ApiMappingId]: changed } };
      });
      const changed = patchOperations?.findLast(({ path }) => path === '/basePath')?.value ?? basePath;
      return mappingShape(found(domain, changed));
    },
    DeleteBasePathMapping: async ({ domainName, basePath = NONE }: Input, { region }) => {
      await domains.changeDomain(region, domainName, (before) => {
        const { ApiMappingId } = found(before, basePath);
        const { [ApiMappingId]: _gone, ...mappings } = before.mappings;
        return { ...before, mappings };
      });
    },
  };
}

const keyOf = (basePath: string) => (basePath === NONE ? '' : basePath);

function find({ mappings }: ApiDomain, basePath: string): Mapping | undefined {
  return Object.values(mappings).find(({ ApiMappingKey = '' }) => ApiMappingKey === keyOf(basePath));
}

/** @throws not-found */
function found(domain: ApiDomain, basePath: string): Mapping {
  const mapping = find(domain, basePath);
  if (!mapping) throw notFound('base path mapping');
  return mapping;
}

/** @throws bad-request */
function checkStage(apis: RestApis, region: string, { ApiId, Stage }: Mapping): void {
  if (!apis.hasStage(region, ApiId!, Stage!)) throw badRequest('Invalid stage identifier specified');
}

function mappingShape({ ApiMappingKey, ApiId, Stage }: Mapping) {
  return { basePath: ApiMappingKey || NONE, restApiId: ApiId!, stage: Stage! };
}

function domainShape({ name, region, tags, DomainNameConfigurations: [configuration] = [] }: ApiDomain) {
  const { EndpointType = 'EDGE', SecurityPolicy, CertificateArn, ApiGatewayDomainName } = configuration ?? {};
  const isRegional = EndpointType !== 'EDGE';
  return {
    ...{ domainName: name, tags, securityPolicy: SecurityPolicy, domainNameStatus: 'AVAILABLE' },
    domainNameArn: formatArn('apigateway', region, '', `/domainnames/${name}`),
    endpointConfiguration: { types: [EndpointType] },
    ...(isRegional ? { regionalDomainName: ApiGatewayDomainName } : { distributionDomainName: ApiGatewayDomainName }),
    ...(CertificateArn && { [isRegional ? 'regionalCertificateArn' : 'certificateArn']: CertificateArn }),
  };
}
