import { openSync, readdirSync, readFileSync } from 'node:fs';

/** `O_CLOEXEC`, as `/proc/self/fdinfo` shows it: octal. */
const CLOSED_ON_EXEC = 0o2000000;
/** Descriptors beyond it are not covered: whoever started the node with more of them open has other plans. */
const DESCRIPTOR_MAX = 1023;

/**
 * What a child gets in place of the descriptors that the node itself was started with (a supervisor's pipe, a shell's file), which
 * it would inherit: `/dev/null`. Those that Node opens are closed in children anyway.
 *
 * @param given  descriptors that the child is given, from 0 on
 * @returns the `stdio` of those that follow
 */
export function coverInherited(given: number): readonly (number | 'ignore')[] {
  const inherited = inheritedFrom(given);
  if (inherited.length === 0) return [];
  // Stays open: every child is given it.
  const nothing = openSync('/dev/null', 'r');
  const cover: (number | 'ignore')[] = new Array(Math.max(...inherited) - given + 1).fill('ignore');
  for (const descriptor of inherited) cover[descriptor - given] = nothing;
  return cover;
}

function inheritedFrom(least: number): readonly number[] {
  try {
    return readdirSync('/proc/self/fd')
      .map(Number)
      .filter((descriptor) => descriptor >= least && descriptor <= DESCRIPTOR_MAX && isInherited(descriptor));
  } catch {
    // No /proc: nobody can tell.
    return [];
  }
}

function isInherited(descriptor: number): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'latin1'))?.[1];
    return flags !== undefined && (Number.parseInt(flags, 8) & CLOSED_ON_EXEC) === 0;
  } catch {
    // The descriptor of the listing itself.
    return false;
  }
}
