import { type Node, type NodeConfig, startNode } from '../../src/node/index.ts';

/** On free ports of loopback, without blank environments. */
const QUIET = { host: '127.0.0.1', httpPort: 0, mqttPort: 0, logLevel: 'error', blankEnvironments: 0 } as const;

/** A node of `dev` in the process of the test. */
export function devNode(dataDirectory: string, more: Partial<NodeConfig> = {}): Promise<Node> {
  return startNode({ dataDirectory, ...QUIET, mode: 'dev', ...more });
}

/** A node in the process of the test that takes signed calls only and holds them to policies. @param rootCredentials  of the account */
export function securedNode(
  dataDirectory: string,
  rootCredentials: NonNullable<NodeConfig['rootCredentials']>,
  more: Pick<NodeConfig, 'audit'> = {},
): Promise<Node> {
  return startNode({ dataDirectory, ...QUIET, mode: 'secured', rootCredentials, ...more });
}
