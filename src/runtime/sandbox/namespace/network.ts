import { lookup } from 'node:dns/promises';
import { writeFileSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import type { Clock, Timer } from '../../../base/index.ts';
import { SANDBOX_LIMITS } from '../limits.ts';
import type { Egress } from '../sandbox.ts';
import { type Attaching, INTERFACE, MTU } from './attaching.ts';
import { type Destination, parseDestinations } from './destinations.ts';
import type { Namespaces } from './namespaces.ts';
import type { OwnAddresses } from './own-addresses.ts';
import { allowingRules, closingRules, firstRules, interfaceUp, ownRules } from './rules.ts';

/** `/etc/hosts` of every sandbox. */
export const HOSTS = '127.0.0.1 localhost sandbox sandbox.localdomain\n::1 localhost\n';

/**
 * What one sandbox reaches beside its doors. A user-mode network, slirp4netns, is attached to the blank one; what of it the
 * function may use is decided by routes in the sandbox's own network namespace when it is assigned.
 */
export class Network {
  readonly #clock: Clock;
  readonly #attaching: Attaching;
  readonly #machine: OwnAddresses;
  readonly #hostsFile: string;
  #name = '';
  #namespaces: Namespaces | undefined;
  /** Process id of its slirp4netns, once it is known. */
  #slirp: number | undefined;
  #attached: Promise<void> | undefined;
  #isAttached = false;
  #timer: Timer | undefined;
  #closed = false;
  readonly #addresses = new Map<string, Set<string>>();
  /** Addresses of the machine that it was closed to when it was attached. */
  #own: ReadonlySet<string> = new Set();
  /** Rules that let it out. Two names may have one address, and the kernel takes no rule twice. */
  readonly #allowed = new Set<string>();

  /** @param hostsFile  what the sandbox sees as `/etc/hosts` */
  constructor(clock: Clock, attaching: Attaching, machine: OwnAddresses, hostsFile: string) {
    this.#clock = clock;
    this.#attaching = attaching;
    this.#machine = machine;
    this.#hostsFile = hostsFile;
  }

  /**
   * Attaches the network to a sandbox that has no code of anybody's yet. Whoever is assigned the sandbox is told how it went.
   *
   * @param name  of the sandbox
   */
  attach(name: string, namespaces: Namespaces): void {
    this.#name = name;
    this.#namespaces = namespaces;
    this.#attached = this.#attach();
    this.#attached.catch(() => {});
  }

  /** Cuts it down to what the function may reach. @throws Error  (or rejects) the network cannot be had */
  restrict(egress: Egress): void | Promise<void> {
    if (egress.kind === 'none') return this.#detach();
    if (!this.#attached) throw new Error('the network of the sandbox was never attached');
    if (this.#isAttached && !this.#attaching.holds(this.#slirp!)) this.#attachAgain();
    if (egress.kind === 'allowlist') return this.#allowOnly(parseDestinations(egress.destinations));
    return this.#closeToLater() ?? (this.#isAttached ? undefined : this.#attached);
  }

  /** @returns when nobody needs the namespaces any more */
  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    this.#killSlirp();
    await this.#attached?.catch(() => {});
  }

  /** Not by slirp4netns itself, which would set up loopback under the hands of bubblewrap. */
  async #attach(): Promise<void> {
    const own = this.#machine.now();
    this.#own = new Set(own);
    await this.#connect([...firstRules(INTERFACE, own), ...interfaceUp(INTERFACE, MTU)]);
  }

  async #connect(rules?: readonly string[]): Promise<void> {
    await this.#attaching.attach(this.#name, this.#namespaces!, rules, (pid) => {
      this.#slirp = pid;
      if (this.#closed) this.#killSlirp();
    });
    this.#isAttached = true;
    if (!this.#closed) this.#attaching.watch(this.#slirp!, () => this.#attachAgain());
  }

  /** Its slirp4netns is gone, killed for want of memory or by somebody; what the sandbox may reach stands as it was. */
  #attachAgain(): void {
    if (this.#closed || !this.#isAttached) return;
    this.#isAttached = false;
    this.#attaching.detach(this.#slirp!);
    this.#attached = this.#connect();
    this.#attached.catch(() => {});
  }

  async #change(rules: readonly string[]): Promise<void> {
    if (this.#closed) throw new Error('the sandbox has ended');
    await this.#namespaces!.enter('net', ['ip', '-batch', '-'], `${rules.join('\n')}\n`);
  }

  #killSlirp(): void {
    if (this.#slirp !== undefined) this.#attaching.detach(this.#slirp);
  }

  /** Resolves when the interface is gone. */
  async #detach(): Promise<void> {
    await this.#attached?.catch(() => {});
    this.#killSlirp();
    while (this.#slirp !== undefined && this.#attaching.holds(this.#slirp)) await turn();
  }

  async #allowOnly(destinations: readonly Destination[]): Promise<void> {
    const named = destinations.filter(({ kind }) => kind === 'host');
    await this.#attached;
    await this.#closeToLater();
    const [known] = await Promise.all([this.#resolve(named), this.#change(closingRules())]);
    const networks = destinations.flatMap((each) => (each.kind === 'network' ? allowingRules(each, [each.value]) : []));
    await this.#allow([...networks, ...known]);
    this.#refreshLater(named);
  }

  /** A blank sandbox may have waited for days, and the machine have moved to another network meanwhile. */
  #closeToLater(): Promise<void> | undefined {
    const later = this.#machine.known.filter((address) => !this.#own.has(address));
    return later.length === 0 ? undefined : this.#attached!.then(() => this.#change(ownRules(later)));
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
