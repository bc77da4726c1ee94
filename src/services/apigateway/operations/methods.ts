import type { Operation } from '../../index.ts';
import type { RestApis } from '../apis.ts';
import { checkBuilt, checkIntegration, checkMethod, partOf } from '../checks.ts';
import { conflict, notFound } from '../errors.ts';
import type { RestContent, RestIntegration, RestMethod } from '../model.ts';
import { type Kind, type PatchOperation, patched } from '../patch.ts';
import { taken, without } from './changes.ts';

/** Input of every operation of methods: what it names, and what it sets. */
type Input = {
  readonly restApiId: string;
  readonly resourceId: string;
  readonly httpMethod: string;
  readonly statusCode: string;
  readonly patchOperations?: readonly PatchOperation[];
} & Readonly<Record<string, unknown>>;

const METHOD_MEMBERS = [
  'authorizationType',
  'authorizerId',
  'authorizationScopes',
  'operationName',
  'requestParameters',
  'requestModels',
  'requestValidatorId',
];

const METHOD_KINDS: Readonly<Record<string, Kind>> = {
  apiKeyRequired: 'flag',
  authorizationType: 'text',
  authorizerId: 'text',
  authorizationScopes: 'set',
  operationName: 'text',
  requestParameters: { map: 'flag' },
  requestModels: { map: 'text' },
  requestValidatorId: 'text',
};

const INTEGRATION_MEMBERS = [
  'type',
  'uri',
  'connectionType',
  'connectionId',
  'credentials',
  'requestParameters',
  'requestTemplates',
  'contentHandling',
  'cacheKeyParameters',
];

const INTEGRATION_KINDS: Readonly<Record<string, Kind>> = {
  uri: 'text',
  httpMethod: 'text',
  credentials: 'text',
  passthroughBehavior: 'text',
  contentHandling: 'text',
  cacheNamespace: 'text',
  cacheKeyParameters: 'set',
  timeoutInMillis: 'number',
  requestParameters: { map: 'text' },
  requestTemplates: { map: 'text' },
};

const RESPONSE_MEMBERS = ['statusCode', 'responseParameters', 'responseModels'];
const INTEGRATION_RESPONSE_MEMBERS = [
  'statusCode',
  'selectionPattern',
  'responseParameters',
  'responseTemplates',
  'contentHandling',
];

/** Operations of methods, their integrations, and what both answer. */
export function methodOperations(apis: RestApis): Record<string, Operation> {
  const houses = new MethodHouses(apis);
  return {
    ...ofMethods(houses),
    ...ofIntegrations(houses),
    ...ofMethodResponses(houses),
    ...ofIntegrationResponses(houses),
  };
}

function ofMethods(houses: MethodHouses): Record<string, Operation> {
  return {
    PutMethod: (input: Input, { region }) =>
      houses.change(input, region, (content, before) => {
        if (before) throw conflict('Method already exists for this resource');
        const { httpMethod, apiKeyRequired = false } = input;
        const method = { httpMethod, apiKeyRequired, ...taken(input, METHOD_MEMBERS) } as RestMethod;
        checkMethod(method, content);
        return method;
      }),
    GetMethod: (input: Input, { region }) => houses.get(input, region),
    UpdateMethod: (input: Input, { region }) =>
      houses.update(input, region, (method, content) => {
        const after = patched(method, input.patchOperations, METHOD_KINDS);
        checkMethod(after, content);
        return after;
      }),
    DeleteMethod: async (input: Input, { region }) => {
      houses.get(input, region);
      await houses.change(input, region, () => undefined);
    },
  };
}

function ofIntegrations(houses: MethodHouses): Record<string, Operation> {
  return {
    PutIntegration: async (input: Input, { region }) => {
      checkBuilt(input);
      const method = await houses.update(input, region, (before) => {
        const integration = integrationOf(input);
        checkIntegration(integration);
        return { ...before, methodIntegration: integration };
      });
      return method.methodIntegration;
    },
    GetIntegration: (input: Input, { region }) => integrationIn(houses.get(input, region)),
    UpdateIntegration: async (input: Input, { region }) => {
      const method = await houses.update(input, region, (before) => {
        const integration = patched(integrationIn(before), input.patchOperations, INTEGRATION_KINDS);
        checkIntegration(integration);
        return { ...before, methodIntegration: integration };
      });
      return method.methodIntegration;
    },
    DeleteIntegration: async (input: Input, { region }) => {
      await houses.update(input, region, (before) => {
        integrationIn(before);
        const { methodIntegration: _gone, ...method } = before;
        return method;
      });
    },
  };
}

function ofMethodResponses(houses: MethodHouses): Record<string, Operation> {
  const kinds: Readonly<Record<string, Kind>> = {
    responseParameters: { map: 'flag' },
    responseModels: { map: 'text' },
  };
  const put = async (input: Input, region: string, make: (method: RestMethod) => object) => {
    const method = await houses.update(input, region, (before) => ({
      ...before,
      methodResponses: { ...before.methodResponses, [input.statusCode]: make(before) as { statusCode: string } },
    }));
    return method.methodResponses![input.statusCode];
  };
  return {
    PutMethodResponse: (input: Input, { region }) =>
      put(input, region, (method) => {
        if (method.methodResponses?.[input.statusCode]) throw conflict('Response already exists for this resource');
        return taken(input, RESPONSE_MEMBERS);
      }),
    GetMethodResponse: (input: Input, { region }) =>
      partOf(houses.get(input, region).methodResponses ?? {}, input.statusCode, 'Response status code'),
    UpdateMethodResponse: (input: Input, { region }) =>
      put(input, region, ({ methodResponses = {} }) =>
        patched(partOf(methodResponses, input.statusCode, 'Response status code'), input.patchOperations, kinds),
      ),
    DeleteMethodResponse: async (input: Input, { region }) => {
      await houses.update(input, region, (before) => {
        const { methodResponses = {} } = before;
        partOf(methodResponses, input.statusCode, 'Response status code');
        return { ...before, methodResponses: without(methodResponses, input.statusCode) };
      });
    },
  };
}

function ofIntegrationResponses(houses: MethodHouses): Record<string, Operation> {
  const kinds: Readonly<Record<string, Kind>> = {
    selectionPattern: 'text',
    contentHandling: 'text',
    responseParameters: { map: 'text' },
    responseTemplates: { map: 'text' },
  };
  const change = async (input: Input, region: string, decide: (integration: RestIntegration) => RestIntegration) => {
    const method = await houses.update(input, region, (before) => ({
      ...before,
      methodIntegration: decide(integrationIn(before)),
    }));
    return method.methodIntegration!.integrationResponses?.[input.statusCode];
  };
  const withResponse = (integration: RestIntegration, input: Input, response: object): RestIntegration => ({
    ...integration,
    integrationResponses: {
      ...integration.integrationResponses,
      [input.statusCode]: response as { statusCode: string },
    },
  });
  return {
    PutIntegrationResponse: (input: Input, { region }) =>
      change(input, region, (before) => withResponse(before, input, taken(input, INTEGRATION_RESPONSE_MEMBERS))),
    GetIntegrationResponse: (input: Input, { region }) =>
      partOf(
        integrationIn(houses.get(input, region)).integrationResponses ?? {},
        input.statusCode,
        'Response status code',
      ),
    UpdateIntegrationResponse: (input: Input, { region }) =>
      change(input, region, (before) => {
        const response = partOf(before.integrationResponses ?? {}, input.statusCode, 'Response status code');
        return withResponse(before, input, patched(response, input.patchOperations, kinds));
      }),
    DeleteIntegrationResponse: async (input: Input, { region }) => {
      await change(input, region, (before) => {
        const { integrationResponses = {} } = before;
        partOf(integrationResponses, input.statusCode, 'Response status code');
        return { ...before, integrationResponses: without(integrationResponses, input.statusCode) };
      });
    },
  };
}

function integrationOf(input: Input): RestIntegration {
  const { integrationHttpMethod, passthroughBehavior = 'WHEN_NO_MATCH', timeoutInMillis = 29_000 } = input;
  const { cacheNamespace = input.resourceId } = input;
  return {
    ...{ passthroughBehavior, timeoutInMillis, cacheNamespace, cacheKeyParameters: [] },
    ...(integrationHttpMethod !== undefined && { httpMethod: integrationHttpMethod }),
    ...taken(input, INTEGRATION_MEMBERS),
  } as unknown as RestIntegration;
}

function integrationIn({ methodIntegration }: RestMethod): RestIntegration {
  if (!methodIntegration) throw notFound('Integration');
  return methodIntegration;
}

/** Finds methods in their APIs, and puts them back. */
class MethodHouses {
  readonly #apis: RestApis;

  constructor(apis: RestApis) {
    this.#apis = apis;
  }

  /** @throws not-found */
  get({ restApiId, resourceId, httpMethod }: Input, region: string): RestMethod {
    const { resources } = this.#apis.get(region, restApiId).content;
    return partOf(partOf(resources, resourceId, 'Resource').methods, httpMethod, 'Method');
  }

  /** @param decide  gives the method as it is to be; `undefined` for none */
  async change(
    { restApiId, resourceId, httpMethod }: Input,
    region: string,
    decide: (content: RestContent, before: RestMethod | undefined) => RestMethod | undefined,
  ): Promise<RestMethod> {
    const content = await this.#apis.changeContent(region, restApiId, (before) => {
      const resource = partOf(before.resources, resourceId, 'Resource');
      const method = decide(before, resource.methods[httpMethod]);
      const others = without(resource.methods, httpMethod);
      const methods = method ? { ...others, [httpMethod]: method } : others;
      return { ...before, resources: { ...before.resources, [resourceId]: { ...resource, methods } } };
    });
    return content.resources[resourceId]!.methods[httpMethod]!;
  }

  /** @throws not-found, and what `decide` throws */
  update(input: Input, region: string, decide: (method: RestMethod, content: RestContent) => RestMethod) {
    return this.change(input, region, (content, before) => {
      if (!before) throw notFound('Method');
      return decide(before, content);
    });
  }
}
