import { type Clock, hasCode, type Random, Turns } from '../../base/index.ts';
import { type Records, Registry } from '../../store/index.ts';
import { badRequest, conflict, HttpApiError, notFound } from './errors.ts';
import { DOMAINS, HTTP_API_LIMITS } from './limits.ts';
import type { ApiContent, ApiDomain, HttpApi, HttpDeployment, HttpStage } from './model.ts';
import { Pictures } from './pictures.ts';

export interface HttpApisDependencies {
  readonly records: Records;
  readonly clock: Clock;
  readonly random: Random;
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';
const API_ID_LENGTH = 10;
const PART_ID_LENGTH = 7;

/** Said where AWS says it of every deployment that it makes by itself. */
const AUTOMATIC = 'Automatic deployment triggered by changes to the Api configuration';

/**
 * HTTP APIs and the domain names that lead to them: all in memory, every change durable when it resolves. An API is one record, what its
 * deployments hold stands apart.
 */
export class HttpApis {
  readonly clock: Clock;
  readonly #random: Random;
  readonly #apis: Registry<HttpApi>;
  readonly #pictures: Pictures<ApiContent>;
  readonly #domains: Registry<ApiDomain>;
  readonly #turns = new Turns();
  readonly #others: ((region: string, apiId: string, stage: string) => boolean)[] = [];
  readonly #forgotten: ((apiId: string, stage: string) => void)[] = [];

  private constructor(
    { clock, random }: HttpApisDependencies,
    registries: readonly [Registry<HttpApi>, Pictures<ApiContent>, Registry<ApiDomain>],
  ) {
    this.clock = clock;
    this.#random = random;
    [this.#apis, this.#pictures, this.#domains] = registries;
  }

  static async open(dependencies: HttpApisDependencies): Promise<HttpApis> {
    const { records } = dependencies;
    return new HttpApis(dependencies, [
      await Registry.open<HttpApi>(records, 'apigatewayv2-apis'),
      await Pictures.open<ApiContent>(records, 'apigatewayv2-deployments', HTTP_API_LIMITS.deploymentsMax),
      await Registry.open<ApiDomain>(records, DOMAINS),
    ]);
  }

  /** An API of any region: ids are unique. The same object as long as nothing of it changes. */
  find(id: string): HttpApi | undefined {
    return this.#apis.get(id);
  }

  /** @throws not-found */
  get(region: string, id: string): HttpApi {
    const api = this.#apis.get(id);
    if (api?.region !== region) {
      throw new HttpApiError('not-found', `Invalid API identifier specified 000000000000:${id}`);
    }
    return api;
  }

  /** Of a region, by id. */
  list(region: string): readonly HttpApi[] {
    return this.#apis.list().filter((api) => api.region === region);
  }

  /** What a stage serves; `undefined` while nothing was deployed to it. */
  contentOf(api: HttpApi, stage: HttpStage): ApiContent | undefined {
    if (stage.AutoDeploy) return api.content;
    return stage.DeploymentId === undefined ? undefined : this.#pictures.of(api.id, stage.DeploymentId);
  }

  /** @throws limit-exceeded */
  async create(region: string, make: (api: HttpApi) => HttpApi): Promise<HttpApi> {
    if (this.#apis.size >= HTTP_API_LIMITS.apisMax) throw limitExceeded('APIs', HTTP_API_LIMITS.apisMax);
    const empty: ApiContent = { routes: {}, integrations: {}, authorizers: {} };
    const parts = { content: empty, stages: {}, deployments: {} };
    const id = this.newId(API_ID_LENGTH);
    const blank = { id, region, createdAt: this.clock.now(), settings: {} as HttpApi['settings'], tags: {}, ...parts };
    const api = this.#deployed(blank, make(blank));
    await this.#apis.create(id, api);
    return this.#apis.get(id)!;
  }

  /** Replaces an API by what `decide` makes of it, which sees all changes before its own. @throws not-found, and what it throws */
  change(region: string, id: string, decide: (api: HttpApi) => HttpApi): Promise<HttpApi> {
    return this.#turns.run(id, async () => {
      const before = this.get(region, id);
      await this.#apis.put(id, this.#deployed(before, decide(before)));
      return this.#apis.get(id)!;
    });
  }

  /** @throws not-found, bad-request: a domain name leads to it */
  delete(region: string, id: string): Promise<void> {
    return this.#turns.run(id, async () => {
      this.get(region, id);
      const mapped = this.#domains
        .list()
        .some(({ mappings }) => Object.values(mappings).some(({ ApiId }) => ApiId === id));
      if (mapped) throw badRequest('Deleting the API is not allowed while it is mapped to a domain name.');
      await this.#apis.delete(id);
      await this.#pictures.dropAll(id);
    });
  }

  /**
   * Takes a picture of an API as it is.
   * @param stageName  serves it from now on
   * @throws not-found
   */
  deploy(
    region: string,
    id: string,
    { stageName, description }: { readonly stageName?: string | undefined; readonly description?: string | undefined },
  ): Promise<HttpDeployment> {
    return this.#turns.run(id, async () => {
      const api = this.get(region, id);
      const stage = stageName === undefined ? undefined : api.stages[stageName];
      if (stageName !== undefined && !stage) throw notFound('stage');
      if (Object.keys(api.content.routes).length === 0) {
        throw badRequest('At least one route is required before deploying the Api.');
      }
      const DeploymentId = this.newPartId();
      const createdAt = this.clock.now();
      const deployment: HttpDeployment = {
        ...{ DeploymentId, createdAt, AutoDeployed: false, DeploymentStatus: 'DEPLOYED' },
        ...(description !== undefined && { Description: description }),
      };
      const served = stage && { ...api.stages, [stage.StageName]: { ...stage, DeploymentId, updatedAt: createdAt } };
      const stages = served ?? api.stages;
      await this.#pictures.add(
        id,
        DeploymentId,
        api.content,
        { ...api.deployments, [DeploymentId]: deployment },
        servedBy(stages),
        (deployments) => this.#apis.put(id, { ...api, stages, deployments }),
      );
      return deployment;
    });
  }

  /** @throws not-found, bad-request: a stage serves it */
  deleteDeployment(region: string, id: string, deploymentId: string): Promise<void> {
    return this.#turns.run(id, async () => {
      const api = this.get(region, id);
      const { [deploymentId]: deployment, ...deployments } = api.deployments;
      if (!deployment) throw notFound('Deployment');
      if (Object.values(api.stages).some(({ DeploymentId }) => DeploymentId === deploymentId)) {
        throw badRequest('Active stages pointing to this deployment must be moved or deleted');
      }
      await this.#pictures.drop(id, deploymentId, () => this.#apis.put(id, { ...api, deployments }));
    });
  }

  /** Domain names of all regions: one name leads to one place. */
  domains(): readonly ApiDomain[] {
    return this.#domains.list();
  }

  findDomain(name: string): ApiDomain | undefined {
    return this.#domains.get(name);
  }

  /** @throws not-found */
  domain(region: string, name: string): ApiDomain {
    const domain = this.#domains.get(name);
    if (domain?.region !== region) throw new HttpApiError('not-found', 'Invalid domain name identifier specified');
    return domain;
  }

  /** @throws conflict, limit-exceeded */
  async createDomain(domain: ApiDomain): Promise<void> {
    if (this.#domains.size >= HTTP_API_LIMITS.domainsMax)
      throw limitExceeded('domain names', HTTP_API_LIMITS.domainsMax);
    try {
      await this.#domains.create(domain.name, domain);
    } catch (error) {
      if (!hasCode(error, 'already-exists')) throw error;
      throw conflict('The domain name you provided already exists.');
    }
  }

  /** @throws not-found, and what `decide` throws */
  changeDomain(region: string, name: string, decide: (domain: ApiDomain) => ApiDomain): Promise<ApiDomain> {
    return this.#turns.run(`domain/${name}`, async () => {
      await this.#domains.put(name, decide(this.domain(region, name)));
      return this.#domains.get(name)!;
    });
  }

  /** @throws not-found */
  deleteDomain(region: string, name: string): Promise<void> {
    return this.#turns.run(`domain/${name}`, async () => {
      this.domain(region, name);
      await this.#domains.delete(name);
    });
  }

  /** Whether there is such a stage of such an API, of this service or of another that shares its domain names. */
  hasStage(region: string, apiId: string, stage: string): boolean {
    const api = this.#apis.get(apiId);
    if (api) return api.region === region && Object.hasOwn(api.stages, stage);
    return this.#others.some((has) => has(region, apiId, stage));
  }

  /** Lets domain names lead to the APIs of another service. */
  alsoMaps(hasStage: (region: string, apiId: string, stage: string) => boolean): void {
    this.#others.push(hasStage);
  }

  /** Tells the listener when what authorizers of a stage have said is to be forgotten. */
  onAuthorizersReset(listener: (apiId: string, stage: string) => void): void {
    this.#forgotten.push(listener);
  }

  resetAuthorizers(apiId: string, stage: string): void {
    for (const listener of this.#forgotten) listener(apiId, stage);
  }

  /** An id for a part of an API. */
  newPartId(): string {
    return this.newId(PART_ID_LENGTH);
  }

  newId(length: number): string {
    return Array.from(this.#random.bytes(length), (byte) => LETTERS[byte % LETTERS.length]).join('');
  }

  /** Where stages are served as the API changes, a change is a deployment of its own, which takes the place of the one before. */
  #deployed(before: HttpApi, after: HttpApi): HttpApi {
    const waiting = Object.values(after.stages).filter(
      (stage) => stage.AutoDeploy && (stage.DeploymentId === undefined || before.content !== after.content),
    );
    if (waiting.length === 0 || Object.keys(after.content.routes).length === 0) return after;
    const DeploymentId = this.newPartId();
    const automatic: HttpDeployment = {
      ...{ DeploymentId, createdAt: this.clock.now(), AutoDeployed: true },
      ...{ DeploymentStatus: 'DEPLOYED', Description: AUTOMATIC },
    };
    const stages = { ...after.stages };
    for (const stage of waiting) {
      const LastDeploymentStatusMessage = `Successfully deployed stage with deployment ID '${DeploymentId}'`;
      stages[stage.StageName] = { ...stage, DeploymentId, LastDeploymentStatusMessage };
    }
    const others = Object.entries(after.deployments).filter(([, { AutoDeployed }]) => AutoDeployed !== true);
    return { ...after, stages, deployments: { ...Object.fromEntries(others), [DeploymentId]: automatic } };
  }
}

const servedBy = (stages: HttpApi['stages']) => new Set(Object.values(stages).map(({ DeploymentId }) => DeploymentId));

/** @throws limit-exceeded  there is no room for one more */
export function checkRoom(what: string, parts: Readonly<Record<string, unknown>>, max: number): void {
  if (Object.keys(parts).length >= max) throw limitExceeded(what, max);
}

function limitExceeded(what: string, max: number): HttpApiError {
  return new HttpApiError('limit-exceeded', `Maximum number of ${what} exceeded, limit ${max}`);
}
