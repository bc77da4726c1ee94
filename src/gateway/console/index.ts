/** gateway/console: serves the console's page and its live feed of the flow. */

export { type AdminAnswer, type AdminApi, type AdminRequest, readJson } from './admin.ts';
export { bundleConsole, type ConsoleFiles } from './bundle.ts';
export { CONSOLE_LIMITS, type Console, type ConsoleRoute, openConsole } from './console.ts';
export { deadLetterApi } from './dead-letters/api.ts';
export type {
  DeadLetter,
  DeadLetterPage,
  DeadLetterPlace,
  DeadLetters,
  Redrive,
} from './dead-letters/letter.ts';
export { DEAD_LETTER_LIMITS } from './dead-letters/limits.ts';
export { fleetApi } from './fleet/api.ts';
export type {
  Device,
  DeviceConnection,
  DeviceDetail,
  DeviceMessages,
  DevicePrincipal,
  Fleet,
} from './fleet/device.ts';
export { FLEET_LIMITS } from './fleet/limits.ts';
export type {
  FlowCounters,
  FlowEdge,
  FlowEdgeCounters,
  FlowEdgeReading,
  FlowEdgeState,
  FlowGauges,
  FlowNode,
  FlowNodeKind,
  FlowNodeReading,
  FlowPoller,
  FlowReading,
  FlowSnapshot,
  FlowSource,
  FlowStatus,
  FlowVia,
} from './flow.ts';
