import type { CrashSubject } from '../subject.ts';

/** Everything durable that the crash tests run. */
export const SUBJECTS = [
  ...['log', 'records', 'objects', 'series', 'delivery', 'events', 'sqs', 'sns'],
  ...['pollers', 'mqtt', 'dynamodb', 's3', 'secrets', 'stacks', 'tables'],
];

/** Loads one subject alone: all of them together are most of the services. */
export async function loadSubject(name: string): Promise<CrashSubject> {
  if (!SUBJECTS.includes(name)) throw new Error(`no subject ${name}; there are ${SUBJECTS.join(', ')}`);
  const loaded: Record<string, CrashSubject> = await import(`./${name}.ts`);
  return loaded[`${name}Subject`]!;
}
