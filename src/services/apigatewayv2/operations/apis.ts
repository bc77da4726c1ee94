import type { CreateApiCommandInput, UpdateApiCommandInput } from '@aws-sdk/client-apigatewayv2';
import type { Operation, OperationContext } from '../../index.ts';
import { apiAddress } from '../addresses.ts';
import type { HttpApis } from '../apis.ts';
import { checkIntegration, checkRouteKey, checkTags } from '../checks.ts';
import { badRequest } from '../errors.ts';
import type { HttpApi, HttpApiSettings, HttpIntegration } from '../model.ts';
import { laid, taken } from './changes.ts';
import { type PageInput, pageOf } from './paging.ts';

/** Members that Create and Update set as they are. */
const SETTINGS = [
  'ApiKeySelectionExpression',
  'CorsConfiguration',
  'Description',
  'DisableExecuteApiEndpoint',
  'DisableSchemaValidation',
  'IpAddressType',
  'Name',
  'RouteSelectionExpression',
  'Version',
] as const;

const DEFAULTS: Partial<HttpApiSettings> = {
  ApiKeySelectionExpression: '$request.header.x-api-key',
  DisableExecuteApiEndpoint: false,
  IpAddressType: 'ipv4',
  RouteSelectionExpression: '$request.method $request.path',
};

interface ApiInput {
  readonly ApiId: string;
}

/** CreateApi, GetApi, GetApis, UpdateApi, DeleteApi, DeleteCorsConfiguration. */
export function apiOperations(apis: HttpApis): Record<string, Operation> {
  return {
    CreateApi: async (input: CreateApiCommandInput, context) => {
      if (input.ProtocolType !== 'HTTP')
        throw badRequest('WebSocket APIs are not built in Millrace; use ProtocolType HTTP.');
      if (input.RouteKey !== undefined && input.Target === undefined) {
        throw badRequest('Target is required when RouteKey is specified');
      }
      checkTags(input.Tags ?? {});
      const api = await apis.create(context.region, (blank) => quick(created(blank, input), input, apis));
      return shapeOf(api, context);
    },
    GetApi: ({ ApiId }: ApiInput, context) => shapeOf(apis.get(context.region, ApiId), context),
    GetApis: (input: PageInput, context) => {
      const { items, ...next } = pageOf(apis.list(context.region), ({ id }) => id, input);
      return { Items: items.map((api) => shapeOf(api, context)), ...next };
    },
    UpdateApi: async (input: UpdateApiCommandInput & ApiInput, context) => {
      const api = await apis.change(context.region, input.ApiId, (before) =>
        retargeted({ ...before, settings: checked(laid(before.settings, taken({ ...input }, SETTINGS))) }, input),
      );
      return shapeOf(api, context);
    },
    DeleteApi: async ({ ApiId }: ApiInput, { region }) => {
      await apis.delete(region, ApiId);
    },
    DeleteCorsConfiguration: async ({ ApiId }: ApiInput, { region }) => {
      await apis.change(region, ApiId, (before) => {
        const { CorsConfiguration: _gone, ...settings } = before.settings;
        return { ...before, settings };
      });
    },
  };
}

/** An API as the operations show it. */
export function shapeOf(api: HttpApi, { endpoint }: Pick<OperationContext, 'endpoint'>) {
  const { id, createdAt, settings, tags } = api;
  return {
    ...settings,
    ApiId: id,
    ApiEndpoint: apiAddress(api, endpoint),
    CreatedDate: new Date(createdAt),
    Tags: tags,
  };
}

function created(blank: HttpApi, input: CreateApiCommandInput): HttpApi {
  return { ...blank, settings: createdSettings({ ...input }), tags: input.Tags ?? {} };
}

/** What a new API is set to. @throws bad-request */
export function createdSettings(input: Readonly<Record<string, unknown>>): HttpApiSettings {
  return checked(laid({ ...DEFAULTS, ProtocolType: 'HTTP' } as HttpApiSettings, taken(input, SETTINGS)));
}

function checked(settings: HttpApiSettings): HttpApiSettings {
  const { CorsConfiguration: cors, RouteSelectionExpression: selection } = settings;
  if (cors?.AllowCredentials && cors.AllowOrigins?.includes('*')) {
    throw badRequest('allowCredentials is not supported for origin *');
  }
  const odd = cors?.AllowOrigins?.find((origin) => origin !== '*' && !/^[a-z][a-z0-9+.-]*:\/\/[^\s/]+$/i.test(origin));
  if (odd !== undefined) throw badRequest(`Invalid format for origin: ${odd}. Origins are * or scheme://host`);
  if (selection !== undefined && !/^\$\{?request\.method\}? \$\{?request\.path\}?$/.test(selection)) {
    throw badRequest('routeSelectionExpression of HTTP APIs must be "$request.method $request.path"');
  }
  return settings;
}

/** Quick create: an integration, a route and a stage that deploys itself, all in one call. */
function quick(api: HttpApi, input: CreateApiCommandInput, apis: HttpApis): HttpApi {
  const { Target, RouteKey = '$default', CredentialsArn } = input;
  if (Target === undefined) return api;
  checkRouteKey(RouteKey);
  const managed = { ApiGatewayManaged: true };
  const integration = targeting(Target, { ...managed, IntegrationId: apis.newPartId() }, CredentialsArn);
  const RouteId = apis.newPartId();
  const now = apis.clock.now();
  return {
    ...api,
    content: {
      ...api.content,
      integrations: { [integration.IntegrationId]: integration },
      routes: {
        [RouteId]: {
          ...{ ...managed, ApiKeyRequired: false, AuthorizationType: 'NONE', RouteId, RouteKey },
          Target: `integrations/${integration.IntegrationId}`,
        },
      },
    },
    stages: { $default: { ...managed, StageName: '$default', AutoDeploy: true, createdAt: now, updatedAt: now } },
  };
}

/** An integration with a function or a URL. */
function targeting(
  target: string,
  integration: HttpIntegration,
  credentials: string | undefined = integration.CredentialsArn,
): HttpIntegration {
  const isFunction = target.startsWith('arn:');
  const made: HttpIntegration = {
    ...integration,
    ConnectionType: 'INTERNET',
    IntegrationMethod: isFunction ? 'POST' : 'ANY',
    IntegrationType: isFunction ? 'AWS_PROXY' : 'HTTP_PROXY',
    IntegrationUri: target,
    PayloadFormatVersion: isFunction ? '2.0' : '1.0',
    TimeoutInMillis: 30_000,
    ...(credentials !== undefined && { CredentialsArn: credentials }),
  };
  checkIntegration(made);
  return made;
}

/** `UpdateApi` with what quick create takes changes what quick create has made. */
function retargeted(api: HttpApi, { Target, RouteKey, CredentialsArn }: UpdateApiCommandInput): HttpApi {
  if (Target === undefined && RouteKey === undefined && CredentialsArn === undefined) return api;
  const integration = Object.values(api.content.integrations).find(({ ApiGatewayManaged }) => ApiGatewayManaged);
  const route = Object.values(api.content.routes).find(({ ApiGatewayManaged }) => ApiGatewayManaged);
  if (!integration || !route) throw badRequest('Only APIs of quick create have a target and a route key to update');
  if (RouteKey !== undefined) checkRouteKey(RouteKey);
  const made = targeting(Target ?? integration.IntegrationUri!, integration, CredentialsArn);
  const { routes, integrations } = api.content;
  return {
    ...api,
    content: {
      ...api.content,
      integrations: { ...integrations, [made.IntegrationId]: made },
      routes: { ...routes, [route.RouteId]: { ...route, RouteKey: RouteKey ?? route.RouteKey } },
    },
  };
}
