import type { StreamSource } from '../../pollers/index.ts';
import type { Operation, Service } from '../index.ts';
import type { Dynamodb, DynamodbDependencies } from './dynamodb.ts';
import { DYNAMODB_ANSWERS, streamNotFound } from './errors.ts';
import { OPERATION_NAMES } from './operations/names.ts';

/**
 * Opens the services. A node without tables does not even load their code, a hundred modules, before the first call: its start and
 * its memory are for what it does.
 */
export async function openDynamodb(dependencies: DynamodbDependencies): Promise<Dynamodb> {
  const dynamodb = new LazyDynamodb(dependencies);
  if ((await dependencies.records.sizeBytes()) > 0) await dynamodb.load();
  return dynamodb;
}

class LazyDynamodb implements Dynamodb {
  readonly services: readonly Service[];
  readonly #dependencies: DynamodbDependencies;
  /** By service and name: what loads the code, until it is loaded. */
  readonly #operations: Readonly<Record<string, Record<string, Operation>>>;
  #loading: Promise<Dynamodb> | undefined;
  #opened: Dynamodb | undefined;
  #isResumed = false;

  constructor(dependencies: DynamodbDependencies) {
    this.#dependencies = dependencies;
    const waiting = (service: string, names: readonly string[]) =>
      Object.fromEntries(names.map((name) => [name, this.#loadingFirst(service, name)]));
    this.#operations = Object.fromEntries(
      Object.entries(OPERATION_NAMES).map(([service, names]) => [service, waiting(service, names)]),
    );
    this.services = Object.entries(this.#operations).map(([name, operations]) => ({
      ...{ name, operations, errors: DYNAMODB_ANSWERS },
    }));
  }

  load(): Promise<Dynamodb> {
    this.#loading ??= this.#load().catch((error: unknown) => {
      // A full disk, maybe: the next call tries again.
      this.#loading = undefined;
      throw error;
    });
    return this.#loading;
  }

  source(streamArn: string): StreamSource {
    if (!this.#opened) throw streamNotFound(streamArn);
    return this.#opened.source(streamArn);
  }

  async resume(): Promise<void> {
    this.#isResumed = true;
    await this.#opened?.resume();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#loading?.catch(() => {});
    await this.#opened?.[Symbol.asyncDispose]();
  }

  async #load(): Promise<Dynamodb> {
    const { openWhole } = await import('./dynamodb.ts');
    this.#opened ??= await openWhole(this.#dependencies);
    const opened = this.#opened;
    for (const { name, operations } of opened.services) Object.assign(this.#operations[name]!, operations);
    if (this.#isResumed) await opened.resume();
    return opened;
  }

  #loadingFirst(service: string, name: string): Operation {
    return async (input, context) => {
      await this.load();
      return this.#operations[service]![name]!(input, context);
    };
  }
}
