import { resolve } from 'node:path';
import { onAbort } from '../base/index.ts';
import { defineCommand, EXIT } from './command.ts';
import { startNode, stopSignal } from './node.ts';

const LOOPBACK = '127.0.0.1';

export const dev = defineCommand({
  name: 'dev',
  summary: 'Start a node on loopback with embedded stores; any credentials are accepted.',
  options: {
    'http-port': {
      type: 'number',
      value: 'PORT',
      min: 0,
      max: 65_535,
      default: 4566,
      help: 'AWS APIs, console, metrics; 0 is any free port',
    },
    'mqtt-port': {
      type: 'number',
      value: 'PORT',
      min: 0,
      max: 65_535,
      default: 1883,
      help: 'MQTT; 0 is any free port',
    },
    'data-dir': { type: 'text', value: 'PATH', default: '.millrace', help: 'where everything durable lives' },
  },
  examples: [
    ['millrace dev', 'start an empty node in this folder'],
    ['millrace dev --http-port 0 --mqtt-port 0', 'on any free ports, for tests'],
  ],
  async run({ values, terminal, cwd }) {
    using stop = stopSignal(terminal);
    await using node = await startNode({
      dataDirectory: resolve(cwd, values['data-dir']),
      host: LOOPBACK,
      httpPort: values['http-port'],
      mqttPort: values['mqtt-port'],
      mode: 'dev',
    });
    terminal.out(`ready ${node.endpoint}\n`);
    await fired(stop.signal);
    terminal.err('millrace: draining; press Ctrl-C again to stop at once\n');
    return EXIT.ok;
  },
});

function fired(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => onAbort(signal, () => resolve()));
}
