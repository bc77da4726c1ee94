import type { StreamSource } from '../../pollers/index.ts';
import type { Operation, PermissionsOf, Service } from '../index.ts';
import type { Dynamodb, DynamodbDependencies } from './dynamodb.ts';
import { DYNAMODB_ANSWERS, streamNotFound } from './errors.ts';
import { OPERATION_NAMES } from './operations/names.ts';
import type { FindTable } from './permissions/index.ts';

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
  /** The same of what operations need the right to: whoever may nothing does not load the rest. */
  readonly #permissions: Readonly<Record<string, Record<string, PermissionsOf>>>;
  #loadingRights: Promise<void> | undefined;
  #loading: Promise<Dynamodb> | undefined;
  #opened: Dynamodb | undefined;
  #isResumed = false;

  constructor(dependencies: DynamodbDependencies) {
    this.#dependencies = dependencies;
    this.#operations = ofEach((service, name) => this.#loadingFirst(service, name));
    this.#permissions = ofEach((service, name) => this.#loadingRightsFirst(service, name));
    this.services = Object.entries(this.#operations).map(([name, operations]) => ({
      ...{ name, operations, permissions: this.#permissions[name]!, errors: DYNAMODB_ANSWERS },
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

  readonly findTable: FindTable = (nameOrArn, region) => this.#opened?.findTable(nameOrArn, region);

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
  async #loadRights(): Promise<void> {
    const { dynamodbPermissions } = await import('./permissions/index.ts');
    const loaded = Object.entries(dynamodbPermissions(this.findTable));
    for (const [service, permissions] of loaded) Object.assign(this.#permissions[service]!, permissions);
  }

  #loadingRightsFirst(service: string, name: string): PermissionsOf {
    return async (input, place) => {
      this.#loadingRights ??= this.#loadRights();
      await this.#loadingRights;
      return this.#permissions[service]![name]!(input, place);
    };
  }
}

/** A value for each built operation of each service. */
function ofEach<T>(make: (service: string, name: string) => T): Readonly<Record<string, Record<string, T>>> {
  return Object.fromEntries(
    Object.entries(OPERATION_NAMES).map(([service, names]) => [
      service,
      Object.fromEntries(names.map((name) => [name, make(service, name)])),
    ]),
  );
}
