import { type Clock, hasCode, type Random, Turns } from '../../base/index.ts';
import { type Records, Registry } from '../../store/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import { Pictures } from '../apigatewayv2/index.ts';
import { ClientCertificates } from './certificates.ts';
import { Documentations } from './documentation.ts';
import { badRequest, conflict, limitExceeded, notFound, RestApiError } from './errors.ts';
import { REST_API_LIMITS } from './limits.ts';
import type { ApiKey, RestApi, RestContent, RestDeployment, RestStage, UsagePlan } from './model.ts';
import { UsageCounts } from './usage.ts';

export interface RestApisDependencies {
  readonly records: Records;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Where private keys are kept. */
  readonly secrets: Records;
}

/** What a new stage is made with. */
export type StageSettings = Omit<RestStage, 'stageName' | 'deploymentId' | 'createdAt' | 'updatedAt'>;

const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';
const API_ID_LENGTH = 10;
const PART_ID_LENGTH = 6;
const KEY_LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
const KEY_LENGTH = 40;

/** REST APIs, API keys and usage plans: all in memory, every change durable when it resolves. An API is one record, what its
 * deployments hold stands apart. */
export class RestApis implements AsyncDisposable {
  readonly clock: Clock;
  /** What keys have used of their plans. */
  readonly usage: UsageCounts;
  readonly documentation: Documentations;
  readonly certificates: ClientCertificates;
  readonly #random: Random;
  readonly #apis: Registry<RestApi>;
  readonly #pictures: Pictures<RestContent>;
  readonly #keys: Registry<ApiKey>;
  readonly #plans: Registry<UsagePlan>;
  readonly #account: Registry<{ readonly cloudwatchRoleArn?: string }>;
  readonly #turns = new Turns();
  readonly #listeners: ((apiId: string, stage: string) => void)[] = [];
  /** Ids of keys by their values. */
  readonly #byValue = new Map<string, string>();

  private constructor(
    { clock, random }: RestApisDependencies,
    registries: readonly [
      Registry<RestApi>,
      Pictures<RestContent>,
      Registry<ApiKey>,
      Registry<UsagePlan>,
      Registry<{ readonly cloudwatchRoleArn?: string }>,
    ],
    beside: Pick<RestApis, 'usage' | 'documentation' | 'certificates'>,
  ) {
    this.clock = clock;
    this.#random = random;
    this.usage = beside.usage;
    this.documentation = beside.documentation;
    this.certificates = beside.certificates;
    [this.#apis, this.#pictures, this.#keys, this.#plans, this.#account] = registries;
    for (const { id, value } of this.#keys.list()) this.#byValue.set(value, id);
  }

  static async open(dependencies: RestApisDependencies): Promise<RestApis> {
    const { records } = dependencies;
    const registries = [
      await Registry.open<RestApi>(records, 'apigateway-apis'),
      await Pictures.open<RestContent>(records, 'apigateway-deployments', REST_API_LIMITS.deploymentsMax),
      await Registry.open<ApiKey>(records, 'apigateway-keys'),
      await Registry.open<UsagePlan>(records, 'apigateway-plans'),
      await Registry.open<{ readonly cloudwatchRoleArn?: string }>(records, 'apigateway-account'),
    ] as const;
    return new RestApis(dependencies, registries, {
      usage: await UsageCounts.open(dependencies),
      documentation: await Documentations.open(dependencies),
      certificates: await ClientCertificates.open(dependencies),
    });
  }

  /** An API of any region: ids are unique. The same object as long as nothing of it changes. */
  find(id: string): RestApi | undefined {
    return this.#apis.get(id);
  }

  /** @throws not-found */
  get(region: string, id: string): RestApi {
    const api = this.#apis.get(id);
    if (api?.region !== region)
      throw new RestApiError('not-found', `Invalid API identifier specified 000000000000:${id}`);
    return api;
  }

  list(region: string): readonly RestApi[] {
    return this.#apis.list().filter((api) => api.region === region);
  }

  hasStage(region: string, id: string, stage: string): boolean {
    const api = this.#apis.get(id);
    return api?.region === region && Object.hasOwn(api.stages, stage);
  }

  /** What a stage serves. */
  contentOf(api: RestApi, { deploymentId }: RestStage): RestContent | undefined {
    return this.#pictures.of(api.id, deploymentId);
  }

  /** @throws limit-exceeded, and what `make` throws */
  async create(region: string, make: (blank: RestApi) => RestApi): Promise<RestApi> {
    if (this.#apis.size >= REST_API_LIMITS.apisMax) throw limitExceeded('APIs', REST_API_LIMITS.apisMax);
    const id = this.#newId(API_ID_LENGTH);
    const rootId = this.#newId(API_ID_LENGTH);
    const root = { id: rootId, path: '/', methods: {} };
    const parts = { authorizers: {}, models: {}, validators: {}, gatewayResponses: {} };
    const content: RestContent = { rootId, resources: { [rootId]: root }, ...parts };
    const settings = {} as RestApi['settings'];
    const blank = { id, region, createdAt: this.clock.now(), settings, tags: {}, content, stages: {}, deployments: {} };
    await this.#apis.create(id, make(blank));
    return this.#apis.get(id)!;
  }

  /** Replaces an API by what `decide` makes of it, which sees all changes before its own. @throws not-found, and what it throws */
  change(region: string, id: string, decide: (api: RestApi) => RestApi): Promise<RestApi> {
    return this.#turns.run(id, async () => {
      await this.#apis.put(id, decide(this.get(region, id)));
      return this.#apis.get(id)!;
    });
  }

  /** The same for what it is made of. */
  async changeContent(region: string, id: string, decide: (content: RestContent) => RestContent): Promise<RestContent> {
    const api = await this.change(region, id, (before) => ({ ...before, content: decide(before.content) }));
    return api.content;
  }

  /** @throws not-found */
  delete(region: string, id: string): Promise<void> {
    return this.#turns.run(id, async () => {
      this.get(region, id);
      await this.#apis.delete(id);
      await this.#pictures.dropAll(id);
      await this.documentation.forget(id);
    });
  }

  /**
   * Takes a picture of an API as it is.
   * @param stageName  serves it from now on; made when it is not there
   * @throws not-found, bad-request: there is nothing to deploy
   */
  deploy(
    region: string,
    id: string,
    options: {
      readonly stageName?: string | undefined;
      readonly description?: string | undefined;
      readonly stage: StageSettings;
    },
  ): Promise<RestDeployment> {
    return this.#turns.run(id, async () => {
      const api = this.get(region, id);
      checkDeployable(api.content);
      const { stageName, description } = options;
      const deploymentId = this.#newId(PART_ID_LENGTH);
      const now = this.clock.now();
      const deployment = { id: deploymentId, createdAt: now, ...(description !== undefined && { description }) };
      const stages = { ...api.stages };
      if (stageName !== undefined && stageName !== '') {
        const before = stages[stageName] ?? { stageName, createdAt: now, methodSettings: {} };
        stages[stageName] = { ...before, ...options.stage, deploymentId, updatedAt: now };
        if (Object.keys(stages).length > REST_API_LIMITS.stagesMax) {
          throw limitExceeded('stages', REST_API_LIMITS.stagesMax);
        }
      }
      const served = new Set(Object.values(stages).map((stage) => stage.deploymentId));
      await this.#pictures.add(
        id,
        deploymentId,
        api.content,
        { ...api.deployments, [deploymentId]: deployment },
        served,
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
      if (Object.values(api.stages).some((stage) => stage.deploymentId === deploymentId)) {
        throw badRequest('Active stages pointing to this deployment must be moved or deleted');
      }
      await this.#pictures.drop(id, deploymentId, () => this.#apis.put(id, { ...api, deployments }));
    });
  }

  keys(region: string): readonly ApiKey[] {
    return this.#keys.list().filter((key) => key.region === region);
  }

  /** @throws not-found */
  key(region: string, id: string): ApiKey {
    const key = this.#keys.get(id);
    if (key?.region !== region) throw notFound('API Key');
    return key;
  }

  /** The key that a request brings. */
  keyByValue(value: string): ApiKey | undefined {
    const id = this.#byValue.get(value);
    return id === undefined ? undefined : this.#keys.get(id);
  }

  /** @throws conflict, limit-exceeded */
  async createKey(key: ApiKey): Promise<void> {
    if (this.#keys.size >= REST_API_LIMITS.apiKeysMax) throw limitExceeded('API keys', REST_API_LIMITS.apiKeysMax);
    if (this.#byValue.has(key.value)) throw conflict('API Key already exists');
    // Taken before it is durable: of two at once one is refused.
    this.#byValue.set(key.value, key.id);
    try {
      await this.#keys.create(key.id, key);
    } catch (error) {
      this.#byValue.delete(key.value);
      throw hasCode(error, 'already-exists') ? conflict('API Key already exists') : error;
    }
  }

  /** @throws not-found */
  changeKey(region: string, id: string, decide: (key: ApiKey) => ApiKey): Promise<ApiKey> {
    return this.#turns.run(`key/${id}`, async () => {
      await this.#keys.put(id, { ...decide(this.key(region, id)), updatedAt: this.clock.now() });
      return this.#keys.get(id)!;
    });
  }

  /** @throws not-found */
  deleteKey(region: string, id: string): Promise<void> {
    return this.#turns.run(`key/${id}`, async () => {
      const { value } = this.key(region, id);
      for (const plan of this.#plans.list().filter(({ keys }) => keys.includes(id))) {
        await this.#plans.put(plan.id, { ...plan, keys: plan.keys.filter((one) => one !== id) });
      }
      await this.#keys.delete(id);
      this.#byValue.delete(value);
      await this.usage.forget((_planId, keyId) => keyId === id);
    });
  }

  plans(region: string): readonly UsagePlan[] {
    return this.#plans.list().filter((plan) => plan.region === region);
  }

  /** @throws not-found */
  plan(region: string, id: string): UsagePlan {
    const plan = this.#plans.get(id);
    if (plan?.region !== region) throw notFound('Usage Plan');
    return plan;
  }

  /** The plan by which a key may call a stage. */
  planFor(keyId: string, apiId: string, stage: string): UsagePlan | undefined {
    return this.#plans
      .list()
      .find(
        (plan) => plan.keys.includes(keyId) && plan.apiStages.some((one) => one.apiId === apiId && one.stage === stage),
      );
  }

  /** @throws limit-exceeded */
  async createPlan(plan: UsagePlan): Promise<void> {
    if (this.#plans.size >= REST_API_LIMITS.usagePlansMax)
      throw limitExceeded('usage plans', REST_API_LIMITS.usagePlansMax);
    await this.#plans.create(plan.id, plan);
  }

  /** @throws not-found, and what `decide` throws */
  changePlan(region: string, id: string, decide: (plan: UsagePlan) => UsagePlan): Promise<UsagePlan> {
    return this.#turns.run(`plan/${id}`, async () => {
      await this.#plans.put(id, decide(this.plan(region, id)));
      return this.#plans.get(id)!;
    });
  }

  /** @throws not-found, bad-request: it has stages */
  deletePlan(region: string, id: string): Promise<void> {
    return this.#turns.run(`plan/${id}`, async () => {
      const { apiStages } = this.plan(region, id);
      if (apiStages.length > 0) {
        throw badRequest(
          'Cannot delete usage plan because it still has one or more associated API stages. Please disassociate all API stages before deleting it.',
        );
      }
      await this.#plans.delete(id);
      await this.usage.forget((planId) => planId === id);
    });
  }

  /** Writes what is not written yet. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.usage[Symbol.asyncDispose]();
  }

  account(region: string): { readonly cloudwatchRoleArn?: string } {
    return this.#account.get(region) ?? {};
  }

  async setAccount(region: string, account: { readonly cloudwatchRoleArn?: string }): Promise<void> {
    await this.#account.put(region, account);
  }

  /** Tells the listener when what authorizers of a stage have said is to be forgotten. */
  onAuthorizersReset(listener: (apiId: string, stage: string) => void): void {
    this.#listeners.push(listener);
  }

  resetAuthorizers(apiId: string, stage: string): void {
    for (const listener of this.#listeners) listener(apiId, stage);
  }

  /** An id for a part of an API, a key or a plan. */
  newPartId(): string {
    return this.#newId(PART_ID_LENGTH);
  }

  newKeyId(): string {
    return this.#newId(API_ID_LENGTH);
  }

  /** A value that nobody guesses. */
  newKeyValue(): string {
    // Bytes beyond a multiple of the letters would make some likelier than others.
    const even = 256 - (256 % KEY_LETTERS.length);
    let value = '';
    while (value.length < KEY_LENGTH) {
      const [byte] = this.#random.bytes(1);
      if (byte! < even) value += KEY_LETTERS[byte! % KEY_LETTERS.length];
    }
    return value;
  }

  #newId(length: number): string {
    return Array.from(this.#random.bytes(length), (byte) => LETTERS[byte % LETTERS.length]).join('');
  }
}

function checkDeployable({ resources }: RestContent): void {
  const methods = Object.values(resources).flatMap((resource) => Object.values(resource.methods));
  if (methods.length === 0) throw badRequest("The REST API doesn't contain any methods");
  if (methods.some(({ methodIntegration }) => methodIntegration === undefined)) {
    throw badRequest('No integration defined for method');
  }
}
