import { parseArn, Turns } from '../../base/index.ts';
import { type Records, Registry } from '../../store/index.ts';
import { IotError } from './errors.ts';
import { IOT_LIMITS } from './limits.ts';

/** A tag as the API has it. */
export interface Tag {
  readonly Key: string;
  readonly Value?: string;
}

/** Whether there is a resource of a name, by the kind that stands first in its ARN's resource: `thinggroup`, `rule`. */
export type TaggableKinds = Readonly<Record<string, (name: string) => boolean>>;

/** Tags of resources that have no place for them in their own rows: by ARN, in memory, every change durable when it resolves. */
export class Tags {
  readonly #registry: Registry<Readonly<Record<string, string>>>;
  readonly #kinds: TaggableKinds;
  readonly #turns = new Turns();

  private constructor(registry: Registry<Readonly<Record<string, string>>>, kinds: TaggableKinds) {
    this.#registry = registry;
    this.#kinds = kinds;
  }

  static async open(records: Records, kinds: TaggableKinds): Promise<Tags> {
    return new Tags(await Registry.open(records, 'iot.tags'), kinds);
  }

  /** In order of keys. @throws IotError resource-not-found */
  list(arn: string): readonly Tag[] {
    this.#check(arn);
    const tags = Object.entries(this.#registry.get(arn) ?? {});
    return tags.map(([Key, Value]) => ({ Key, Value })).sort((a, b) => (a.Key < b.Key ? -1 : 1));
  }

  /** Adds tags, or replaces those of the same keys. @throws IotError resource-not-found, limit-exceeded, request-invalid */
  add(arn: string, tags: readonly Tag[]): Promise<void> {
    return this.#change(arn, (before) => {
      const reserved = tags.find(({ Key }) => Key.startsWith('aws:'));
      if (reserved)
        throw new IotError('request-invalid', `Tag keys must not begin with aws:, as ${reserved.Key} does.`);
      return { ...before, ...Object.fromEntries(tags.map(({ Key, Value = '' }) => [Key, Value])) };
    });
  }

  /** Keys that are not there are no error. @throws IotError resource-not-found */
  remove(arn: string, keys: readonly string[]): Promise<void> {
    return this.#change(arn, (before) =>
      Object.fromEntries(Object.entries(before).filter(([key]) => !keys.includes(key))),
    );
  }

  /** The resource is gone. */
  async drop(arn: string): Promise<void> {
    if (this.#registry.has(arn)) await this.#registry.delete(arn);
  }

  #change(
    arn: string,
    decide: (before: Readonly<Record<string, string>>) => Readonly<Record<string, string>>,
  ): Promise<void> {
    return this.#turns.run(arn, async () => {
      this.#check(arn);
      const tags = decide(this.#registry.get(arn) ?? {});
      if (Object.keys(tags).length > IOT_LIMITS.tagsMax) {
        throw new IotError('limit-exceeded', `A resource has at most ${IOT_LIMITS.tagsMax} tags.`);
      }
      await this.#registry.put(arn, tags);
    });
  }

  #check(arn: string): void {
    const [kind = '', ...name] = parseArn(arn)?.resource.split('/') ?? [];
    const exists = Object.hasOwn(this.#kinds, kind) ? this.#kinds[kind] : undefined;
    if (!exists) {
      const kinds = Object.keys(this.#kinds).join(', ');
      throw new IotError('request-invalid', `${arn} cannot have tags: ${kinds} can.`);
    }
    if (!exists(name.join('/'))) throw new IotError('resource-not-found', `There is no resource ${arn}.`);
  }
}
