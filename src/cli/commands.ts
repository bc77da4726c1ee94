import type { CommandGroup, CommandRow } from './command.ts';
import { DEVICE_VERBS } from './devices/index.ts';

/** Every command, in the order of the list: one row each. */
export const COMMANDS: readonly (CommandRow | CommandGroup)[] = [
  {
    name: 'dev',
    summary: 'Start a node on loopback, deploy the application in DIR and redeploy it as it changes',
    load: async () => (await import('./dev.ts')).dev,
  },
  {
    name: 'demo',
    summary: 'Run the machine-health example with live figures',
    load: async () => (await import('./demo.ts')).demo,
  },
  {
    name: 'start',
    summary: 'Start a node for production from a configuration file',
    load: async () => (await import('./start.ts')).start,
  },
  {
    name: 'devices',
    summary: 'List devices, give them keys and certificates, say why one was refused something',
    verbs: DEVICE_VERBS,
  },
  {
    name: 'simulate',
    summary: 'Run a fleet of MQTT devices from a file',
    load: async () => (await import('./simulate.ts')).simulateCommand,
  },
  {
    name: 'deploy',
    summary: 'Bundle, upload and deploy the application in DIR',
    load: async () => (await import('./deploy.ts')).deploy,
  },
  {
    name: 'remove',
    summary: 'Delete the stack of the application in DIR',
    load: async () => (await import('./remove.ts')).remove,
  },
  {
    name: 'invoke',
    summary: 'Run a function once and print what it returns',
    load: async () => (await import('./invoke.ts')).invoke,
  },
  {
    name: 'logs',
    summary: 'Print or follow the log lines of functions',
    load: async () => (await import('./logs.ts')).logs,
  },
  {
    name: 'pollers',
    summary: 'Show event source mappings, pause and resume them, and replay streams',
    load: async () => (await import('./pollers.ts')).pollers,
  },
  {
    name: 'dead-letters',
    summary: 'List, show, redrive and discard what was given up',
    load: async () => (await import('./dead-letters.ts')).deadLetters,
  },
  {
    name: 'audit',
    summary: 'Show who did what, and what was refused to whom',
    load: async () => (await import('./audit.ts')).audit,
  },
  {
    name: 'keys',
    summary: 'Show the keys that secrets are sealed with on disk, and replace them',
    load: async () => (await import('./keys.ts')).keys,
  },
  {
    name: 'doctor',
    summary: 'Say which sandbox functions get on this machine, and what is in the way of a stronger one',
    load: async () => (await import('./doctor.ts')).doctor,
  },
  {
    name: 'version',
    summary: 'Print the version',
    load: async () => (await import('./version.ts')).version,
  },
  {
    name: 'help',
    summary: 'Show this list, or the help of one command',
    load: async () => (await import('./help.ts')).helpCommand(COMMANDS),
  },
];
