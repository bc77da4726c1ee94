import type { IncomingMessage, ServerResponse } from 'node:http';
import { StringDecoder } from 'node:string_decoder';
import { LineReader } from '../environments/lines.ts';
import type { Exit } from '../sandbox/sandbox.ts';
import { parseObject } from './json-object.ts';
import { API_LIMITS } from './limits.ts';

/** Where a batch of telemetry goes, inside the sandbox. */
export interface Destination {
  readonly protocol: 'HTTP' | 'TCP';
  readonly port: number;
  /** Of the URI, for HTTP. */
  readonly path: string;
}

/** Who is told what the supervisor sees. */
export interface SupervisorListener {
  /** The runtime (`null`) or an extension ended; `error` when it could not be started. */
  onExit(name: string | null, exit: Exit, error: string | undefined): void;
  /** A line on an extension's standard output or error. */
  onLine(name: string, line: string): void;
}

/**
 * The node's end of the talk with the supervisor of a sandbox (`runtimes/nodejs/supervisor.js`), which starts extensions and
 * runtime and reaches the listeners of telemetry: a request whose body and answer go on as long as the sandbox lives, a line of JSON
 * a message. What comes in is not trusted: the function may have taken the supervisor over.
 */
export class SupervisorLink {
  readonly #response: ServerResponse;
  readonly #listener: SupervisorListener;
  readonly #posts = new Map<number, (accepted: boolean) => void>();
  #serial = 0;

  constructor(request: IncomingMessage, response: ServerResponse, listener: SupervisorListener) {
    this.#response = response;
    this.#listener = listener;
    response.on('error', () => {});
    response.writeHead(200, ['Content-Type', 'application/x-ndjson']);
    response.flushHeaders();
    const decoder = new StringDecoder('utf8');
    const { supervisorLineBytesMax } = API_LIMITS;
    const lines = new LineReader(supervisorLineBytesMax, (line) => {
      if (line.length < supervisorLineBytesMax) this.#take(line);
      else request.destroy();
    });
    request.on('data', (chunk: Buffer) => lines.push(decoder.write(chunk)));
    request.on('error', () => {});
    request.on('close', () => this.#close());
  }

  startRuntime(): void {
    this.#say({ do: 'start' });
  }

  /** @param to  an extension's name; the runtime for `null` */
  signal(to: string | null, signal: 'SIGTERM' | 'SIGKILL'): void {
    this.#say({ do: 'signal', to, signal });
  }

  /** Posts to a listener inside the sandbox. @returns whether it took the batch; false too when the supervisor is gone */
  post(destination: Destination, body: string): Promise<boolean> {
    if (this.#response.destroyed) return Promise.resolve(false);
    return new Promise((resolve) => {
      const id = this.#serial++;
      this.#posts.set(id, resolve);
      this.#say({ do: 'post', id, ...destination, body });
    });
  }

  #say(message: unknown): void {
    if (!this.#response.destroyed) this.#response.write(`${JSON.stringify(message)}\n`);
  }

  #take(line: string): void {
    const message = parseObject(line);
    if (!message) return;
    const { said, name, code, signal, error, id, text } = message;
    const whose = typeof name === 'string' ? name : null;
    if (said === 'exit') {
      const exit = { code: typeof code === 'number' ? code : null, signal: typeof signal === 'string' ? signal : null };
      this.#listener.onExit(whose, exit, typeof error === 'string' ? error : undefined);
    } else if (said === 'line' && whose !== null && typeof text === 'string') {
      this.#listener.onLine(whose, text);
    } else if (said === 'posted' && typeof id === 'number') {
      this.#posts.get(id)?.(message.accepted === true);
      this.#posts.delete(id);
    }
  }

  #close(): void {
    for (const resolve of this.#posts.values()) resolve(false);
    this.#posts.clear();
  }
}
