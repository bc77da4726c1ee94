import type { ApiTester, RestApis } from '../../services/apigateway/index.ts';
import { API_PATH, type HttpApis } from '../../services/apigatewayv2/index.ts';
import { authorityOf, type ExtraRoute, type HttpRequest, type HttpResponse, hostName } from '../../wire/index.ts';
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
  const answer = async (request: HttpRequest, response: HttpResponse, address: Address) => {
    const { server } = opened ?? (await open());
    try {
      await server.answer(address, request, response, request.socket.remoteAddress);
    } finally {
      // What has not been read of a refused body.
      request.resume();
    }
  };
  const common = { forFunctions: true, crossOrigin: true };
  const domainOf = (host: string) =>
    opened?.apis.findDomain(host) ?? opened?.apis.findDomain(host.replace(/\.localhost$/, ''));
  return {
    byHost: {
      ...common,
      prefix: '/',
      host: HOST,
      handle: (request, response) => {
        const [, id, region] = HOST.exec(hostName(authorityOf(request)))!;
        return answer(request, response, { kind: 'api', id: id!, prefix: '', region });
      },
    },
    byPath: {
      ...common,
      prefix: API_PATH,
      handle: (request, response) => {
        const id = /^\/([^/?]*)/.exec(request.url!.slice(API_PATH.length))?.[1] ?? '';
        return answer(request, response, { kind: 'api', id, prefix: `${API_PATH}/${id}` });
      },
    },
    byDomain: {
      ...common,
      prefix: '/',
      host: { test: (host) => domainOf(host) !== undefined },
      handle: (request, response) => {
        const domain = domainOf(hostName(authorityOf(request)))!;
        return answer(request, response, { kind: 'domain', domain });
      },
    },
    loadNames: async () => {
      if (await options.hasDomains()) await open();
    },
    tester: async () => (opened ?? (await open())).server.tester,
  };
}
