import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { CloudWatchLogsClient, FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { KinesisClient } from '@aws-sdk/client-kinesis';
import {
  CreateFunctionCommand,
  type CreateFunctionCommandInput,
  InvokeCommand,
  LambdaClient,
} from '@aws-sdk/client-lambda';
import { SQSClient } from '@aws-sdk/client-sqs';
import { build } from 'esbuild';
import { type Clock, systemClock } from '../../src/base/index.ts';
import { startNode } from '../../src/node/index.ts';
import type { SandboxEngine } from '../../src/runtime/index.ts';
import { zipOf } from '../support/clients.ts';
import { temporaryDirectory } from '../support/directory.ts';
import { until } from '../support/eventually.ts';

/** A node, clients of its services, and a collector of its traces. */
export class PowertoolsHouse implements AsyncDisposable {
  readonly endpoint: string;
  readonly lambda: LambdaClient;
  readonly logs: CloudWatchLogsClient;
  readonly cloudwatch: CloudWatchClient;
  readonly sqs: SQSClient;
  readonly kinesis: KinesisClient;
  /** Whether traces of invocations are. */
  sampled = true;
  /** Spans that the collector was sent, as OTLP writes them. */
  readonly spans: any[];
  readonly #seconds: Seconds;
  readonly #scope: AsyncDisposableStack;

  private constructor(endpoint: string, spans: any[], seconds: Seconds, scope: AsyncDisposableStack) {
    this.endpoint = endpoint;
    this.spans = spans;
    this.#seconds = seconds;
    this.#scope = scope;
    const options = { endpoint, region: 'us-east-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } };
    this.lambda = scope.adopt(new LambdaClient(options), (client) => client.destroy());
    // Else one invocation a second is sampled, and a twentieth of the others.
    this.lambda.middlewareStack.add(
      (next) => (call) => {
        const { headers } = call.request as { headers: Record<string, string> };
        const flags = this.sampled ? '01' : '00';
        headers.traceparent = `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-${flags}`;
        return next(call);
      },
      { step: 'build' },
    );
    this.logs = scope.adopt(new CloudWatchLogsClient(options), (client) => client.destroy());
    this.cloudwatch = scope.adopt(new CloudWatchClient(options), (client) => client.destroy());
    this.sqs = scope.adopt(new SQSClient(options), (client) => client.destroy());
    this.kinesis = scope.adopt(new KinesisClient(options), (client) => client.destroy());
  }

  static async open(engine?: SandboxEngine): Promise<PowertoolsHouse> {
    await using scope = new AsyncDisposableStack();
    const directory = scope.use(await temporaryDirectory());
    const spans: any[] = [];
    const collector = createServer(async (request, response) => {
      const body: any = await json(request);
      spans.push(...body.resourceSpans[0].scopeSpans[0].spans);
      response.end('{}');
    });
    collector.listen(0, '127.0.0.1');
    await once(collector, 'listening');
    scope.defer(() => {
      collector.closeAllConnections();
      collector.close();
    });
    const seconds: Seconds = { heldAt: undefined };
    const config = {
      dataDirectory: directory.path,
      host: '127.0.0.1',
      httpPort: 0,
      mqttPort: 0,
      mode: 'dev',
      tracesEndpoint: `http://127.0.0.1:${(collector.address() as AddressInfo).port}`,
      ...(engine && { sandboxEngine: engine }),
    } as const;
    const node = scope.use(await startNode(config, clockOf(seconds)));
    return new PowertoolsHouse(node.endpoint, spans, seconds, scope.move());
  }

  /** Bundles a handler as a user would, and makes a function of it. */
  async deploy(handler: string, more: Partial<CreateFunctionCommandInput> = {}): Promise<string> {
    const { outputFiles } = await build({
      entryPoints: [new URL(`./handlers/${handler}.ts`, import.meta.url).pathname],
      bundle: true,
      platform: 'node',
      target: 'node24',
      format: 'cjs',
      minify: true,
      write: false,
    });
    const FunctionName = more.FunctionName ?? handler;
    await this.lambda.send(
      new CreateFunctionCommand({
        Runtime: 'nodejs24.x',
        Role: 'arn:aws:iam::000000000000:role/powertools',
        Handler: 'index.handler',
        Code: { ZipFile: await zipOf({ 'index.js': Buffer.from(outputFiles[0]!.contents) }) },
        MemorySize: 256,
        Timeout: 10,
        ...more,
        FunctionName,
      }) as any,
    );
    return FunctionName;
  }

  /** Invokes and waits for the answer. @throws Error with what the function said when it failed */
  async invoke(FunctionName: string, event: unknown): Promise<any> {
    const answer: any = await this.lambda.send(
      new InvokeCommand({ FunctionName, Payload: Buffer.from(JSON.stringify(event)) }) as any,
    );
    const payload = JSON.parse(Buffer.from(answer.Payload).toString() || 'null');
    if (answer.FunctionError) throw Object.assign(new Error(payload.errorMessage), payload);
    return payload;
  }

  /** Lines of a function's log that are JSON, once `count` of them are there. */
  async lines(functionName: string, count: number, filterPattern = ''): Promise<any[]> {
    return until(async () => {
      const command = new FilterLogEventsCommand({ logGroupName: `/aws/lambda/${functionName}`, filterPattern });
      const { events = [] }: any = await this.logs.send(command as any).catch(() => ({}));
      const lines = events.map(({ message }: any) => message as string).filter((line: string) => line.startsWith('{'));
      return lines.length >= count ? lines.map((line: string) => JSON.parse(line)) : undefined;
    }, `${count} lines of ${functionName}`);
  }

  /** Waits for a span of this name. */
  async span(name: string, where: (span: any) => boolean = () => true): Promise<any> {
    return until(() => this.spans.find((span) => span.name === name && where(span)), `span ${name}`);
  }

  /** No second of the node ends until it is disposed: rates a second are counted the same on every machine. */
  holdSecond(): Disposable {
    this.#seconds.heldAt = systemClock.monotonic();
    return {
      [Symbol.dispose]: () => {
        this.#seconds.heldAt = undefined;
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope.disposeAsync();
  }
}

/** Where the time that goes on evenly stands still, while it does. */
interface Seconds {
  heldAt: number | undefined;
}

function clockOf(seconds: Seconds): Clock {
  return { ...systemClock, monotonic: () => seconds.heldAt ?? systemClock.monotonic() };
}

/** Attributes of a span as OTLP writes them. */
export function attributesOf({ attributes }: any): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }: any) => [key, Object.values(value)[0]]));
}
