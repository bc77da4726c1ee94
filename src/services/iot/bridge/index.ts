/** bridge: brokers of somebody else, as event sources, delivery targets and over bridges. */
export type { ForeignBroker } from './foreign-broker.ts';
export { type ForeignBrokers, openForeignBrokers } from './foreign-brokers.ts';
export { BRIDGE_LIMITS } from './limits.ts';
export type { BridgeRoute } from './route.ts';
