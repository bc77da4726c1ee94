/** Clients of RabbitMQ as those of `sqs.worker.ts`: each publishes ten messages, waits for their confirms, gets ten and acknowledges them. */
import { type ConfirmChannel, type ConsumeMessage, connect } from 'amqplib';

export interface RabbitLoad {
  readonly url: string;
  readonly clients: number;
  readonly batches: number;
  readonly bodyBytes: number;
}

const BATCH = 10;
const QUEUE = 'bench';

process.on('message', async ({ url, clients, batches, bodyBytes }: RabbitLoad) => {
  const connection = await connect(url);
  const channels = await Promise.all(Array.from({ length: clients }, () => connection.createConfirmChannel()));
  await channels[0]!.assertQueue(QUEUE, { durable: true });
  const body = Buffer.alloc(bodyBytes, 'x');
  const start = performance.now();
  await Promise.all(channels.map((channel, index) => cycle(channel, index, clients, batches, body)));
  process.send!({ elapsedMs: performance.now() - start });
  await connection.close();
});

async function cycle(
  channel: ConfirmChannel,
  index: number,
  clients: number,
  batches: number,
  body: Buffer,
): Promise<void> {
  const waiting: ((message: ConsumeMessage) => void)[] = [];
  const arrived: ConsumeMessage[] = [];
  await channel.prefetch(BATCH);
  const { consumerTag } = await channel.consume(QUEUE, (message) => {
    if (!message) throw new Error('the broker has ended the subscription');
    const next = waiting.shift();
    if (next) next(message);
    else arrived.push(message);
  });
  for (let batch = index; batch < batches; batch += clients) {
    for (let at = 0; at < BATCH; at++) channel.sendToQueue(QUEUE, body, { persistent: true });
    await channel.waitForConfirms();
    let last: ConsumeMessage | undefined;
    for (let at = 0; at < BATCH; at++) {
      last = arrived.shift() ?? (await new Promise<ConsumeMessage>((resolve) => waiting.push(resolve)));
    }
    // All up to it, with one frame.
    channel.ack(last!, true);
  }
  // What was fetched ahead is for those who go on.
  await channel.cancel(consumerTag);
  channel.nackAll(true);
}
