import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ACCOUNT_ID, type Clock, seededRandom, systemClock } from '../../src/base/index.ts';
import { type OpenCloudFormation, openStacks } from '../../src/services/cloudformation/cloudformation.ts';
import type { OperationContext } from '../../src/services/index.ts';
import { openEmbeddedRecords, type Records } from '../../src/store/records/index.ts';
import { newTrace, silentLogger } from '../../src/telemetry/index.ts';
import { FakeServices } from './fake-services.ts';

const random = seededRandom(7);

const CONTEXT: OperationContext = {
  requestId: 'request',
  region: 'us-east-1',
  caller: { accountId: ACCOUNT_ID, arn: `arn:aws:iam::${ACCOUNT_ID}:root` },
  endpoint: 'http://127.0.0.1:4566',
  signal: new AbortController().signal,
  trace: newTrace(random),
};

/** The service over real records and fake services; `reopen` is a restart of the node. */
export class Harness implements AsyncDisposable {
  readonly services = new FakeServices();
  readonly objects = new Map<string, string>();
  cloudformation!: OpenCloudFormation;
  readonly #clock: Clock;
  #records!: Records;
  #directory!: string;

  private constructor(clock: Clock) {
    this.#clock = clock;
  }

  static async open(clock: Clock = systemClock): Promise<Harness> {
    const harness = new Harness(clock);
    harness.#directory = await mkdtemp(join(tmpdir(), 'millrace-cloudformation-'));
    await harness.#start();
    return harness;
  }

  async #start(): Promise<void> {
    this.#records = await openEmbeddedRecords({ directory: this.#directory });
    await this.open();
  }

  /** Opens the service on the records as they are. */
  async open(): Promise<void> {
    this.cloudformation = await openStacks({
      records: this.#records,
      call: this.services.call,
      readObject: async (bucket, key) => {
        const text = this.objects.get(`${bucket}/${key}`);
        if (text === undefined) throw new Error('no such object');
        return (async function* () {
          yield Buffer.from(text);
        })();
      },
      callbackBase: () => 'http://127.0.0.1:4566',
      clock: this.#clock,
      random,
      logger: silentLogger,
      promptMs: 0,
    });
  }

  /** Stops as a drain does and starts again on the same records. */
  async reopen(): Promise<void> {
    await this.cloudformation[Symbol.asyncDispose]();
    await this.#records[Symbol.asyncDispose]();
    await this.#start();
  }

  async writeRecord(space: string, key: string, value: string): Promise<void> {
    await this.#records.commit({ writes: [{ kind: 'put', space, key: Buffer.from(key), value: Buffer.from(value) }] });
  }

  /** Calls an operation as the wire would. */
  async call(operation: string, input: object, arn = CONTEXT.caller.arn): Promise<any> {
    return this.cloudformation.service.operations[operation]!(input, {
      ...CONTEXT,
      caller: { ...CONTEXT.caller, arn },
    });
  }

  /** Waits until the deployment of the stack has ended. @returns its description */
  async settled(StackName: string): Promise<any> {
    await this.cloudformation.stacks.settled(this.cloudformation.stacks.get('us-east-1', StackName));
    return (await this.call('DescribeStacks', { StackName })).Stacks[0];
  }

  async create(StackName: string, template: object | string, more: object = {}): Promise<any> {
    const TemplateBody = typeof template === 'string' ? template : JSON.stringify(template);
    const { StackId } = await this.call('CreateStack', { StackName, TemplateBody, ...more });
    return this.settled(StackId);
  }

  async update(StackName: string, template: object | string, more: object = {}): Promise<any> {
    const TemplateBody = typeof template === 'string' ? template : JSON.stringify(template);
    await this.call('UpdateStack', { StackName, TemplateBody, ...more });
    return this.settled(StackName);
  }

  async delete(StackName: string, more: object = {}): Promise<any> {
    const { StackId } = (await this.call('DescribeStacks', { StackName })).Stacks[0];
    await this.call('DeleteStack', { StackName, ...more });
    return this.settled(StackId);
  }

  /** `LogicalId STATUS` of every event, oldest first. */
  async story(StackName: string): Promise<readonly string[]> {
    const { StackEvents } = await this.call('DescribeStackEvents', { StackName });
    return StackEvents.map((event: any) => `${event.LogicalResourceId} ${event.ResourceStatus}`).reverse();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cloudformation[Symbol.asyncDispose]();
    await this.#records[Symbol.asyncDispose]();
    await rm(this.#directory, { recursive: true });
  }
}
