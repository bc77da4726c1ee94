import { ENDPOINT_OPTIONS, openClient } from '../client.ts';
import { defineCommand, EXIT } from '../command.ts';
import { cell, FleetClient, HEALTHS, healthCell, seenOf } from './fleet.ts';

export const list = defineCommand({
  name: 'devices list',
  summary: 'List things and the clients that there have been, with how they are doing.',
  options: {
    search: { type: 'text', value: 'TEXT', help: 'only those with this in name, client id, address or an attribute' },
    health: { type: 'text', value: 'HEALTH', choices: HEALTHS, help: 'only those of this health' },
    type: { type: 'text', value: 'NAME', help: 'only things of this type' },
    group: { type: 'text', value: 'NAME', help: 'only things in this group' },
    sort: {
      ...{ type: 'text', value: 'ORDER', choices: ['name', 'seen', 'health'], default: 'name' },
      help: 'by name, by when they were seen, or the ill first',
    },
    limit: { type: 'number', value: 'N', min: 1, max: 1_000_000, default: 100, help: 'list so many at most' },
    json: { type: 'flag', help: 'print one JSON object a line' },
    ...ENDPOINT_OPTIONS,
  },
  examples: [
    ['millrace devices list --health lost', 'those whose connection has broken'],
    ['millrace devices list --sort health', 'those first that somebody should look at'],
    ['millrace devices list --limit 100000 --json | jq -r .name', 'every name'],
  ],
  async run({ values, terminal, env }) {
    const fleet = new FleetClient(await openClient(values, env));
    const { search, health, type, group, sort, limit } = values;
    const filter = Object.entries({ search, health, type, group, sort });
    const given = filter.filter((pair): pair is [string, string] => pair[1] !== undefined);
    let listed = 0;
    for await (const { device, time } of fleet.list(Object.fromEntries(given))) {
      if (listed === limit) {
        terminal.err(`there are more: --limit ${limit * 10} lists them, --search and --health narrow the list\n`);
        return EXIT.ok;
      }
      listed++;
      if (values.json) terminal.out(`${JSON.stringify(device)}\n`);
      else {
        const { name, typeName, reason, ip } = device;
        const columns = [
          healthCell(device.health, terminal.colours),
          cell(name).padEnd(28),
          seenOf(device, time).padEnd(12),
          cell(typeName).padEnd(14),
          cell(ip).padEnd(15),
          reason === undefined ? '' : cell(reason),
        ];
        terminal.out(`${columns.join('  ').trimEnd()}\n`);
      }
    }
    if (listed === 0) terminal.err('no device matches\n');
    return EXIT.ok;
  },
});
