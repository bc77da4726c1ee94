import type { CommandRow } from '../command.ts';

/** What `millrace devices` does: a file each. */
export const DEVICE_VERBS: readonly CommandRow[] = [
  {
    name: 'devices list',
    summary: 'List devices with how they are doing',
    load: async () => (await import('./list.ts')).list,
  },
  {
    name: 'devices show',
    summary: 'Show one device with its certificates and connections',
    load: async () => (await import('./show.ts')).show,
  },
  {
    name: 'devices disconnect',
    summary: 'End the connection of devices',
    load: async () => (await import('./disconnect.ts')).disconnect,
  },
  {
    name: 'devices create',
    summary: 'Make a key and have the node sign its certificate; say how the device connects',
    load: async () => (await import('./create.ts')).create,
  },
  {
    name: 'devices rotate',
    summary: 'Give a device a new key and certificate, and revoke the old ones',
    load: async () => (await import('./rotate.ts')).rotate,
  },
  {
    name: 'devices password',
    summary: 'Give a user a password to connect with, or delete the user',
    load: async () => (await import('./password.ts')).password,
  },
  {
    name: 'devices why-denied',
    summary: 'Say why a device was refused something, statement by statement',
    load: async () => (await import('./why-denied.ts')).whyDenied,
  },
];
