import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DomainError, systemClock, systemRandom } from '../../src/base/index.ts';
import { authorization, permissionsOf } from '../../src/node/authorization.ts';
import { openServices } from '../../src/node/services.ts';
import { openStores } from '../../src/node/stores.ts';
import type { Operation, Permission, Service } from '../../src/services/index.ts';
import { createMetrics, createSpans, silentLogger } from '../../src/telemetry/index.ts';
import { createWireServer } from '../../src/wire/index.ts';
import { CONTEXT } from '../support/operations.ts';
import { ROOT } from './secured-node.ts';

/** What is answered in the place of every operation: it would have been made. */
export const PAST_AUTHORIZATION = 'PastAuthorization';

export interface UserKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** A call that the wire has asked about. */
export interface AskedCall {
  readonly service: string;
  readonly operation: string;
  readonly permissions: readonly Permission[];
}

/**
 * A secured node's services behind its wire, every operation replaced by one that says {@link PAST_AUTHORIZATION}: signatures, inputs,
 * permissions and policies are the real ones, and nothing is made.
 */
export class MatrixNode implements AsyncDisposable {
  readonly endpoint: string;
  readonly services: readonly Service[];
  #asked: AskedCall | undefined;
  readonly #scope: AsyncDisposableStack;

  private constructor(scope: AsyncDisposableStack, services: readonly Service[], endpoint: string) {
    this.#scope = scope;
    this.services = services;
    this.endpoint = endpoint;
  }

  static async start(): Promise<MatrixNode> {
    await using scope = new AsyncDisposableStack();
    const dataDirectory = await mkdtemp(join(tmpdir(), 'millrace-matrix-'));
    scope.defer(() => rm(dataDirectory, { recursive: true }));
    const ground = {
      ...{ clock: systemClock, random: systemRandom, logger: silentLogger },
      ...{ metrics: createMetrics(), spans: createSpans() },
    };
    const stores = scope.use(await openStores({ directory: dataDirectory, ...ground }));
    const config = { dataDirectory, host: '127.0.0.1', httpPort: 0, mqttPort: 0, blankEnvironments: 0 };
    const services = scope.use(
      await openServices(
        { ...config, mode: 'secured', rootCredentials: ROOT },
        stores,
        ground,
        () => 'http://127.0.0.1',
        { address: () => undefined, accept: () => {} },
        () => [],
      ),
    );
    const decide = authorization({ ...services, off: false });
    let node: MatrixNode | undefined;
    const server = createWireServer({
      services: services.all.map(withoutEffect),
      credentials: services.credentials,
      mode: 'secured',
      authorize: async (asked) => {
        const { service, operation } = asked;
        node!.#asked = {
          service: service.name,
          operation,
          permissions: await permissionsOf(service, operation, asked),
        };
        return decide(asked);
      },
      ...ground,
    });
    scope.defer(() => server.close(1000));
    const { url } = await server.listen('127.0.0.1', 0);
    node = new MatrixNode(scope.move(), services.all, url);
    return node;
  }

  /** A user without any policy. */
  async user(name: string): Promise<UserKey> {
    await this.#iam('CreateUser', { UserName: name });
    const { AccessKey } = await this.#iam('CreateAccessKey', { UserName: name });
    return { accessKeyId: AccessKey.AccessKeyId, secretAccessKey: AccessKey.SecretAccessKey };
  }

  /** Allows a user what these statements say and nothing else. */
  async allow(name: string, statements: readonly object[]): Promise<void> {
    const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement: statements });
    await this.#iam('PutUserPolicy', { UserName: name, PolicyName: 'all', PolicyDocument });
  }

  /** Takes away what {@link allow} has given. */
  async forbid(name: string): Promise<void> {
    await this.#iam('DeleteUserPolicy', { UserName: name, PolicyName: 'all' });
  }

  /** The call that was decided on since this was asked last. */
  takeAsked(): AskedCall | undefined {
    const asked = this.#asked;
    this.#asked = undefined;
    return asked;
  }

  async #iam(operation: string, input: object): Promise<any> {
    return this.services.find(({ name }) => name === 'iam')!.operations[operation]!(input, CONTEXT);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#scope.disposeAsync();
  }
}

function withoutEffect(service: Service): Service {
  const refuse: Operation = (_input, { refusedEntries }) => {
    // The entry of a batch that may not be is the operation's to answer for.
    for (const { message } of refusedEntries?.values() ?? []) throw new DomainError('entry-refused', message);
    throw new DomainError('past-authorization', 'It would have been made.');
  };
  return {
    ...service,
    operations: Object.fromEntries(Object.keys(service.operations).map((name) => [name, refuse])),
    errors: {
      ...service.errors,
      'past-authorization': { type: PAST_AUTHORIZATION, status: 418 },
      'entry-refused': { type: 'AccessDenied', status: 403 },
    },
  };
}
