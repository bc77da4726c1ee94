import { type Node, startNode } from '../../src/node/index.ts';

/** A node of `dev` in the process of the test, on free ports of loopback, without blank environments. */
export function devNode(dataDirectory: string): Promise<Node> {
  const listen = { host: '127.0.0.1', httpPort: 0, mqttPort: 0 } as const;
  return startNode({ dataDirectory, ...listen, mode: 'dev', logLevel: 'error', blankEnvironments: 0 });
}
