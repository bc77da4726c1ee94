import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { fileURLToPath } from 'node:url';

interface Script {
  readonly scriptId: string;
  readonly url: string;
  readonly sourceMapURL?: string;
}

/** A place in a source file; lines from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
}

/** What an editor does with an inspector: attaches by the DevTools protocol, and reads source maps itself. */
export class Debugger implements AsyncDisposable {
  readonly #socket: WebSocket;
  readonly #closed: Promise<never>;
  readonly #answers = new Map<number, (message: any) => void>();
  readonly #scripts: Script[] = [];
  readonly #paused: any[] = [];
  #onChange: () => void = () => {};
  #id = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    const { promise, reject } = Promise.withResolvers<never>();
    this.#closed = promise;
    this.#closed.catch(() => {});
    socket.addEventListener('close', () => reject(new TypeError('the inspector has gone')));
    socket.addEventListener('message', ({ data }) => this.#take(JSON.parse(String(data))));
  }

  /** Attaches to the one target that listens at the port. */
  static async attach(port: number): Promise<Debugger> {
    const [target] = (await (await fetch(`http://127.0.0.1:${port}/json/list`)).json()) as any[];
    const socket = new WebSocket(target.webSocketDebuggerUrl);
    const attached = new Debugger(socket);
    await Promise.race([once(socket, 'open'), attached.#closed]);
    await attached.send('Runtime.enable');
    await attached.send('Debugger.enable');
    return attached;
  }

  /** @throws Error  as the protocol words it */
  async send(method: string, params: object = {}): Promise<any> {
    const id = ++this.#id;
    const { promise, resolve } = Promise.withResolvers<any>();
    this.#answers.set(id, resolve);
    this.#socket.send(JSON.stringify({ id, method, params }));
    const { result, error } = await Promise.race([promise, this.#closed]);
    if (error) throw new Error(`${method}: ${error.message}`);
    return result;
  }

  /** Sets a breakpoint at a line of a source, in whichever script has it. */
  async breakAt({ file, line }: Place): Promise<void> {
    for (;;) {
      const found = this.#scripts
        .values()
        .map((script) => generatedPlace(script, file, line))
        .find(Boolean);
      if (found) return void (await this.send('Debugger.setBreakpointByUrl', found));
      await this.#change();
    }
  }

  /** Waits until it stands at a breakpoint. @returns the source line, and how to ask for the value of an expression there */
  async paused(): Promise<Place & { evaluate(expression: string): Promise<unknown> }> {
    while (this.#paused.length === 0) await this.#change();
    const [{ callFrameId, location }] = this.#paused.shift().callFrames;
    const script = this.#scripts.find(({ scriptId }) => scriptId === location.scriptId)!;
    const { map, base } = mapOf(script)!;
    const entry = map.findEntry(location.lineNumber, location.columnNumber) as any;
    return {
      file: fileURLToPath(new URL(entry.originalSource, base)),
      line: entry.originalLine + 1,
      evaluate: async (expression) => {
        const { result } = await this.send('Debugger.evaluateOnCallFrame', { callFrameId, expression });
        return result.value;
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#socket.readyState === WebSocket.CLOSED) return;
    this.#socket.close();
    await once(this.#socket, 'close');
  }

  #take(message: any): void {
    if (message.id !== undefined) return this.#answers.get(message.id)!(message);
    if (message.method === 'Debugger.scriptParsed') this.#scripts.push(message.params);
    if (message.method === 'Debugger.paused') this.#paused.push(message.params);
    this.#onChange();
  }

  async #change(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onChange = resolve;
    await Promise.race([promise, this.#closed]);
  }
}

function mapOf({ url, sourceMapURL }: Script): { map: SourceMap; base: URL } | undefined {
  if (!sourceMapURL || !url.startsWith('file:')) return undefined;
  const where = new URL(sourceMapURL, url);
  const payload = JSON.parse(readFileSync(where, 'utf8'));
  return { map: new SourceMap(payload), base: new URL(payload.sourceRoot ?? '', where) };
}

/** The first place in a script that comes from a line of a source. */
function generatedPlace(script: Script, file: string, line: number): object | undefined {
  const found = mapOf(script);
  if (!found) return undefined;
  const { map, base } = found;
  const lines = readFileSync(new URL(script.url), 'utf8').split('\n');
  for (const [lineNumber, text] of lines.entries()) {
    const entry = map.findEntry(lineNumber, text.length) as any;
    if (!entry.originalSource || entry.originalLine !== line - 1) continue;
    if (fileURLToPath(new URL(entry.originalSource, base)) === file) return { url: script.url, lineNumber };
  }
  assert.ok(lines.length > 0);
  return undefined;
}
