/** gateway/console: serves the console's page and its live feed of the flow. */
export { bundleConsole, CONSOLE_FILES, type ConsoleFiles } from './bundle.ts';
export { CONSOLE_LIMITS, type Console, type ConsoleRoute, openConsole } from './console.ts';
export type {
  FlowCounters,
  FlowEdge,
  FlowEdgeReading,
  FlowGauges,
  FlowNode,
  FlowNodeKind,
  FlowNodeReading,
  FlowReading,
  FlowSnapshot,
  FlowSource,
  FlowStatus,
} from './flow.ts';
