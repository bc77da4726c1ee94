/** Clients of the SQS benchmark, in a process of their own: each sends a batch, receives one and deletes it, over and over. */
import { SqsClient } from './sqs-client.ts';

export interface SqsLoad {
  readonly port: number;
  readonly queueUrl: string;
  readonly connections: number;
  readonly batches: number;
  readonly bodyBytes: number;
}

export interface SqsResult {
  readonly elapsedMs: number;
  /** Of every call, by operation, milliseconds. */
  readonly latencies: Readonly<Record<'send' | 'receive' | 'delete', number[]>>;
  /** Messages that were received more than once, or twice deleted. */
  readonly repeated: number;
}

const BATCH = 10;

process.on('message', async (load: SqsLoad) => {
  const latencies: SqsResult['latencies'] = { send: [], receive: [], delete: [] };
  const seen = new Set<string>();
  const clients = await Promise.all(Array.from({ length: load.connections }, () => SqsClient.connect(load.port)));
  const start = performance.now();
  const repeated = await Promise.all(clients.map((client, index) => cycle(client, load, index, latencies, seen)));
  const elapsedMs = performance.now() - start;
  for (const client of clients) client.close();
  const result: SqsResult = { elapsedMs, latencies, repeated: repeated.reduce((a, b) => a + b, 0) };
  process.send!(result);
});

async function cycle(
  client: SqsClient,
  { queueUrl: QueueUrl, batches, connections, bodyBytes }: SqsLoad,
  index: number,
  latencies: SqsResult['latencies'],
  seen: Set<string>,
): Promise<number> {
  let repeated = 0;
  const filling = 'x'.repeat(Math.max(0, bodyBytes - 20));
  for (let batch = index; batch < batches; batch += connections) {
    const Entries = Array.from({ length: BATCH }, (_, at) => ({
      Id: `${at}`,
      MessageBody: `${`${batch * BATCH + at}`.padStart(20, '0')}${filling}`,
    }));
    await timed(latencies.send, () => client.call('SendMessageBatch', { QueueUrl, Entries }));
    for (let left = BATCH; left > 0; ) {
      const receive = { QueueUrl, MaxNumberOfMessages: left, WaitTimeSeconds: 5 };
      const { Messages = [] } = await timed(latencies.receive, () => client.call('ReceiveMessage', receive));
      const receipts = Messages.map(({ Body, ReceiptHandle }: { Body: string; ReceiptHandle: string }, at: number) => {
        if (seen.has(Body)) repeated++;
        seen.add(Body);
        return { Id: `${at}`, ReceiptHandle };
      });
      left -= receipts.length;
      if (receipts.length === 0) continue;
      await timed(latencies.delete, () => client.call('DeleteMessageBatch', { QueueUrl, Entries: receipts }));
    }
  }
  return repeated;
}

async function timed<T>(latencies: number[], call: () => Promise<T>): Promise<T> {
  const start = performance.now();
  const answer = await call();
  latencies.push(performance.now() - start);
  return answer;
}
