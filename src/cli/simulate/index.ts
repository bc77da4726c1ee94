/** cli/simulate: a fleet of MQTT devices in one process. */
export type { Second, Summary } from './figures.ts';
export { type Fleet, loadFleet } from './fleet.ts';
export { type SimulationOptions, simulate } from './simulation.ts';
