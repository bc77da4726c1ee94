import type { ApiTester, RestApi, RestApis } from '../../../services/apigateway/index.ts';
import type { ApiDomain, HttpApi, HttpApis } from '../../../services/apigatewayv2/index.ts';
import { BodyReader, type CallRequest, type CallResponse, foreignTo } from '../../../wire/index.ts';
import type { UrlResponse } from '../response.ts';
import { badPath, forbidden, notFound, refusalResponse } from './answers.ts';
import { type Arrival, arrivalOf } from './arrival.ts';
import { letsPage } from './cors.ts';
import { send } from './exchange.ts';
import type { ApiGround } from './ground.ts';
import { HttpApiServer, type StagePlace } from './http-api.ts';
import { JwtAuthorizer } from './jwt.ts';
import { IssuerKeys } from './keys.ts';
import { RestApiServer, type RestPlace } from './rest-api.ts';
import { RestTester } from './rest-tests.ts';

/** How a request names the API that it is for. */
export type Address =
  /** @property prefix  what stands in front of the API's own paths; @property region  where the host names one */
  | { readonly kind: 'api'; readonly id: string; readonly prefix: string; readonly region?: string | undefined }
  /** A domain name of its own. */
  | { readonly kind: 'domain'; readonly domain: ApiDomain };

type Place = ({ readonly kind: 'http' } & StagePlace) | ({ readonly kind: 'rest' } & RestPlace);

/** What is answered where no API answers, in the words of its kind. */
const NO_API = refusalResponse(notFound());
const NO_STAGE_OF_REST = refusalResponse(forbidden());
const BAD_PATH = refusalResponse(badPath());

/** Answers requests to APIs, wherever they come in. */
export class ApiServer {
  readonly #httpApis: HttpApis;
  readonly #restApis: RestApis;
  readonly #ground: ApiGround;
  readonly #http: HttpApiServer;
  readonly #rest: RestApiServer;
  /** Tries methods and authorizers of REST APIs. */
  readonly tester: ApiTester;

  constructor(httpApis: HttpApis, restApis: RestApis, ground: ApiGround) {
    this.#httpApis = httpApis;
    this.#restApis = restApis;
    this.#ground = ground;
    const bodies = new BodyReader();
    const jwt = new JwtAuthorizer(new IssuerKeys(ground.fetchDocument, ground.clock), ground.clock);
    this.#http = new HttpApiServer(httpApis, ground, bodies, jwt);
    this.#rest = new RestApiServer(restApis, ground, bodies, jwt);
    this.tester = new RestTester(this.#rest, ground);
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
    const place = this.#placeOf(address, arrival.path);
    if (!('kind' in place)) return this.#refuse(place, arrival, response);
    if (this.#isForeign(place, arrival)) return this.#refuse(refusalResponse(forbidden()), arrival, response);
    if (place.kind === 'http') return this.#http.answer(place, arrival, response);
    return this.#rest.answer(place, arrival, response);
  }

  /** The host that an API has, for one that is called by its path. */
  #hostOf(address: Address): string | undefined {
    const api = address.kind === 'api' ? this.#find(address.id) : undefined;
    return api && `${api.id}.execute-api.${api.region}.localhost`;
  }

  #find(id: string): HttpApi | RestApi | undefined {
    return this.#httpApis.find(id) ?? this.#restApis.find(id);
  }

  #placeOf(address: Address, path: string): Place | UrlResponse {
    if (address.kind === 'domain') return this.#mapped(address.domain, path);
    const http = this.#httpApis.find(address.id);
    const api = http ?? this.#restApis.find(address.id);
    if (!api || (address.region !== undefined && address.region !== api.region)) return NO_API;
    if (http) return this.#httpPlace(http, path);
    const rest = api as RestApi;
    if (rest.settings.disableExecuteApiEndpoint) return NO_STAGE_OF_REST;
    const place = this.#rest.stageOf(rest, path);
    return place ? { kind: 'rest', ...place } : NO_STAGE_OF_REST;
  }

  #httpPlace(api: HttpApi, path: string): Place | UrlResponse {
    if (api.settings.DisableExecuteApiEndpoint) return NO_API;
    const text = decoded(path);
    if (text === undefined) return BAD_PATH;
    const place = this.#http.stageOf(api, text);
    return place ? { kind: 'http', ...place } : NO_API;
  }

  /** The longest mapping whose segments the path begins with. */
  #mapped({ mappings }: ApiDomain, path: string): Place | UrlResponse {
    const [mapping] = Object.values(mappings)
      .filter(({ ApiMappingKey: key = '' }) => key === '' || path === `/${key}` || path.startsWith(`/${key}/`))
      .sort((a, b) => (b.ApiMappingKey ?? '').length - (a.ApiMappingKey ?? '').length);
    if (!mapping) return NO_API;
    const { ApiId = '', Stage = '', ApiMappingKey: key = '' } = mapping;
    const base = key === '' ? '' : `/${key}`;
    const rest = path.slice(base.length) || '/';
    const http = this.#httpApis.find(ApiId);
    if (http) {
      const text = decoded(rest);
      const stage = http.stages[Stage];
      if (text === undefined) return BAD_PATH;
      return stage ? { kind: 'http', api: http, stage, base, path: text, basePath: key } : NO_API;
    }
    const api = this.#restApis.find(ApiId);
    const stage = api?.stages[Stage];
    return api && stage ? { kind: 'rest', api, stage, base, path: rest, basePath: key } : NO_STAGE_OF_REST;
  }

  /** Where nobody has to prove who they are, a page of another site is let in by the API's own rules only. */
  #isForeign(place: Place, { request }: Arrival): boolean {
    const { origin } = request.headers;
    if (this.#ground.mode !== 'dev' || origin === undefined) return false;
    const cors = place.kind === 'http' ? place.api.settings.CorsConfiguration : undefined;
    return !(cors && letsPage(cors, origin)) && foreignTo(request) !== undefined;
  }

  #refuse(answer: UrlResponse, arrival: Arrival, response: CallResponse): void {
    send(response, arrival, answer, { 'apigw-requestid': this.#ground.random.bytes(11).toString('base64') });
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
