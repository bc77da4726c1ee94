/** cli/simulate: a fleet of MQTT devices in one process. */
export type { Identity } from './connection.ts';
export type { Second, Summary } from './figures.ts';
export { addressOf, type Fleet, loadFleet } from './fleet.ts';
export { enroll, type Identities, readIdentities } from './identities.ts';
export { type SimulationOptions, simulate } from './simulation.ts';
export { describeSummary, liveView } from './view.ts';
