import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, systemClock, systemRandom } from '../../src/base/index.ts';
import { type Delivery, type EgressGuard, openDelivery, type SmtpOptions } from '../../src/delivery/index.ts';
import type { OperationContext } from '../../src/services/index.ts';
import { openSns, type SnsDependencies } from '../../src/services/sns/index.ts';
import { openSqs } from '../../src/services/sqs/index.ts';
import { openEmbeddedRecords } from '../../src/store/index.ts';
import { createMetrics, type Datum, silentLogger } from '../../src/telemetry/index.ts';
import { CONTEXT as BARE } from '../support/operations.ts';

export const CONTEXT: OperationContext = { ...BARE, caller: { ...BARE.caller, accessKeyId: 'test' } };

export interface Options extends Partial<Pick<SnsDependencies, 'confirmLoopback' | 'webhooks' | 'linkBase'>> {
  readonly clock?: Clock;
  readonly egress?: EgressGuard;
  readonly smtp?: SmtpOptions;
}

export type Node = Awaited<ReturnType<typeof openNode>>;

/** A folder for stores; removed when it is disposed of. */
export async function temporaryFolder(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'millrace-sns-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/**
 * Topics, queues and the outbox between them, all real; functions stand at the far edge.
 *
 * @param options.directory  where its stores are; none makes them anew
 */
export async function openNode(options: Options & { readonly directory?: string } = {}) {
  await using scope = new AsyncDisposableStack();
  const { clock = systemClock, directory, egress, smtp, ...rest } = options;
  const folder = directory ?? scope.use(await temporaryFolder()).path;
  const records = scope.use(await openEmbeddedRecords({ directory: folder }));
  const metrics = createMetrics();
  const data: Datum[] = [];
  metrics.onDatum((datum) => data.push({ ...datum }));
  const ground = { clock, random: systemRandom, logger: silentLogger, metrics };
  const delivery = scope.use(
    await openDelivery({ records, ...(egress && { egress }), ...(smtp && { smtp }), ...ground }),
  );
  const sqs = scope.use(await openSqs({ records, ...ground }));
  const sns = scope.use(await openSns({ records, delivery, endpoint: () => CONTEXT.endpoint, ...rest, ...ground }));
  const invoked: Delivery[] = [];
  delivery.register('sqs', sqs.target);
  delivery.register('sns', sns.target);
  delivery.register('lambda', { deliver: async (one) => void invoked.push(one) });
  const operations = { ...sqs.service.operations, ...sns.service.operations };
  /** Calls as a client of the account does; `context` says what differs. */
  const call = (operation: string, input: object, context: Partial<OperationContext> = {}): Promise<any> =>
    Promise.resolve().then(() => operations[operation]!(input, { ...CONTEXT, ...context }));
  const counted = (name: string) =>
    data.filter((datum) => datum.name === name).reduce((sum, { value }) => sum + value, 0);
  const owned = scope.move();
  return { call, delivery, sns, invoked, counted, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

let names = 0;

export async function newTopic({ call }: Pick<Node, 'call'>, Attributes: Record<string, string> = {}): Promise<string> {
  const Name = `topic-${++names}${Attributes.FifoTopic ? '.fifo' : ''}`;
  return (await call('CreateTopic', { Name, Attributes })).TopicArn;
}

export async function newQueue({ call }: Pick<Node, 'call'>, Attributes: Record<string, string> = {}) {
  const QueueName = `sub-${++names}${Attributes.FifoQueue ? '.fifo' : ''}`;
  const { QueueUrl } = await call('CreateQueue', { QueueName, Attributes });
  return { QueueUrl, arn: `arn:aws:sqs:us-east-1:000000000000:${QueueName}` };
}

export async function receive({ call }: Pick<Node, 'call'>, QueueUrl: string, WaitTimeSeconds = 1): Promise<any[]> {
  const all = { MessageAttributeNames: ['All'], AttributeNames: ['All'] };
  return (await call('ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds, ...all })).Messages ?? [];
}

/** What a webhook was asked. */
export interface Asked {
  readonly body: any;
  readonly headers: IncomingHttpHeaders;
}

/** A webhook on loopback. @param answer  status of each answer, and headers */
export async function webhook(
  answer: (asked: Asked) => number | readonly [number, Record<string, string>] = () => 200,
) {
  const requests: Asked[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      const asked = { body: body.startsWith('{') ? JSON.parse(body) : body, headers: request.headers };
      requests.push(asked);
      const answered = answer(asked);
      if (typeof answered === 'number') response.writeHead(answered).end();
      else response.writeHead(...(answered as [number, Record<string, string>])).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  return { requests, url, [Symbol.dispose]: () => server.close() };
}
