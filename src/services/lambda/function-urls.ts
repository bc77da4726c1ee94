import type { Clock, Random } from '../../base/index.ts';
import type { InvocationAnswer } from '../../runtime/index.ts';
import { type Permission, permission, resourceTags } from '../index.ts';
import { LambdaError } from './errors.ts';
import type { Functions } from './functions.ts';
import type { Invocations, Request } from './invocations.ts';
import type { FunctionUrl } from './model.ts';
import { functionArn } from './names.ts';
import { policyOf, textOf } from './permissions.ts';
import type { StreamedResponse } from './response-stream.ts';

/** Which function a URL belongs to; no qualifier means the function itself. */
export interface UrlPlace {
  readonly region: string;
  readonly name: string;
  readonly qualifier?: string;
}

/** What a URL may be set to. */
export type UrlSettings = Pick<FunctionUrl, 'authType' | 'invokeMode' | 'cors'>;

const ID_LENGTH = 32;
const ID_LETTERS = 'abcdefghijklmnopqrstuvwxyz234567';

/** The URLs of functions: one for a function, one for each of its aliases. */
export class FunctionUrls {
  readonly #functions: Functions;
  readonly #invocations: Invocations;
  readonly #clock: Clock;
  readonly #random: Random;
  /** Key in the registry by id; what it says is checked, since functions take their URLs with them. */
  readonly #keys = new Map<string, string>();

  constructor(options: {
    readonly functions: Functions;
    readonly invocations: Invocations;
    readonly clock: Clock;
    readonly random: Random;
  }) {
    this.#functions = options.functions;
    this.#invocations = options.invocations;
    this.#clock = options.clock;
    this.#random = options.random;
    for (const url of this.#functions.urls.list()) this.#keys.set(url.id, keyOf(placeOf(url)));
  }

  /** @throws function-not-found, resource-conflict */
  create(place: UrlPlace, settings: UrlSettings): Promise<FunctionUrl> {
    const { region, name, qualifier } = place;
    return this.#functions.change(region, name, async () => {
      this.#checkExists(place);
      const key = keyOf(place);
      if (this.#functions.urls.has(key)) throw exists(place);
      const id = this.#newId();
      const now = this.#clock.now();
      const named = { id, region, functionName: name, ...(qualifier !== undefined && { qualifier }) };
      await this.#functions.urls.create(key, { ...named, ...settings, createdAt: now, modifiedAt: now });
      this.#keys.set(id, key);
      return this.#functions.urls.get(key)!;
    });
  }

  /** @throws function-not-found, resource-not-found */
  update(place: UrlPlace, change: Partial<UrlSettings>): Promise<FunctionUrl> {
    return this.#functions.change(place.region, place.name, async () => {
      const key = keyOf(place);
      await this.#functions.urls.put(key, { ...this.get(place), ...change, modifiedAt: this.#clock.now() });
      return this.#functions.urls.get(key)!;
    });
  }

  /** @throws function-not-found, resource-not-found */
  get(place: UrlPlace): FunctionUrl {
    const url = this.#functions.urls.get(keyOf(place));
    if (!url) throw new LambdaError('resource-not-found', 'The resource you requested does not exist.');
    return url;
  }

  /** @throws resource-not-found */
  delete(place: UrlPlace): Promise<void> {
    return this.#functions.change(place.region, place.name, async () => {
      const { id } = this.get(place);
      await this.#functions.urls.delete(keyOf(place));
      this.#keys.delete(id);
    });
  }

  /** All of a function. @throws function-not-found */
  list(place: UrlPlace): readonly FunctionUrl[] {
    this.#checkExists({ region: place.region, name: place.name });
    return this.#functions.urls.list(`${place.region}/${place.name}/`);
  }

  /** The URL of an id; `undefined` when there is none. */
  find(id: string): FunctionUrl | undefined {
    const key = this.#keys.get(id);
    const url = key === undefined ? undefined : this.#functions.urls.get(key);
    if (url?.id === id) return url;
    this.#keys.delete(id);
    return undefined;
  }

  /**
   * What whoever calls it needs the right to, signed or not: the URL, and the function behind it.
   *
   * @see AWS Lambda developer guide, "Control access to Lambda function URLs"
   */
  rightsToCall(url: FunctionUrl): readonly Permission[] {
    const { region, functionName, qualifier, authType } = url;
    const record = this.#functions.find(region, functionName);
    const target = { resources: [arnOfUrl(url)], policy: textOf(policyOf(record, qualifier)) };
    const context = { ...resourceTags(record?.tags), 'lambda:FunctionArn': functionArn(region, functionName) };
    return [
      permission('lambda:InvokeFunctionUrl', {
        ...target,
        context: { ...context, 'lambda:FunctionUrlAuthType': authType },
      }),
      permission('lambda:InvokeFunction', {
        ...target,
        context: { ...context, 'lambda:InvokedViaFunctionUrl': 'true' },
      }),
    ];
  }

  /** Runs the function once. @throws throttled, function-not-found and the other errors of Invoke */
  async invoke(url: FunctionUrl, request: Request): Promise<InvocationAnswer> {
    const runnable = this.#runnable(url);
    const { result } = await this.#invocations.invoke(runnable, request, { wait: 'processors' });
    return result;
  }

  /** Runs the function once, its response coming in pieces. @throws as {@link invoke} does */
  stream(url: FunctionUrl, request: Request): Promise<StreamedResponse> {
    return this.#invocations.invokeStreaming(this.#runnable(url), request, { wait: 'processors', logTail: false });
  }

  #runnable({ region, functionName, qualifier }: FunctionUrl) {
    return this.#invocations.runnable(region, functionName, qualifier);
  }

  #checkExists({ region, name, qualifier }: UrlPlace): void {
    this.#functions.resolve(region, name, qualifier);
  }

  #newId(): string {
    const bytes = this.#random.bytes(ID_LENGTH);
    return Array.from(bytes, (byte) => ID_LETTERS[byte & 31]).join('');
  }
}

/** ARN of what a URL invokes, as its configuration shows it. */
export function arnOfUrl({ region, functionName, qualifier }: FunctionUrl): string {
  return functionArn(region, functionName, qualifier);
}

function placeOf({ region, functionName: name, qualifier }: FunctionUrl): UrlPlace {
  return { region, name, ...(qualifier !== undefined && { qualifier }) };
}

function keyOf({ region, name, qualifier = '$LATEST' }: UrlPlace): string {
  return `${region}/${name}/${qualifier}`;
}

function exists({ region, name, qualifier }: UrlPlace): LambdaError {
  const arn = functionArn(region, name, qualifier);
  return new LambdaError(
    'resource-conflict',
    `Failed to create function url config for [functionArn = ${arn}]. Error message:  FunctionUrlConfig exists for this Lambda function`,
  );
}
