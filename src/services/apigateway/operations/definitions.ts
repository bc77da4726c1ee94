import type { Operation } from '../../index.ts';
import type { RestApis } from '../apis.ts';
import type { RestApi, RestContent } from '../model.ts';
import { type DefinedRestApi, definedRestApi, withDefinition } from '../openapi.ts';
import { apiShape, settingsOf } from './apis.ts';

interface DefinitionInput {
  readonly restApiId: string;
  readonly body: Uint8Array;
  readonly mode?: string;
  readonly parameters?: Readonly<Record<string, string>>;
}

/** ImportRestApi, PutRestApi. */
export function definitionOperations(apis: RestApis): Record<string, Operation> {
  const newId = () => apis.newPartId();
  return {
    ImportRestApi: async ({ body, parameters = {} }: DefinitionInput, { region }) => {
      const defined = definedRestApi(body, newId);
      const types = parameters.endpointConfigurationTypes?.split(',');
      const settings = settingsOf({ ...defined.settings, ...(types && { endpointConfiguration: { types } }) });
      const api = await apis.create(region, (blank) => ({
        ...{ ...blank, settings },
        content: withDefinition(blank.content, defined, newId),
      }));
      return apiShape(api);
    },
    PutRestApi: async ({ restApiId, body, mode = 'merge' }: DefinitionInput, { region }) => {
      const defined = definedRestApi(body, newId);
      const api = await apis.change(region, restApiId, (before) => put(before, defined, mode, newId));
      return apiShape(api);
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
