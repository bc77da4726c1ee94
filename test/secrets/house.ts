import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SSMClient } from '@aws-sdk/client-ssm';
import { SimulatedClock, seededRandom } from '../../src/base/index.ts';
import { type InvokeRotation, type SecretsManager, secretsManager } from '../../src/services/secretsmanager/index.ts';
import { type Ssm, ssm } from '../../src/services/ssm/index.ts';
import { openEmbeddedRecords, SealedRecords } from '../../src/store/index.ts';
import { createLogger } from '../../src/telemetry/index.ts';
import { clientOptions, startWire, type TestWire } from '../wire/support.ts';

/** Spaces as a node seals them. */
const SPACES = ['ssm/values', 'secretsmanager/values'];

/** Parameters and secrets over real, sealed records behind a real wire; `reopen` is a restart of the node. */
export class House implements AsyncDisposable {
  readonly clock = new SimulatedClock(Date.parse('2026-03-01T00:00:00Z'));
  readonly directory: string;
  /** What was logged, a line of JSON each. */
  readonly log: string[] = [];
  ssm!: SSMClient;
  manager!: SecretsManagerClient;
  /** What rotation functions do; nothing unless a test says otherwise. */
  rotate: InvokeRotation = async () => {};
  parameters!: Ssm;
  secrets!: SecretsManager;
  wire!: TestWire;
  records!: SealedRecords;
  #random = 1;
  #scope = new AsyncDisposableStack();

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async open(): Promise<House> {
    const house = new House(await mkdtemp(join(tmpdir(), 'millrace-secrets-')));
    await house.#start();
    return house;
  }

  async reopen(): Promise<void> {
    await this.#scope.disposeAsync();
    this.#scope = new AsyncDisposableStack();
    await this.#start();
  }

  /** Everything that stands in the data directory. */
  async disk(): Promise<string> {
    const files = await readdir(this.directory, { recursive: true, withFileTypes: true });
    const texts = await Promise.all(
      files.filter((file) => file.isFile()).map((file) => readFile(join(file.parentPath, file.name), 'latin1')),
    );
    return texts.join('\n');
  }

  async #start(): Promise<void> {
    const clock = this.clock;
    const random = seededRandom(this.#random++);
    const logger = createLogger({ clock, level: 'debug', write: (line) => this.log.push(line) });
    const plain = this.#scope.use(await openEmbeddedRecords({ directory: join(this.directory, 'records') }));
    const keyFile = join(this.directory, 'sealing.key');
    this.records = this.#scope.use(
      await SealedRecords.open({ records: plain, spaces: SPACES, keyFile, clock, random }),
    );
    const ground = { records: this.records, clock, random, logger };
    this.parameters = this.#scope.use(ssm(ground));
    this.secrets = this.#scope.use(
      secretsManager({ ...ground, invoke: (...call) => this.rotate(...call), checkFunction: async () => {} }),
    );
    this.wire = this.#scope.use(await startWire([this.parameters.service, this.secrets.service], { logger }));
    await this.secrets.resume();
    this.ssm = new SSMClient(clientOptions(this.wire));
    this.manager = new SecretsManagerClient(clientOptions(this.wire));
    this.#scope.defer(() => this.ssm.destroy());
    this.#scope.defer(() => this.manager.destroy());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope.disposeAsync();
    await rm(this.directory, { recursive: true });
  }
}
