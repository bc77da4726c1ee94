import type { CommandRow } from '../command.ts';

/** What `millrace devices` does: a file each. */
export const DEVICE_VERBS: readonly CommandRow[] = [
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
];
