import type { Operation } from '../../index.ts';
import type { RestApis } from '../apis.ts';
import { checkAuthorizer, partOf } from '../checks.ts';
import { badRequest, conflict, limitExceeded } from '../errors.ts';
import { REST_API_LIMITS } from '../limits.ts';
import type { RestAuthorizer, RestContent, RestGatewayResponse, RestModel, RestValidator } from '../model.ts';
import { type Kind, type PatchOperation, patched } from '../patch.ts';
import { taken, without } from './changes.ts';
import { type PageInput, pageOf } from './paging.ts';

type Input = {
  readonly restApiId: string;
  readonly patchOperations?: readonly PatchOperation[];
} & Readonly<Record<string, string>>;

interface PartKind<T> {
  /** As operations are named: `Create...`, `Get...s`. */
  readonly name: string;
  /** As errors call it. */
  readonly shown: string;
  /** What operations name a part by, in their input, and which member of it that is. */
  readonly label: string;
  readonly key: string;
  readonly place: 'authorizers' | 'models' | 'validators';
  readonly max: number;
  readonly members: readonly string[];
  readonly defaults: Readonly<Record<string, unknown>>;
  readonly kinds: Readonly<Record<string, Kind>>;
  check(part: T, content: RestContent): void;
  checkUnused(part: T, content: RestContent): void;
}

const methodsOf = ({ resources }: RestContent) =>
  Object.values(resources).flatMap(({ methods }) => Object.values(methods));

const AUTHORIZERS: PartKind<RestAuthorizer> = {
  ...{ name: 'Authorizer', shown: 'Authorizer', label: 'authorizerId', key: 'id', place: 'authorizers' },
  max: REST_API_LIMITS.authorizersMax,
  members: [
    ...['name', 'type', 'providerARNs', 'authType', 'authorizerUri', 'authorizerCredentials', 'identitySource'],
    ...['identityValidationExpression', 'authorizerResultTtlInSeconds'],
  ],
  defaults: { authorizerResultTtlInSeconds: REST_API_LIMITS.authorizerTtlSecondsDefault },
  kinds: {
    name: 'text',
    type: 'text',
    providerARNs: 'set',
    authType: 'text',
    authorizerUri: 'text',
    authorizerCredentials: 'text',
    identitySource: 'text',
    identityValidationExpression: 'text',
    authorizerResultTtlInSeconds: 'number',
  },
  check: (authorizer, { authorizers }) => {
    checkAuthorizer(authorizer);
    const same = Object.values(authorizers).some((one) => one.name === authorizer.name && one.id !== authorizer.id);
    if (same)
      throw badRequest(`Authorizer name must be unique. Authorizer ${authorizer.name} already exists in this RestApi.`);
  },
  checkUnused: ({ id }, content) => {
    if (methodsOf(content).some(({ authorizerId }) => authorizerId === id)) {
      throw conflict(`Cannot delete authorizer '${id}', is referenced in method`);
    }
  },
};

const MODELS: PartKind<RestModel> = {
  ...{ name: 'Model', shown: 'Model', label: 'modelName', key: 'name', place: 'models' },
  max: REST_API_LIMITS.modelsMax,
  members: ['name', 'description', 'schema', 'contentType'],
  defaults: {},
  kinds: { description: 'text', schema: 'text' },
  check: ({ name, schema }) => {
    if (!/^[A-Za-z0-9]+$/.test(name)) throw badRequest(`Model name must be alphanumeric: ${name}`);
    checkSchema(schema);
  },
  checkUnused: ({ name }, content) => {
    const used = methodsOf(content).some(({ requestModels = {} }) => Object.values(requestModels).includes(name));
    if (used) throw conflict(`Cannot delete model '${name}', is referenced in method request`);
  },
};

const VALIDATORS: PartKind<RestValidator> = {
  ...{
    name: 'RequestValidator',
    shown: 'Request Validator',
    label: 'requestValidatorId',
    key: 'id',
    place: 'validators',
  },
  max: REST_API_LIMITS.validatorsMax,
  members: ['name', 'validateRequestBody', 'validateRequestParameters'],
  defaults: { validateRequestBody: false, validateRequestParameters: false },
  kinds: { name: 'text', validateRequestBody: 'flag', validateRequestParameters: 'flag' },
  check: () => {},
  checkUnused: ({ id }, content) => {
    if (methodsOf(content).some(({ requestValidatorId }) => requestValidatorId === id)) {
      throw conflict(`Cannot delete request validator '${id}', is referenced in method`);
    }
  },
};

/** Authorizers, models, request validators: Create, Get, list, Update and Delete of each; and gateway responses. */
export function contentOperations(apis: RestApis): Record<string, Operation> {
  return { ...five(apis, AUTHORIZERS), ...five(apis, MODELS), ...five(apis, VALIDATORS), ...gatewayResponses(apis) };
}

function five<T extends { readonly id: string }>(apis: RestApis, kind: PartKind<T>): Record<string, Operation> {
  const { name, shown, label, key, place, members, kinds } = kind;
  const partsIn = (content: RestContent) => content[place] as unknown as Readonly<Record<string, T>>;
  const nameOf = (part: T) => (part as unknown as Record<string, string>)[key]!;
  const put = async (region: string, apiId: string, make: (content: RestContent) => T): Promise<T> => {
    let named = '';
    const content = await apis.changeContent(region, apiId, (before) => {
      const part = make(before);
      kind.check(part, before);
      named = nameOf(part);
      return { ...before, [place]: { ...before[place], [named]: part } };
    });
    return partsIn(content)[named]!;
  };
  return {
    [`Create${name}`]: (input: Input, { region }) =>
      put(region, input.restApiId, (content) => {
        const part = { ...kind.defaults, ...taken(input, members), id: apis.newPartId() } as unknown as T;
        if (Object.hasOwn(partsIn(content), nameOf(part)))
          throw conflict(`${shown} name already exists for this REST API`);
        if (Object.keys(partsIn(content)).length >= kind.max) throw limitExceeded(place, kind.max);
        return part;
      }),
    [`Get${name}`]: (input: Input, { region }) =>
      partOf(partsIn(apis.get(region, input.restApiId).content), input[label]!, shown),
    [`Get${name}s`]: (input: Input & PageInput, { region }) =>
      pageOf(Object.values(partsIn(apis.get(region, input.restApiId).content)), nameOf, input),
    [`Update${name}`]: (input: Input, { region }) =>
      put(region, input.restApiId, (content) =>
        patched(partOf(partsIn(content), input[label]!, shown), input.patchOperations, kinds),
      ),
    [`Delete${name}`]: async (input: Input, { region }) => {
      await apis.changeContent(region, input.restApiId, (before) => {
        kind.checkUnused(partOf(partsIn(before), input[label]!, shown), before);
        return { ...before, [place]: without(partsIn(before), input[label]!) };
      });
    },
  };
}

/** @throws bad-request */
export function checkSchema(schema: string | undefined): void {
  try {
    if (schema === undefined || typeof JSON.parse(schema) === 'object') return;
  } catch {
    // Said below.
  }
  throw badRequest('Invalid model schema specified: it must be JSON');
}

/** What API Gateway answers of itself, by the type that it is customized by, with its status. */
export const GATEWAY_RESPONSES: Readonly<Record<string, string | undefined>> = {
  ACCESS_DENIED: '403',
  API_CONFIGURATION_ERROR: '500',
  AUTHORIZER_CONFIGURATION_ERROR: '500',
  AUTHORIZER_FAILURE: '500',
  BAD_REQUEST_BODY: '400',
  BAD_REQUEST_PARAMETERS: '400',
  DEFAULT_4XX: undefined,
  DEFAULT_5XX: undefined,
  EXPIRED_TOKEN: '403',
  INTEGRATION_FAILURE: '504',
  INTEGRATION_TIMEOUT: '504',
  INVALID_API_KEY: '403',
  INVALID_SIGNATURE: '403',
  MISSING_AUTHENTICATION_TOKEN: '403',
  QUOTA_EXCEEDED: '429',
  REQUEST_TOO_LARGE: '413',
  RESOURCE_NOT_FOUND: '404',
  THROTTLED: '429',
  UNAUTHORIZED: '401',
  UNSUPPORTED_MEDIA_TYPE: '415',
  WAF_FILTERED: '403',
};

const DEFAULT_TEMPLATE = { 'application/json': '{"message":$context.error.messageString}' };

function gatewayResponses(apis: RestApis): Record<string, Operation> {
  const kinds: Readonly<Record<string, Kind>> = {
    statusCode: 'text',
    responseParameters: { map: 'text' },
    responseTemplates: { map: 'text' },
  };
  const put = async (input: Input, region: string, make: (before: RestGatewayResponse) => RestGatewayResponse) => {
    const { restApiId, responseType } = input;
    if (!Object.hasOwn(GATEWAY_RESPONSES, responseType!)) throw badRequest('Invalid Gateway response type specified');
    const content = await apis.changeContent(region, restApiId, (before) => {
      const response = make(before.gatewayResponses[responseType!] ?? { responseType: responseType! });
      return { ...before, gatewayResponses: { ...before.gatewayResponses, [responseType!]: response } };
    });
    return gatewayShape(responseType!, content);
  };
  return {
    PutGatewayResponse: (input: Input, { region }) =>
      put(input, region, () => ({
        responseType: input.responseType!,
        ...taken(input, ['statusCode', 'responseParameters', 'responseTemplates']),
      })),
    GetGatewayResponse: ({ restApiId, responseType }: Input, { region }) => {
      if (!Object.hasOwn(GATEWAY_RESPONSES, responseType!)) throw badRequest('Invalid Gateway response type specified');
      return gatewayShape(responseType!, apis.get(region, restApiId).content);
    },
    GetGatewayResponses: ({ restApiId }: Input, { region }) => {
      const { content } = apis.get(region, restApiId);
      return { items: Object.keys(GATEWAY_RESPONSES).map((type) => gatewayShape(type, content)) };
    },
    UpdateGatewayResponse: (input: Input, { region }) =>
      put(input, region, (before) => patched(before, input.patchOperations, kinds)),
    DeleteGatewayResponse: async ({ restApiId, responseType }: Input, { region }) => {
      await apis.changeContent(region, restApiId, (before) => {
        partOf(before.gatewayResponses, responseType!, 'Gateway response type');
        return { ...before, gatewayResponses: without(before.gatewayResponses, responseType!) };
      });
    },
  };
}

function gatewayShape(responseType: string, { gatewayResponses: own }: RestContent) {
  const { statusCode = GATEWAY_RESPONSES[responseType], ...set } = own[responseType] ?? { responseType };
  return {
    ...{ responseParameters: {}, responseTemplates: DEFAULT_TEMPLATE },
    ...set,
    ...(statusCode !== undefined && { statusCode }),
    defaultResponse: own[responseType] === undefined,
  };
}
