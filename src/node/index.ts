/** node: the composition root: config -> stores -> services -> gateways. Nobody but the command line imports it. */
export type { ListenerPlace, Node, NodeConfig } from './config.ts';
export { startNode } from './node.ts';
