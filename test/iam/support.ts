import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IAMClient } from '@aws-sdk/client-iam';
import { SimulatedClock, seededRandom } from '../../src/base/index.ts';
import { type Iam, openIam } from '../../src/services/iam/index.ts';
import { combineCredentials, rootCredentials } from '../../src/services/index.ts';
import { openEmbeddedRecords, type Records } from '../../src/store/index.ts';
import { createLogger } from '../../src/telemetry/index.ts';
import { clientOptions, KEY, startWire, type TestWire } from '../wire/support.ts';

export const TRUST = document({
  Effect: 'Allow',
  Principal: { Service: 'lambda.amazonaws.com' },
  Action: 'sts:AssumeRole',
});
export const READ = document({ Effect: 'Allow', Action: 's3:GetObject', Resource: 'arn:aws:s3:::photos/*' });

/** A policy document with these statements. */
export function document(...statements: readonly object[]): string {
  return JSON.stringify({ Version: '2012-10-17', Statement: statements });
}

/** IAM over real records behind a real wire; `reopen` is a restart of the node. */
export class House implements AsyncDisposable {
  client!: IAMClient;
  wire!: TestWire;
  iam!: Iam;
  /** What IAM has logged, a line of JSON each. */
  readonly log: string[] = [];
  readonly #clock = new SimulatedClock(Date.parse('2026-03-01T00:00:00Z'));
  readonly #directory: string;
  #random = 1;
  #scope = new AsyncDisposableStack();

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** @param prepare  writes what an older release has left */
  static async open(prepare?: (records: Records) => Promise<void>): Promise<House> {
    const house = new House(await mkdtemp(join(tmpdir(), 'millrace-iam-')));
    if (prepare) {
      await using records = await openEmbeddedRecords({ directory: house.#directory });
      await prepare(records);
    }
    await house.#start();
    return house;
  }

  async reopen(): Promise<void> {
    await this.#scope.disposeAsync();
    this.#scope = new AsyncDisposableStack();
    await this.#start();
  }

  async #start(): Promise<void> {
    const clock = this.#clock;
    const records = this.#scope.use(await openEmbeddedRecords({ directory: this.#directory }));
    const logger = createLogger({ clock, level: 'debug', write: (line) => this.log.push(line) });
    this.iam = this.#scope.use(await openIam({ records, clock, random: seededRandom(this.#random++), logger }));
    const credentials = combineCredentials(rootCredentials(KEY), this.iam);
    this.wire = this.#scope.use(await startWire([this.iam.service], { credentials }));
    this.client = new IAMClient(clientOptions(this.wire));
    this.#scope.defer(() => this.client.destroy());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope.disposeAsync();
    await rm(this.#directory, { recursive: true });
  }
}
