import type { ApiDomain, HttpApis } from '../../../services/apigatewayv2/index.ts';
import { BodyReader, type CallRequest, type CallResponse, foreignTo } from '../../../wire/index.ts';
import { badPath, forbidden, notFound, type Refusal, refusalResponse } from './answers.ts';
import { type Arrival, arrivalOf } from './arrival.ts';
import { letsPage } from './cors.ts';
import type { ApiGround } from './ground.ts';
import { HttpApiServer, type StagePlace, send } from './http-api.ts';

/** How a request names the API that it is for. */
export type Address =
  /** @property prefix  what stands in front of the API's own paths; @property region  where the host names one */
  | { readonly kind: 'api'; readonly id: string; readonly prefix: string; readonly region?: string | undefined }
  /** A domain name of its own. */
  | { readonly kind: 'domain'; readonly domain: ApiDomain };

/** Answers requests to APIs, wherever they come in. */
export class ApiServer {
  readonly #apis: HttpApis;
  readonly #ground: ApiGround;
  readonly #http: HttpApiServer;

  constructor(apis: HttpApis, ground: ApiGround) {
    this.#apis = apis;
    this.#ground = ground;
    this.#http = new HttpApiServer(apis, ground, new BodyReader());
  }

  async answer(
    address: Address,
    request: CallRequest,
    response: CallResponse,
    remoteAddress: string | undefined,
  ): Promise<void> {
    const prefix = address.kind === 'api' ? address.prefix : '';
    const named = prefix === '' ? undefined : this.#hostOf(address);
    const arrival = arrivalOf(request, remoteAddress, prefix, named, this.#ground.clock.now());
    const path = decoded(arrival.path);
    const place = path === undefined ? badPath() : this.#placeOf(address, path);
    if (place instanceof Error) return this.#refuse(place, arrival, response);
    if (this.#isForeign(place, arrival)) return this.#refuse(forbidden(), arrival, response);
    return this.#http.answer(place, arrival, response);
  }

  /** The host that an API has, for one that is called by its path. */
  #hostOf(address: Address): string | undefined {
    const api = address.kind === 'api' ? this.#apis.find(address.id) : undefined;
    return api && `${api.id}.execute-api.${api.region}.localhost`;
  }

  #placeOf(address: Address, path: string): StagePlace | Refusal {
    if (address.kind === 'domain') return this.#mapped(address.domain, path) ?? notFound();
    const api = this.#apis.find(address.id);
    if (!api || (address.region !== undefined && address.region !== api.region)) return notFound();
    if (api.settings.DisableExecuteApiEndpoint) return notFound();
    return this.#http.stageOf(api, path) ?? notFound();
  }

  /** The longest mapping whose segments the path begins with. */
  #mapped({ mappings }: ApiDomain, path: string): StagePlace | undefined {
    const fitting = Object.values(mappings)
      .filter(({ ApiMappingKey: key = '' }) => key === '' || path === `/${key}` || path.startsWith(`/${key}/`))
      .sort((a, b) => (b.ApiMappingKey ?? '').length - (a.ApiMappingKey ?? '').length);
    const [mapping] = fitting;
    const api = mapping && this.#apis.find(mapping.ApiId!);
    const stage = api?.stages[mapping?.Stage ?? ''];
    if (!api || !stage) return undefined;
    const key = mapping?.ApiMappingKey ?? '';
    const base = key === '' ? '' : `/${key}`;
    return { api, stage, base, path: path.slice(base.length) || '/', ...(key !== '' && { basePath: key }) };
  }

  /** Where nobody has to prove who they are, a page of another site is let in by the API's own rules only. */
  #isForeign({ api }: StagePlace, { request }: Arrival): boolean {
    const { origin } = request.headers;
    if (this.#ground.mode !== 'dev' || origin === undefined) return false;
    const cors = api.settings.CorsConfiguration;
    return !(cors && letsPage(cors, origin)) && foreignTo(request) !== undefined;
  }

  #refuse(refusal: Refusal, arrival: Arrival, response: CallResponse): void {
    send(response, arrival, refusalResponse(refusal), this.#ground.random.bytes(11).toString('base64'));
  }
}

/** `undefined` for what is no text in percent-encoding. */
function decoded(path: string): string | undefined {
  if (!path.includes('%')) return path;
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}
