import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { seccompFilter } from './namespace/seccomp.ts';

/** Something that keeps a function from what is not its own, or within its limits. */
export interface Wall {
  readonly name: string;
  readonly stands: boolean;
  /** Why it does not, or does so only in part. */
  readonly why?: string;
  /** What to do about it. */
  readonly remedy?: string;
}

const INSTALL =
  'apt-get install bubblewrap slirp4netns iproute2 util-linux (or your distribution’s packages of these names)';
const ALLOW_USERS =
  'run the node as root, or allow user namespaces: sysctl -w kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0 or user.max_user_namespaces=10000, whichever this kernel has; in a container: --security-opt seccomp=unconfined --security-opt apparmor=unconfined';

/** Namespaces by what they part, with the options of unshare(1). */
const NAMESPACES: Readonly<Record<string, readonly string[]>> = {
  'user namespace': [],
  'mount namespace: files': ['--mount'],
  'PID namespace: processes': ['--pid', '--fork'],
  'network namespace': ['--net'],
  'IPC and UTS namespaces': ['--ipc', '--uts'],
  'cgroup namespace': ['--cgroup'],
};

/** Tries each namespace by itself, to say which is in the way. Takes some short processes. */
export function surveyNamespaces(): readonly Wall[] {
  if (!runs('unshare', '--version')) {
    return Object.keys(NAMESPACES).map((name) => ({
      name,
      stands: false,
      why: 'unshare is not installed',
      remedy: INSTALL,
    }));
  }
  return Object.entries(NAMESPACES).map(([name, options]) => {
    const { status, stderr } = spawnSync('unshare', ['--user', '--map-root-user', ...options, 'true'], {
      encoding: 'utf8',
    });
    return status === 0 ? { name, stands: true } : { name, stands: false, why: stderr.trim(), remedy: ALLOW_USERS };
  });
}

/** Whether system calls can be filtered on this machine. */
export function surveySeccomp(): Wall {
  const name = 'seccomp: system calls';
  if (!seccompFilter(process.arch)) {
    return { name, stands: false, why: `there is no filter for ${process.arch}`, remedy: 'x64 and arm64 have one' };
  }
  if (existsSync('/proc/sys/kernel/seccomp')) return { name, stands: true };
  return { name, stands: false, why: 'the kernel was built without it', remedy: 'a kernel with CONFIG_SECCOMP_FILTER' };
}

/** What a trial of bubblewrap said, with what to do about it. */
export function explainFailure(said: string): { readonly why: string; readonly remedy: string } {
  if (!runs('bwrap', '--version')) return { why: 'bubblewrap (bwrap) is not installed', remedy: INSTALL };
  const tool = ['setpriv', 'prlimit', 'nsenter'].find((program) => !runs(program, '--version'));
  if (tool) return { why: `${tool} is not installed`, remedy: INSTALL };
  return { why: said, remedy: ALLOW_USERS };
}

/** Why this machine cannot give functions a network; `undefined` when nothing is known against it. */
export function missingForNetwork(): { readonly why: string; readonly remedy: string } | undefined {
  // What `ip` needs, another user has only in a namespace, and loses it when a program starts there.
  if (process.getuid!() !== 0) return { why: 'the node is not root', remedy: 'run the node as root' };
  const program = [
    ['slirp4netns', '--version'],
    ['ip', '-V'],
    ['nsenter', '--version'],
  ].find(([name, option]) => !runs(name!, option!));
  if (program) return { why: `${program[0]} is not installed`, remedy: INSTALL };
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK);
    return undefined;
  } catch {
    return { why: 'the node may not use /dev/net/tun', remedy: 'modprobe tun; in a container: --device /dev/net/tun' };
  }
}

function runs(program: string, ...options: string[]): boolean {
  return spawnSync(program, options, { stdio: 'ignore' }).status === 0;
}
