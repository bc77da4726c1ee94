import { siblingModule } from '../base/index.ts';
import { EXIT } from './command.ts';
import type { Terminal } from './terminal.ts';

/** What `dev` and `start` ask of the composition root. */
export interface NodeConfig {
  /** Where everything durable lives; made when it is not there. */
  readonly dataDirectory: string;
  /** Address to listen on. */
  readonly host: string;
  /** 0 means any free port; the ready line tells which. */
  readonly httpPort: number;
  readonly mqttPort: number;
  /** `dev` accepts any credentials on loopback; `secured` enforces signatures and policies. */
  readonly mode: 'dev' | 'secured';
  readonly logLevel?: 'debug' | 'info' | 'warn' | 'error';
  /** Keys of the account's root user; `secured` cannot start without. */
  readonly rootCredentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

export interface RunningNode extends AsyncDisposable {
  readonly endpoint: string;
  readonly mqtt: { readonly host: string; readonly port: number };
}

/** Starts a node; its rooms are loaded only now. */
export async function startNode(config: NodeConfig): Promise<RunningNode> {
  // By name: the composition root stands below this room, but loading it costs what only dev and start need.
  const door = await import(siblingModule(import.meta.url, '../node/index').href);
  return (door as { startNode(config: NodeConfig): Promise<RunningNode> }).startNode(config);
}

/** The first SIGINT or SIGTERM fires the signal; the second ends the process at once. */
export function stopSignal(terminal: Terminal): { readonly signal: AbortSignal } & Disposable {
  const controller = new AbortController();
  const onSignal = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) {
      terminal.err(`millrace: second ${name}: stopped without draining\n`);
      process.exit(EXIT.forced);
    }
    controller.abort(name);
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
    },
  };
}
