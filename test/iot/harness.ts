import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IoTClient } from '@aws-sdk/client-iot';
import { IoTDataPlaneClient } from '@aws-sdk/client-iot-data-plane';
import { GetRecordsCommand, GetShardIteratorCommand, KinesisClient } from '@aws-sdk/client-kinesis';
import { type Clock, DomainError, systemClock, systemRandom } from '../../src/base/index.ts';
import { type Delivery, type DeliveryService, openDelivery } from '../../src/delivery/index.ts';
import { type MqttGateway, openMqttGateway } from '../../src/gateway/mqtt/index.ts';
import { type InvokeFunction, type Iot, openIot } from '../../src/services/iot/index.ts';
import { openKinesis } from '../../src/services/kinesis/index.ts';
import { EmbeddedLog } from '../../src/store/log/embedded/index.ts';
import { openEmbeddedRecords } from '../../src/store/records/embedded/records.ts';
import { createMetrics, silentLogger } from '../../src/telemetry/index.ts';
import { clientOptions, startWire, type TestWire } from '../wire/support.ts';

/** Records what reaches a kind of target; ARNs in `broken` fail for good. */
export class KeptTarget {
  readonly received: Delivery[] = [];
  readonly broken = new Set<string>();
  readonly #waiting: (() => void)[] = [];

  async deliver(delivery: Delivery): Promise<void> {
    if (this.broken.has(delivery.arn)) throw new DomainError('queue-not-found', `${delivery.arn} is not there`);
    this.received.push(delivery);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** The delivery with this index, once it is there. */
  async at(index: number): Promise<Delivery> {
    while (this.received.length <= index) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.received[index]!;
  }
}

/** The machine's clock, moved on by as much as a test says; timers wait for as long as they say. */
class ShiftedClock implements Clock {
  #ahead = 0;
  readonly sleep = systemClock.sleep;
  readonly timer = systemClock.timer;

  now(): number {
    return systemClock.now() + this.#ahead;
  }

  monotonic(): number {
    return systemClock.monotonic() + this.#ahead;
  }

  advance(ms: number): void {
    this.#ahead += ms;
  }
}

export interface Cloud extends AsyncDisposable {
  readonly wire: TestWire;
  readonly iot: Iot;
  readonly gateway: MqttGateway;
  /** The device cloud's own clock. */
  readonly clock: ShiftedClock;
  readonly delivery: DeliveryService;
  /** What was sent to sqs, sns and lambda ARNs. */
  readonly targets: { readonly sqs: KeptTarget; readonly sns: KeptTarget; readonly lambda: KeptTarget };
  readonly control: IoTClient;
  readonly data: IoTDataPlaneClient;
  readonly kinesis: KinesisClient;
  restart(): Promise<Cloud>;
}

/** Everything real: wire, broker, streams, log, records and outbox; only queues, topics and functions are kept targets. */
export async function openCloud(directory?: string, invokeFunction?: InvokeFunction): Promise<Cloud> {
  const home = directory ?? (await mkdtemp(join(tmpdir(), 'millrace-iot-')));
  const shared = { clock: systemClock, random: systemRandom, logger: silentLogger, metrics: createMetrics() };
  await using opening = new AsyncDisposableStack();
  const records = opening.use(await openEmbeddedRecords({ directory: join(home, 'records') }));
  const log = opening.use(await EmbeddedLog.open({ directory: join(home, 'log') }));
  const streams = opening.use(await openKinesis({ log, records, ...shared }));
  const delivery = opening.use(await openDelivery({ records, ...shared }));
  const clock = new ShiftedClock();
  const iot = opening.use(
    await openIot({ records, delivery, kinesis: streams, ...shared, clock, ...(invokeFunction && { invokeFunction }) }),
  );
  const gateway = opening.use(await openMqttGateway({ broker: iot.broker, watcher: iot.watcher, port: 0, ...shared }));
  iot.showClients(gateway.clients);
  const targets = { sqs: new KeptTarget(), sns: new KeptTarget(), lambda: new KeptTarget() };
  for (const [service, target] of Object.entries(targets)) delivery.register(service, target);
  delivery.register('iot', iot.target);
  const wire = opening.use(await startWire([...iot.services, streams.service]));
  const options = clientOptions(wire);
  const clients = {
    control: new IoTClient(options),
    data: new IoTDataPlaneClient(options),
    kinesis: new KinesisClient(options),
  };
  opening.defer(() => Object.values(clients).forEach((client) => void client.destroy()));
  const scope = opening.move();
  return {
    ...{ wire, iot, gateway, clock, delivery, targets, ...clients },
    restart: async () => {
      await scope.disposeAsync();
      return openCloud(home, invokeFunction);
    },
    [Symbol.asyncDispose]: async () => {
      await scope.disposeAsync();
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** All records of the first shard of a stream, as text, with their keys. */
export async function recordsOf({ kinesis }: Cloud, StreamName: string): Promise<string[]> {
  const { ShardIterator } = await kinesis.send(
    new GetShardIteratorCommand({
      StreamName,
      ShardId: 'shardId-000000000000',
      ShardIteratorType: 'TRIM_HORIZON',
    }),
  );
  const { Records } = await kinesis.send(new GetRecordsCommand({ ShardIterator }));
  return Records!.map(({ PartitionKey, Data }) => `${PartitionKey} ${Buffer.from(Data!).toString()}`);
}
