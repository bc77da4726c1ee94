import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { systemClock, systemRandom, uuid } from '../../src/base/index.ts';
import { ApiConnection } from '../../src/runtime/api/api-connection.ts';
import { ApiServer } from '../../src/runtime/api/api-server.ts';
import type { Connection, ConnectionListener } from '../../src/runtime/environments/connection.ts';
import type { Frame } from '../../src/runtime/environments/frames.ts';
import type { Failure } from '../../src/runtime/environments/life-cycle.ts';
import type { EnvironmentLog } from '../../src/runtime/environments/report.ts';
import type { FunctionSpec, Invocation } from '../../src/runtime/index.ts';
import type { Launch } from '../../src/runtime/starts/launch.ts';
import { newTrace } from '../../src/telemetry/index.ts';

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** The APIs of one environment over real sockets, with a process at the far edge that does nothing. */
export class ApiHouse implements AsyncDisposable {
  readonly frames: Frame[] = [];
  readonly failures: Failure[] = [];
  readonly lines: string[] = [];
  onFrame: (frame: Frame) => void = () => {};
  /** Says a frame as a runtime of ours does, over its channel. */
  say: (frame: Frame) => void = () => {};
  readonly api: ApiConnection;
  readonly port: number;
  readonly #server: ReturnType<typeof createServer>;
  readonly #sockets = new Set<Socket>();
  #waiting: (() => void)[] = [];
  #sequence = 0;

  static async open(launch: Partial<Launch> = { speaks: 'http' }, spec: Partial<FunctionSpec> = {}): Promise<ApiHouse> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new ApiHouse(server, launch, spec);
  }

  private constructor(server: ReturnType<typeof createServer>, launch: Partial<Launch>, spec: Partial<FunctionSpec>) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    const process = {
      accept: (_: string, take: (socket: Socket) => void) =>
        server.on('connection', (socket) => {
          this.#sockets.add(socket);
          take(socket);
        }),
      hasDoor: () => true,
      addressOf: () => `127.0.0.1:${this.port}`,
      memoryBytes: () => 0,
      kill: () => {},
    };
    const heard = ({ onFrame }: ConnectionListener) => {
      this.say = onFrame;
    };
    const connection = { process, ready: true, listen: heard, send: () => {} } as unknown as Connection;
    this.api = new ApiConnection(connection, {
      spec: {
        arn: 'arn:aws:lambda:us-east-1:000000000000:function:f',
        name: 'f',
        version: '$LATEST',
        runtime: 'provided.al2023',
        handler: 'a.b',
        memoryMb: 128,
        codeDirectory: '/none',
        layers: [],
        environmentConcurrency: 1,
        ...spec,
      } as FunctionSpec,
      launch: { version: 'al2023', ...launch } as Launch,
      log: { write: (line: string) => void this.lines.push(line), stream: 's' } as unknown as EnvironmentLog,
      clock: systemClock,
      random: systemRandom,
      repeatsInit: false,
      server: new ApiServer(),
    });
    this.api.listen({
      onFrame: (frame) => {
        this.onFrame(frame);
        this.#happened(() => this.frames.push(frame));
      },
      onOutput: () => {},
      onEnd: (failure) => this.#happened(() => this.failures.push(failure)),
    });
  }

  #happened(note: () => void): void {
    note();
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Waits until as many frames or failures have come. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => void this.#waiting.push(resolve));
  }

  async call(
    method: string,
    path: string,
    body?: string | Buffer,
    headers: Record<string, string> = {},
  ): Promise<Reply> {
    const response = await fetch(`http://127.0.0.1:${this.port}${path}`, { method, headers, body: body as string });
    return { status: response.status, headers: response.headers, text: await response.text() };
  }

  next(): Promise<Reply> {
    return this.call('GET', '/2018-06-01/runtime/invocation/next');
  }

  respond(id: string, body: string | Buffer, headers: Record<string, string> = {}): Promise<Reply> {
    return this.call('POST', `/2018-06-01/runtime/invocation/${id}/response`, body, headers);
  }

  /** Hands the environment an invocation. @returns its request id */
  invoke(more: Partial<Invocation> = {}): string {
    const requestId = uuid(systemRandom);
    const invocation = { requestId, payload: Buffer.from('{}'), trace: newTrace(systemRandom, false), ...more };
    this.api.invoke(this.#sequence++, 1e12, 'arn:aws:lambda:us-east-1:000000000000:function:f', invocation);
    return requestId;
  }

  /** Sends bytes as they are and reads until the other side closes. @param ends  ends our side when they are out */
  async raw(bytes: string | Buffer, ends = true): Promise<string> {
    const socket = connect({ port: this.port, host: '127.0.0.1', allowHalfOpen: true });
    socket.on('error', () => {});
    if (ends) socket.end(bytes);
    else socket.write(bytes);
    return text(socket).catch(() => '');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
