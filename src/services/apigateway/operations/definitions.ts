import { apiAddress } from '../../apigatewayv2/index.ts';
import type { Operation } from '../../index.ts';
import type { RestApis } from '../apis.ts';
import { partOf } from '../checks.ts';
import type { DocumentationPart } from '../documentation.ts';
import { badRequest, notFound } from '../errors.ts';
import { exported } from '../export.ts';
import type { RestApi, RestContent } from '../model.ts';
import { type DefinedRestApi, definedRestApi, documentationIn, withDefinition } from '../openapi.ts';
import { apiShape, settingsOf } from './apis.ts';

interface DefinitionInput {
  readonly restApiId: string;
  readonly body: Uint8Array;
  readonly mode?: string;
  readonly parameters?: Readonly<Record<string, string>>;
}

interface ExportInput {
  readonly restApiId: string;
  readonly stageName: string;
  readonly exportType: string;
  readonly accepts?: string;
  readonly parameters?: Readonly<Record<string, string>>;
}

/** ImportRestApi, PutRestApi, GetExport. */
export function definitionOperations(apis: RestApis): Record<string, Operation> {
  const newId = () => apis.newPartId();
  /** What documents the API, unless the caller does not want it. */
  const documentation = (body: Uint8Array, { ignore }: Readonly<Record<string, string>>) =>
    ignore === 'documentation' ? [] : documentationIn(body, newId);
  const document = async (apiId: string, parts: readonly DocumentationPart[], mode: 'merge' | 'overwrite') => {
    if (parts.length > 0) await apis.documentation.add(apiId, parts, mode);
  };
  return {
    ImportRestApi: async ({ body, parameters = {} }: DefinitionInput, { region }) => {
      const defined = definedRestApi(body, newId);
      const parts = documentation(body, parameters);
      const types = parameters.endpointConfigurationTypes?.split(',');
      const settings = settingsOf({ ...defined.settings, ...(types && { endpointConfiguration: { types } }) });
      const api = await apis.create(region, (blank) => ({
        ...{ ...blank, settings },
        content: withDefinition(blank.content, defined, newId),
      }));
      await document(api.id, parts, 'merge');
      return apiShape(api);
    },
    PutRestApi: async ({ restApiId, body, mode = 'merge', parameters = {} }: DefinitionInput, { region }) => {
      const defined = definedRestApi(body, newId);
      const parts = documentation(body, parameters);
      const api = await apis.change(region, restApiId, (before) => put(before, defined, mode, newId));
      await document(restApiId, parts, mode === 'overwrite' ? 'overwrite' : 'merge');
      return apiShape(api);
    },
    GetExport: ({ restApiId, stageName, exportType, accepts, parameters = {} }: ExportInput, context) => {
      if (exportType !== 'oas30' && exportType !== 'swagger') throw badRequest(`Invalid export type: ${exportType}`);
      const api = apis.get(context.region, restApiId);
      const stage = partOf(api.stages, stageName, 'stage');
      const content = apis.contentOf(api, stage);
      if (!content) throw notFound('Deployment');
      const output = accepts?.includes('yaml') ? 'yaml' : 'json';
      const asked = parameters.extensions?.split(',') ?? [];
      const rest = asked.includes('apigateway');
      const body = exported(api, content, {
        ...{ dialect: exportType, output, rest, address: `${apiAddress(api, context.endpoint)}/${stageName}` },
        integrations: rest || asked.includes('integrations'),
        authorizers: rest || asked.includes('authorizers'),
        documentation: asked.includes('documentation')
          ? apis.documentation.versions(restApiId).find(({ version }) => version === stage.documentationVersion)
          : undefined,
      });
      return {
        body: Buffer.from(body),
        contentType: `application/${output}`,
        contentDisposition: `attachment; filename="${exportType}_${stageName}.${output}"`,
      };
    },
  };
}

/** `overwrite` leaves nothing but what the definition has; `merge` lays it over what is there. */
function put(before: RestApi, defined: DefinedRestApi, mode: string, newId: () => string): RestApi {
  if (mode === 'overwrite') {
    const { rootId } = before.content;
    const parts = { authorizers: {}, models: {}, validators: {}, gatewayResponses: {} };
    const bare: RestContent = { rootId, resources: { [rootId]: { id: rootId, path: '/', methods: {} } }, ...parts };
    const { apiKeySource, endpointConfiguration, disableExecuteApiEndpoint } = before.settings;
    const settings = { apiKeySource, endpointConfiguration, disableExecuteApiEndpoint, ...defined.settings };
    return { ...before, settings, content: withDefinition(bare, defined, newId) };
  }
  const { content } = defined;
  const joined = {
    ...content,
    authorizers: { ...before.content.authorizers, ...content.authorizers },
    models: { ...before.content.models, ...content.models },
    validators: { ...before.content.validators, ...content.validators },
    gatewayResponses: { ...before.content.gatewayResponses, ...content.gatewayResponses },
  };
  const settings = { ...before.settings, ...defined.settings };
  return { ...before, settings, content: withDefinition(before.content, { ...defined, content: joined }, newId) };
}
