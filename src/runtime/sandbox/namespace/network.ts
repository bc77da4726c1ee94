import { type ChildProcess, spawn } from 'node:child_process';
import { lookup } from 'node:dns/promises';
import { writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import type { Readable } from 'node:stream';
import type { Clock, Timer } from '../../../base/index.ts';
import type { Cgroup } from '../cgroups.ts';
import { SANDBOX_LIMITS } from '../limits.ts';
import type { Egress } from '../sandbox.ts';
import { type Destination, parseDestinations } from './destinations.ts';
import type { Namespaces } from './namespaces.ts';
import { allowingRules, closingRules, firstRules, interfaceUp } from './rules.ts';

const INTERFACE = 'tap0';
/** Longest complaint of slirp4netns that is passed on. */
const COMPLAINT_LENGTH_MAX = 500;
/** `/etc/hosts` of every sandbox. */
export const HOSTS = '127.0.0.1 localhost sandbox sandbox.localdomain\n::1 localhost\n';
/** Descriptors of slirp4netns: it says on one that it is ready, and ends when the other closes. */
const READY = 3;

const ALIVE = 4;
const NAMESPACE = 5;

/** The most that slirp4netns takes: fewer turns through it for a megabyte. */
const MTU = 65_520;

const SLIRP = [
  ...[`--mtu=${MTU}`, '--disable-host-loopback', '--enable-sandbox', '--enable-seccomp'],
  ...[`--ready-fd=${READY}`, `--exit-fd=${ALIVE}`],
];

/**
 * What one sandbox reaches beside its doors. A user-mode network, slirp4netns, is attached to the blank one; what of it the
 * function may use is decided by routes in the sandbox's own network namespace when it is assigned.
 */
export class Network {
  readonly #clock: Clock;
  readonly #hostsFile: string;
  #namespaces: Namespaces | undefined;
  #slirp: ChildProcess | undefined;
  #slirpGone = Promise.resolve();
  #attached: Promise<void> | undefined;
  #isAttached = false;
  #timer: Timer | undefined;
  #closed = false;
  readonly #addresses = new Map<string, Set<string>>();
  /** Rules that let it out. Two names may have one address, and the kernel takes no rule twice. */
  readonly #allowed = new Set<string>();

  /** @param hostsFile  what the sandbox sees as `/etc/hosts` */
  constructor(clock: Clock, hostsFile: string) {
    this.#clock = clock;
    this.#hostsFile = hostsFile;
  }

  /** Attaches the network to a sandbox that has no code of anybody's yet. */
  attach(namespaces: Namespaces, cgroup: Cgroup | undefined): void {
    this.#namespaces = namespaces;
    this.#attached = this.#attach(cgroup);
    // Whoever is assigned the sandbox is told.
    this.#attached.catch(() => {});
  }

  /** Cuts it down to what the function may reach. @throws Error  (or rejects) the network cannot be had */
  restrict(egress: Egress): void | Promise<void> {
    if (egress.kind === 'none') return this.#detach();
    if (!this.#attached) throw new Error('the network of the sandbox was never attached');
    if (egress.kind === 'allowlist') return this.#allowOnly(parseDestinations(egress.destinations));
    return this.#isAttached ? undefined : this.#attached;
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#slirp?.kill('SIGKILL');
  }

  /** Not by slirp4netns itself, which would set up loopback under the hands of bubblewrap. */
  async #attach(cgroup: Cgroup | undefined): Promise<void> {
    await this.#startSlirp(this.#namespaces!.network, cgroup);
    await this.#change([...firstRules(ownAddresses()), ...interfaceUp(INTERFACE, MTU)]);
    this.#isAttached = true;
  }

  async #change(rules: readonly string[]): Promise<void> {
    if (this.#closed) throw new Error('the sandbox has ended');
    await this.#namespaces!.enter('net', ['ip', '-batch', '-'], `${rules.join('\n')}\n`);
  }

  async #startSlirp(namespace: number, cgroup: Cgroup | undefined): Promise<void> {
    const child = spawn('slirp4netns', [...SLIRP, '--netns-type=path', `/proc/self/fd/${NAMESPACE}`, INTERFACE], {
      env: { PATH: process.env.PATH },
      stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe', namespace],
    });
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(0, COMPLAINT_LENGTH_MAX);
    });
    this.#slirp = child;
    const gone = new Promise<Error | undefined>((resolve) => {
      child.once('error', resolve).once('exit', () => resolve(undefined));
    });
    this.#slirpGone = gone.then(() => {});
    for (const stream of child.stdio ?? []) stream?.on('error', () => {});
    const ready = new Promise((resolve) => (child.stdio[READY] as Readable).once('data', resolve));
    const end = await Promise.race([
      ready,
      gone.then((error) => error ?? new Error(`slirp4netns ended: ${said.trim()}`)),
    ]);
    if (end instanceof Error) throw end;
    // What a function makes it hold counts as the function's.
    if (child.pid !== undefined) await cgroup?.join(child.pid);
  }

  /** Resolves when the interface is gone. */
  async #detach(): Promise<void> {
    await this.#attached?.catch(() => {});
    this.#slirp?.kill('SIGKILL');
    await this.#slirpGone;
  }

  async #allowOnly(destinations: readonly Destination[]): Promise<void> {
    const named = destinations.filter(({ kind }) => kind === 'host');
    await this.#attached;
    const [known] = await Promise.all([this.#resolve(named), this.#change(closingRules())]);
    const networks = destinations.flatMap((each) => (each.kind === 'network' ? allowingRules(each, [each.value]) : []));
    await this.#allow([...networks, ...known]);
    this.#refreshLater(named);
  }

  async #allow(rules: readonly string[]): Promise<void> {
    const fresh = [...new Set(rules)].filter((rule) => !this.#allowed.has(rule));
    for (const rule of fresh) this.#allowed.add(rule);
    if (fresh.length > 0) await this.#change(fresh);
  }

  /** Looks names up. @returns rules for the addresses that are new */
  async #resolve(named: readonly Destination[]): Promise<readonly string[]> {
    const rules = await Promise.all(
      named.map(async (destination) => {
        const key = `${destination.value}:${destination.port ?? ''}`;
        const known = this.#addresses.get(key) ?? new Set();
        this.#addresses.set(key, known);
        // A name that has no address now may have one later; the function is told by its own attempt.
        const found = await lookup(destination.value, { all: true, family: 4 }).catch(() => []);
        const fresh = found.map(({ address }) => address).filter((address) => !known.has(address));
        const taken = fresh.slice(0, SANDBOX_LIMITS.addressesMax - known.size);
        for (const address of taken) known.add(address);
        return allowingRules(
          destination,
          taken.map((address) => `${address}/32`),
        );
      }),
    );
    const fresh = rules.flat();
    if (fresh.length > 0 && !this.#closed) this.#writeHosts(named);
    return fresh;
  }

  #writeHosts(named: readonly Destination[]): void {
    const lines = named.flatMap(({ value, port }) =>
      Array.from(this.#addresses.get(`${value}:${port ?? ''}`) ?? [], (address) => `${address} ${value}`),
    );
    // In place: the sandbox has this very file bound. What is there stays there, so a reader in between misses the new ones at most.
    writeFileSync(this.#hostsFile, `${HOSTS}${[...new Set(lines)].join('\n')}\n`, { flag: 'r+' });
  }

  #refreshLater(named: readonly Destination[]): void {
    if (named.length === 0 || this.#closed) return;
    const unknown = this.#addresses.values().some(({ size }) => size === 0);
    this.#timer = this.#clock.timer(unknown ? SANDBOX_LIMITS.unknownNamesMs : SANDBOX_LIMITS.namesMs, () => {
      void this.#resolve(named)
        .then((rules) => this.#allow(rules))
        // The sandbox may have ended meanwhile; else the next time.
        .catch(() => {})
        .then(() => this.#refreshLater(named));
    });
  }
}

/** Where the node and whatever else runs on this machine listens. */
function ownAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((addresses = []) =>
    addresses.filter(({ family, internal }) => family === 'IPv4' && !internal).map(({ address }) => address),
  );
}
