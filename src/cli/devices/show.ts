import { ENDPOINT_OPTIONS, openClient } from '../client.ts';
import { defineCommand, EXIT } from '../command.ts';
import { paint, type Terminal } from '../terminal.ts';
import { ageOf, cell, type DeviceConnection, FleetClient, type ShownDevice, seenOf } from './fleet.ts';

export const show = defineCommand({
  name: 'devices show',
  summary: 'Show one device: what it is, how it is connected, its certificates and its connections.',
  positionals: { usage: 'NAME', min: 1, max: 1 },
  options: {
    connections: { type: 'number', value: 'N', min: 0, max: 50, default: 10, help: 'so many of its last connections' },
    json: { type: 'flag', help: 'print JSON' },
    ...ENDPOINT_OPTIONS,
  },
  examples: [
    ['millrace devices show pump-1', 'what the node knows of it'],
    ['millrace devices show pump-1 --connections 50', 'with all connections that the node remembers'],
  ],
  async run({ values, positionals: [name = ''], terminal, env }) {
    const fleet = new FleetClient(await openClient(values, env));
    const device = await fleet.show(name);
    const connections = (await fleet.connections(name)).slice(0, values.connections);
    if (values.json) terminal.out(`${JSON.stringify({ ...device, connections })}\n`);
    else terminal.out(`${facts(device, terminal)}${history(connections, device.time, terminal)}`);
    return EXIT.ok;
  },
});

function facts(device: ShownDevice, { colours }: Terminal): string {
  const { connection, principals, subscriptions, attributes } = device;
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['device', device.name],
    ['health', device.health],
    [device.connectedAt === undefined ? 'last seen' : 'connected', seenOf(device, device.time)],
    ['why', device.reason],
    ['address', device.ip],
    [
      'protocol',
      connection && `MQTT ${connection.version === 5 ? '5' : '3.1.1'}${connection.isEncrypted ? ', TLS' : ''}`,
    ],
    ['keep-alive', connection && `${connection.keepAlive} s`],
    ['client id', connection && connection.clientId !== device.name ? connection.clientId : undefined],
    ['thing', device.arn],
    ['type', device.typeName],
    ['groups', device.groups.length === 0 ? undefined : device.groups.join(', ')],
    ...Object.entries(attributes).map(([key, value]): [string, string] => ['attribute', `${key}=${value}`]),
    ...principals.map((one): [string, string] => ['principal', principalText(one)]),
    ...subscriptions.map(({ filter, qos }): [string, string] => ['subscribed', `${filter} (QoS ${qos})`]),
  ];
  return rows
    .filter((row): row is [string, string] => row[1] !== undefined)
    .map(([label, value]) => `${paint(colours, 'grey', label.padEnd(12))}  ${cell(value)}\n`)
    .join('');
}

function principalText({ principal, certificate, policies }: ShownDevice['principals'][number]): string {
  const status = certificate ? `, ${certificate.status}` : '';
  return `${principal}${status}${policies && policies.length > 0 ? `, policies ${policies.join(', ')}` : ''}`;
}

function history(connections: readonly DeviceConnection[], time: number, { colours }: Terminal): string {
  const lines = connections.map(({ connectedAt, disconnectedAt, reason, ip }) => {
    const length = ageOf((disconnectedAt ?? time) - connectedAt).padEnd(8);
    return `  ${new Date(connectedAt).toISOString()}  for ${length}  ${cell(ip).padEnd(15)}  ${cell(reason ?? 'still connected')}\n`;
  });
  return lines.length === 0 ? '' : `${paint(colours, 'grey', 'connections')}\n${lines.join('')}`;
}
