import { ENDPOINT_OPTIONS, openClient } from '../client.ts';
import { defineCommand, EXIT } from '../command.ts';
import { FleetClient } from './fleet.ts';

export const disconnect = defineCommand({
  name: 'devices disconnect',
  summary:
    'End the connection of a device. Its will is published, and most devices connect again at once: revoke the certificate of one that shall not.',
  positionals: { usage: 'NAME...', min: 1, max: 1000 },
  options: { ...ENDPOINT_OPTIONS },
  examples: [['millrace devices disconnect pump-1', 'it connects anew']],
  async run({ values, positionals, terminal, env }) {
    const fleet = new FleetClient(await openClient(values, env));
    for (const name of positionals) {
      await fleet.disconnect(name);
      terminal.err(`disconnected ${name}\n`);
    }
    return EXIT.ok;
  },
});
