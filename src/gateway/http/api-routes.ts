import type { ApiTester, RestApis } from '../../services/apigateway/index.ts';
import { API_PATH, type HttpApis } from '../../services/apigatewayv2/index.ts';
import { authorityOf, type CallRequest, type CallResponse, type ExtraRoute, hostName } from '../../wire/index.ts';
import type { ApiGround } from './apis/ground.ts';
import type { Address, ApiServer } from './apis/server.ts';

export interface ApiRoutesOptions extends Omit<ApiGround, 'outgoing' | 'fetchDocument'> {
  readonly httpApis: () => Promise<HttpApis>;
  readonly restApis: () => Promise<RestApis>;
  /** Whether there are domain names at all. */
  readonly hasDomains: () => Promise<boolean>;
  /** How other servers are called; made with the first request. */
  readonly connections: () => Pick<ApiGround, 'outgoing' | 'fetchDocument'>;
}

const HOST = /^([a-z0-9]{10})\.execute-api\.(?:([a-z]{2}(?:-[a-z]+)+-\d)\.)?/;

export interface ApiRoutes {
  readonly byHost: ExtraRoute;
  readonly byPath: ExtraRoute;
  /** By domain names of users; takes none until {@link ApiRoutes.loadNames} was called, or a request has come. */
  readonly byDomain: ExtraRoute;
  /** Reads the APIs where domain names lead to them, so that those are known before the first request. */
  loadNames(): Promise<void>;
  /** Tries methods and authorizers of REST APIs. */
  tester(): Promise<ApiTester>;
}

/** The routes of the port that APIs take. Those by host must come before all others: their paths are the API's. */
export function apiRoutes(options: ApiRoutesOptions): ApiRoutes {
  let opened: { readonly apis: HttpApis; readonly server: ApiServer } | undefined;
  const open = async () => {
    const [apis, restApis] = await Promise.all([options.httpApis(), options.restApis()]);
    const { ApiServer: Server } = await import('./apis/server.ts');
    opened ??= { apis, server: new Server(apis, restApis, { ...options, ...options.connections() }) };
    return opened;
  };
  const answer = async (request: CallRequest, response: CallResponse, address: Address): Promise<void> => {
    const { server } = opened ?? (await open());
    return server.answer(address, request, response, request.socket.remoteAddress);
  };
  /** A route that answers requests of both servers. */
  const route = (addressOf: (request: CallRequest) => Address): Pick<ExtraRoute, 'handle' | 'handlePlain'> => ({
    handle: async (request, response) => {
      try {
        await answer(request, response, addressOf(request));
      } finally {
        // What has not been read of a refused body.
        request.resume();
      }
    },
    handlePlain: (request, response) => answer(request, response, addressOf(request)),
  });
  const common = { forFunctions: true, crossOrigin: true };
  const domainOf = (host: string) =>
    opened?.apis.findDomain(host) ?? opened?.apis.findDomain(host.replace(/\.localhost$/, ''));
  return {
    byHost: {
      ...common,
      prefix: '/',
      host: HOST,
      ...route((request) => {
        const [, id, region] = HOST.exec(hostName(authorityOf(request)))!;
        return { kind: 'api', id: id!, prefix: '', region };
      }),
    },
    byPath: {
      ...common,
      prefix: API_PATH,
      ...route(({ url }) => {
        const id = /^\/([^/?]*)/.exec(url!.slice(API_PATH.length))?.[1] ?? '';
        return { kind: 'api', id, prefix: `${API_PATH}/${id}` };
      }),
    },
    byDomain: {
      ...common,
      prefix: '/',
      host: { test: (host) => domainOf(host) !== undefined },
      ...route((request) => ({ kind: 'domain', domain: domainOf(hostName(authorityOf(request)))! })),
    },
    loadNames: async () => {
      if (await options.hasDomains()) await open();
    },
    tester: async () => (opened ?? (await open())).server.tester,
  };
}
