import { copyFileSync, existsSync, lstatSync, mkdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { limited } from '../limited.ts';
import { SANDBOX_LIMITS } from '../limits.ts';
import type { SandboxRequest } from '../sandbox.ts';
import { RESOLVER } from './rules.ts';

/** Where the function finds its own, as on Lambda; the code caches stand beside. */
export const INSIDE = { task: '/var/task', layers: '/opt', cache: '/var/cache/millrace', temporary: '/tmp' } as const;
/** User and group of the function, as it sees them: Lambda's own. */
export const INSIDE_USER = { uid: 993, gid: 990, name: 'sbx_user1051' } as const;
/** Descriptors of bubblewrap, after those of every process. */
export const DESCRIPTORS = { info: 5, seccomp: 6, block: 7 } as const;

const MB = 1024 ** 2;

/** Folders of `/` that are links into `/usr` on most systems and folders on some. */
const SYSTEM_FOLDERS = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'];
/** Certificates of authorities, as the distributions keep them (no private keys), and links that many commands of Debian go through. */
const SHOWN_FOLDERS = [
  '/etc/alternatives',
  '/etc/ssl/certs',
  '/etc/pki/tls/certs',
  '/etc/pki/ca-trust/extracted',
  '/etc/ca-certificates',
];
/** What libraries look for beside them. Nothing that names users, hosts or services of the machine. */
const CONFIGURATION = ['ld.so.cache', 'services', 'protocols', 'ssl/openssl.cnf', 'pki/tls/openssl.cnf', 'mime.types'];

/** Where a sandbox's own parts stand in its folder on the node's disk. */
export const folderOf = (directory: string) => ({
  task: join(directory, 'task'),
  layers: join(directory, 'opt'),
  cache: join(directory, 'cache'),
  hosts: join(directory, 'hosts'),
});

/** Makes the `/etc` of all sandboxes: a few files of the machine, and users and names of their own. */
export function makeEtc(etc: string): void {
  mkdirSync(etc, { recursive: true, mode: 0o755 });
  const { uid, gid, name } = INSIDE_USER;
  const files: Readonly<Record<string, string>> = {
    passwd: `root:x:0:0:root:/root:/usr/sbin/nologin\n${name}:x:${uid}:${gid}::/tmp:/usr/sbin/nologin\nnobody:x:65534:65534::/:/usr/sbin/nologin\n`,
    group: `root:x:0:\n${name}:x:${gid}:\nnogroup:x:65534:\n`,
    'nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n',
    'resolv.conf': `nameserver ${RESOLVER}\noptions timeout:2 attempts:2\n`,
    hosts: '',
  };
  for (const [file, text] of Object.entries(files)) writeFileSync(join(etc, file), text);
  for (const folder of SHOWN_FOLDERS)
    if (existsSync(folder)) mkdirSync(join(etc, folder.slice('/etc/'.length)), { recursive: true });
  for (const file of CONFIGURATION) {
    if (!existsSync(join('/etc', file))) continue;
    mkdirSync(dirname(join(etc, file)), { recursive: true });
    copyFileSync(join('/etc', file), join(etc, file));
  }
}

export interface BubblewrapOptions {
  /** The node is root: the function gets a user of its own on the machine, which `setpriv` changes to. */
  readonly privileged: boolean;
  /** A limit on processes is not held by a control group. */
  readonly limitsProcesses: boolean;
  /** What {@link makeEtc} made. */
  readonly etc: string;
}

/** The part of the arguments that all sandboxes of a node have. Looks at the machine once. */
export function commonArguments({ privileged, etc }: BubblewrapOptions): readonly string[] {
  const namespaces = ['user', 'pid', 'ipc', 'uts', 'net', 'cgroup'].map((name) => `--unshare-${name}`);
  // Of root's rights those stay that `setpriv` needs to give up all rights.
  const drop = [
    '--cap-drop',
    'ALL',
    ...['SETUID', 'SETGID', 'SETPCAP'].flatMap((name) => ['--cap-add', `CAP_${name}`]),
  ];
  return [
    ...namespaces,
    ...['--hostname', 'sandbox', '--die-with-parent', '--new-session'],
    ...(privileged ? drop : ['--uid', String(INSIDE_USER.uid), '--gid', String(INSIDE_USER.gid)]),
    ...['--userns-block-fd', String(DESCRIPTORS.block), '--info-fd', String(DESCRIPTORS.info)],
    ...['--perms', '1777', '--size', String(SANDBOX_LIMITS.temporaryMb * MB), '--tmpfs', INSIDE.temporary],
    ...['--ro-bind', '/usr', '/usr'],
    ...SYSTEM_FOLDERS.flatMap(showSystemFolder),
    ...['--ro-bind', etc, '/etc'],
    ...SHOWN_FOLDERS.filter((folder) => existsSync(folder)).flatMap((folder) => ['--ro-bind', folder, folder]),
    ...['--proc', '/proc', '--dev', '/dev'],
    ...foldersAbove(INSIDE.cache).flatMap(makeFolder),
  ];
}

function showSystemFolder(name: string): readonly string[] {
  const path = join('/', name);
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return [];
  return found.isSymbolicLink() ? ['--symlink', readlinkSync(path), path] : ['--ro-bind', path, path];
}

/**
 * The arguments of one sandbox, after the common ones: what it may read, its own folders, and the command.
 *
 * @param isHeld  see {@link limited}
 */
export function ownArguments(request: SandboxRequest, options: BubblewrapOptions, isHeld: boolean): readonly string[] {
  const { command, environment, directory, readable, doors } = request;
  const { task, layers, cache, hosts } = folderOf(directory);
  const shown = readable.filter((path) => !path.startsWith('/usr/'));
  const above = new Set(shown.flatMap((path) => foldersAbove(path)));
  const list = doors.map(({ name, port, protocol }) => `${name}:${port}${protocol ? `/${protocol}` : ''}`).join(',');
  const variables = Object.entries({ ...environment, ...(list === '' ? {} : { MILLRACE_DOORS: list }) });
  return [
    ...['--ro-bind', task, INSIDE.task, '--ro-bind', layers, INSIDE.layers, '--ro-bind', cache, INSIDE.cache],
    ...['--ro-bind', hosts, '/etc/hosts'],
    ...[...above].filter((path) => !isOwn(path)).flatMap(makeFolder),
    ...shown.flatMap((path) => ['--ro-bind', path, path]),
    ...['--remount-ro', '/', '--remount-ro', '/dev', '--chdir', '/'],
    ...['--seccomp', String(DESCRIPTORS.seccomp)],
    ...variables.filter(([name]) => !isLoaders(name)).flatMap(([name, value]) => ['--setenv', name, value]),
    '--',
    ...dropRights(options),
    // A loader's variable must not reach the programs before it, which still have rights.
    ...limited(
      command,
      variables.filter(([name]) => isLoaders(name)).map(([name, value]) => `${name}=${value}`),
      isHeld,
    ),
  ];
}

/** Mount points below the layers must be there before these are bound: a Node in `/opt`. */
export function pointsBelowLayers(readable: readonly string[]): readonly string[] {
  return readable
    .filter((path) => path.startsWith(`${INSIDE.layers}/`))
    .map((path) => path.slice(INSIDE.layers.length));
}

function dropRights({ privileged, limitsProcesses }: BubblewrapOptions): readonly string[] {
  const { uid, gid } = INSIDE_USER;
  const user = ['--reuid', String(uid), '--regid', String(gid), '--clear-groups'];
  return [
    ...(privileged ? ['setpriv', ...user, '--inh-caps=-all', '--bounding-set=-all', '--no-new-privs'] : []),
    ...(limitsProcesses ? ['prlimit', `--nproc=${SANDBOX_LIMITS.processesMax}`] : []),
  ];
}

const isLoaders = (name: string) => name.startsWith('LD_');

/** From the top down, without the path itself. */
function foldersAbove(path: string): readonly string[] {
  const folders: string[] = [];
  for (let folder = dirname(path); folder !== '/'; folder = dirname(folder)) folders.unshift(folder);
  return folders;
}

const isOwn = (path: string) => path === '/tmp' || path === '/opt' || path.startsWith('/opt/') || path === '/usr';

/** Bubblewrap makes the folders above a mount for its own user only. */
const makeFolder = (path: string) => ['--perms', '0755', '--dir', path];
