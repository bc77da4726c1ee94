import { dirname, resolve } from 'node:path';
import { abortable } from '../base/index.ts';
import type { ListenerPlace, Node } from '../node/index.ts';
import { defineCommand, EXIT } from './command.ts';
import { readConfiguration, readConfigurationFile } from './configuration.ts';
import { startNode, stopSignal } from './node.ts';

export const start = defineCommand({
  name: 'start',
  summary: 'Start a node for production: every call must be signed, and is held to the policies of its caller.',
  options: { config: { type: 'text', value: 'FILE', default: 'millrace.yaml', help: 'configuration, YAML or JSON' } },
  examples: [
    ['millrace start --config /etc/millrace.yaml', 'start with the settings of that file'],
    ['MILLRACE_ROOT_SECRET_ACCESS_KEY=... millrace start', 'take the root secret from the environment'],
  ],
  async run({ values, terminal, env, cwd }) {
    const file = resolve(cwd, values.config);
    const config = readConfiguration(await readConfigurationFile(file), { env, directory: dirname(file) });
    using stop = stopSignal(terminal);
    await using node = await startNode(config);
    terminal.err(`${devicesLine(node)}\n`);
    terminal.out(`ready ${node.endpoint}\n`);
    await abortable(new Promise<never>(() => {}), stop.signal).catch(() => {});
    terminal.err('millrace: draining; a second signal stops at once\n');
    return EXIT.ok;
  },
});

/** Where devices come in. */
function devicesLine({ mqtt, mqtts, deviceHttps }: Node): string {
  const at = (scheme: string, place: ListenerPlace | undefined) =>
    place ? ` ${scheme}://${place.host.includes(':') ? `[${place.host}]` : place.host}:${place.port}` : '';
  return `millrace: devices at${at('mqtts', mqtts)}${at('https', deviceHttps)}${at('mqtt', mqtt)}`;
}
