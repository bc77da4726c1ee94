import { type Records, Registry } from '../../store/index.ts';

type Deployments<D> = Readonly<Record<string, D>>;

/** A deployment of an API, which a record of the API names by its id. */
interface Dated {
  readonly createdAt: number;
}

/**
 * What the deployments of APIs hold, of either kind: a picture of the API as it was. The record of an API says which deployments it has. A
 * picture is durable before the record that names it, and goes after it: a crash in between leaves one that nobody sees.
 */
export class Pictures<Content> {
  readonly #registry: Registry<Content>;
  readonly #max: number;

  private constructor(registry: Registry<Content>, max: number) {
    this.#registry = registry;
    this.#max = max;
  }

  /** @param max  deployments of an API that are kept, but for those that stages serve */
  static async open<Content>(records: Records, space: string, max: number): Promise<Pictures<Content>> {
    return new Pictures(await Registry.open<Content>(records, space), max);
  }

  of(apiId: string, deploymentId: string): Content | undefined {
    return this.#registry.get(keyOf(apiId, deploymentId));
  }

  /**
   * Keeps one more; the oldest that no stage serves go for it.
   *
   * @param deployments  the new one among them
   * @param served  ids of those that stages serve
   * @param record  makes the record durable with the deployments that are left
   */
  async add<D extends Dated>(
    apiId: string,
    deploymentId: string,
    content: Content,
    deployments: Deployments<D>,
    served: ReadonlySet<string | undefined>,
    record: (left: Deployments<D>) => Promise<void>,
  ): Promise<void> {
    const outdated = outdatedOf(deployments, served, this.#max);
    await this.#registry.put(keyOf(apiId, deploymentId), content);
    await record(Object.fromEntries(Object.entries(deployments).filter(([id]) => !outdated.includes(id))));
    for (const old of outdated) await this.#registry.delete(keyOf(apiId, old));
  }

  /** @param record  makes the record durable that no longer names it */
  async drop(apiId: string, deploymentId: string, record: () => Promise<void>): Promise<void> {
    await record();
    await this.#registry.delete(keyOf(apiId, deploymentId));
  }

  /** Drops all of an API whose record is gone. */
  async dropAll(apiId: string): Promise<void> {
    for (const name of this.#registry.names(`${apiId}/`)) await this.#registry.delete(name);
  }
}

const keyOf = (apiId: string, deploymentId: string) => `${apiId}/${deploymentId}`;

/** Ids of those that are too many: the oldest that no stage serves. */
function outdatedOf(
  deployments: Deployments<Dated>,
  served: ReadonlySet<string | undefined>,
  max: number,
): readonly string[] {
  const all = Object.entries(deployments);
  return all
    .filter(([id]) => !served.has(id))
    .sort(([, a], [, b]) => a.createdAt - b.createdAt)
    .slice(0, Math.max(0, all.length - max))
    .map(([id]) => id);
}
