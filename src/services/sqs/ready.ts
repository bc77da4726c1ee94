import { SQS_LIMITS } from './limits.ts';
import type { Entry } from './message.ts';

/** Messages that may be received, in memory. Entries that are leaving, or no longer `ready`, are passed over. */
export interface Ready {
  /** Puts an entry in line; one that stands there already keeps its place. */
  add(entry: Entry): void;
  /** Takes up to `max`, oldest first as far as the kind of queue promises. */
  take(max: number): readonly Entry[];
  /** A message that was taken is deleted or comes again: its group may go on. */
  settled(entry: Entry): void;
  /** A message that was found in flight counts as taken. */
  lock(entry: Entry): void;
  /** Something could be taken. */
  readonly available: boolean;
  /** Waiting entries, those that a group holds back too. */
  readonly size: number;
  readonly groups: GroupNumbers;
}

/** Numbers of message groups, for metrics. */
export interface GroupNumbers {
  readonly inFlight: number;
  /** Standard queues: groups that take more than their share, and what is ready and in flight of all the others. */
  readonly noisy: number;
  readonly quietReady: number;
  readonly quietInFlight: number;
  /** When the oldest message that is ready of a quiet group came; infinite when there is none. */
  readonly quietSince: number;
}

/** A message group of a standard queue. */
interface Tenant {
  readonly name: string;
  /** Ready ones in order; what was taken out of order is passed over. */
  readonly entries: Entry[];
  inFlight: number;
}

/** Groups looked at for one that is quiet. */
const TENANTS_SEEN_MAX = 256;

/**
 * First in, first out: what becomes visible again queues up anew. A message group that has a large share of what is in
 * flight is noisy: messages of quiet groups go before its own (fair queues, as AWS calls them).
 */
export class StandardReady implements Ready {
  #entries: Entry[] = [];
  #head = 0;
  /** Slot of the first of `#entries`. */
  #base = 0;
  #size = 0;
  #inFlight = 0;
  readonly #tenants = new Map<string, Tenant>();

  get size(): number {
    return this.#size;
  }

  get available(): boolean {
    this.#skipGone();
    return this.#head < this.#entries.length;
  }

  get groups(): GroupNumbers {
    const tenants = [...this.#tenants.values()];
    const quiet = tenants.filter((tenant) => !this.#isNoisy(tenant));
    return {
      inFlight: tenants.filter(({ inFlight }) => inFlight > 0).length,
      noisy: tenants.length - quiet.length,
      quietReady: quiet.reduce((sum, { entries }) => sum + entries.length, 0),
      quietInFlight: quiet.reduce((sum, { inFlight }) => sum + inFlight, 0),
      quietSince: quiet.reduce(
        (since, { entries }) => Math.min(since, entries[0]?.arrivedAt ?? since),
        Number.POSITIVE_INFINITY,
      ),
    };
  }

  /** A message of this group may be held ahead of a backlog: few of its own are. */
  isQuiet(group: string): boolean {
    const tenant = this.#tenants.get(group);
    return !tenant || (tenant.entries.length < SQS_LIMITS.quietAheadMax && !this.#isNoisy(tenant));
  }

  add(entry: Entry): void {
    if (entry.slot !== TAKEN) return;
    entry.slot = this.#base + this.#entries.length;
    this.#entries.push(entry);
    this.#size++;
    if (entry.group !== undefined) this.#tenantOf(entry.group).entries.push(entry);
  }

  take(max: number): readonly Entry[] {
    const taken: Entry[] = [];
    while (taken.length < max && this.available) {
      const first = this.#entries[this.#head]!;
      const entry = this.#quieterThan(first) ?? first;
      this.#leave(entry);
      taken.push(entry);
    }
    this.#compact();
    return taken;
  }

  lock({ group }: Entry): void {
    this.#inFlight++;
    if (group !== undefined) this.#tenantOf(group).inFlight++;
  }

  settled({ group }: Entry): void {
    this.#inFlight--;
    const tenant = group === undefined ? undefined : this.#tenants.get(group);
    if (!tenant) return;
    tenant.inFlight--;
    this.#dropIdle(tenant);
  }

  #leave(entry: Entry): void {
    entry.slot = TAKEN;
    this.#size--;
    this.lock(entry);
    const tenant = entry.group === undefined ? undefined : this.#tenants.get(entry.group);
    if (tenant) this.#skipTaken(tenant);
  }

  /** The oldest message of a quiet group, where the group of this one is noisy. */
  #quieterThan({ group }: Entry): Entry | undefined {
    const tenant = group === undefined ? undefined : this.#tenants.get(group);
    if (!tenant || !this.#isNoisy(tenant)) return undefined;
    let oldest: Entry | undefined;
    let seen = 0;
    for (const other of this.#tenants.values()) {
      if (seen++ === TENANTS_SEEN_MAX) break;
      if (this.#isNoisy(other)) continue;
      this.#skipTaken(other);
      const first = other.entries[0];
      if (first && (!oldest || first.slot < oldest.slot)) oldest = first;
    }
    return oldest;
  }

  #isNoisy({ inFlight }: Tenant): boolean {
    return inFlight >= SQS_LIMITS.noisyInFlightMin && inFlight >= this.#inFlight * SQS_LIMITS.noisyShare;
  }

  #tenantOf(name: string): Tenant {
    const found = this.#tenants.get(name) ?? { name, entries: [], inFlight: 0 };
    this.#tenants.set(name, found);
    return found;
  }

  #skipTaken(tenant: Tenant): void {
    const { entries } = tenant;
    while (entries.length > 0 && (!isOffered(entries[0]!) || entries[0]!.slot === TAKEN)) entries.shift();
  }

  #dropIdle(tenant: Tenant): void {
    this.#skipTaken(tenant);
    if (tenant.inFlight === 0 && tenant.entries.length === 0) this.#tenants.delete(tenant.name);
  }

  #skipGone(): void {
    for (; this.#head < this.#entries.length; this.#head++) {
      const entry = this.#entries[this.#head]!;
      // What was taken out of order, or stands further behind by now, is counted there.
      if (entry.slot !== this.#base + this.#head) continue;
      if (isOffered(entry)) return;
      this.#size--;
      entry.slot = TAKEN;
      const tenant = entry.group === undefined ? undefined : this.#tenants.get(entry.group);
      if (tenant) this.#dropIdle(tenant);
    }
  }

  #compact(): void {
    if (this.#head <= 1024 || this.#head * 2 <= this.#entries.length) return;
    this.#entries = this.#entries.slice(this.#head);
    this.#base += this.#head;
    this.#head = 0;
  }
}

/** The slot of an entry that stands in no line. */
export const TAKEN = -1;

function isOffered({ state, leaving }: Entry): boolean {
  return state === 'ready' && !leaving;
}

interface Group {
  readonly name: string;
  /** In order of sequence. */
  readonly entries: Entry[];
  inFlight: number;
}

/**
 * Message groups: order within each, none among them. While a message of a group is in flight, no other of the group is
 * handed out; so what fails comes again before what stands behind it.
 */
export class FifoReady implements Ready {
  readonly #groups = new Map<string, Group>();
  /** Groups that may be taken from, each once. */
  readonly #open = new Set<Group>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get groups(): GroupNumbers {
    const inFlight = [...this.#groups.values()].filter((group) => group.inFlight > 0).length;
    return { inFlight, noisy: 0, quietReady: 0, quietInFlight: 0, quietSince: Number.POSITIVE_INFINITY };
  }

  get available(): boolean {
    for (const group of this.#open) {
      this.#skipGone(group);
      if (group.entries.length > 0) return true;
      this.#open.delete(group);
      if (group.inFlight === 0) this.#groups.delete(group.name);
    }
    return false;
  }

  add(entry: Entry): void {
    if (entry.slot !== TAKEN) return;
    entry.slot = 0;
    const group = this.#groupOf(entry);
    // Nearly always at one end: newly sent, or come again.
    let index = group.entries.length;
    while (index > 0 && group.entries[index - 1]!.sequence > entry.sequence) index--;
    group.entries.splice(index, 0, entry);
    this.#size++;
    if (group.inFlight === 0) this.#open.add(group);
  }

  take(max: number): readonly Entry[] {
    const taken: Entry[] = [];
    while (taken.length < max && this.available) {
      const group: Group = this.#open.values().next().value!;
      for (this.#skipGone(group); taken.length < max && group.entries.length > 0; this.#skipGone(group)) {
        const entry = group.entries.shift()!;
        entry.slot = TAKEN;
        taken.push(entry);
        this.#size--;
        group.inFlight++;
      }
      this.#open.delete(group);
    }
    return taken;
  }

  settled(entry: Entry): void {
    const group = this.#groupOf(entry);
    group.inFlight = Math.max(0, group.inFlight - 1);
    if (group.inFlight > 0) return;
    if (group.entries.length > 0) this.#open.add(group);
    else if (!this.#open.has(group)) this.#groups.delete(group.name);
  }

  /** A message found in flight on disk locks its group. */
  lock(entry: Entry): void {
    const group = this.#groupOf(entry);
    group.inFlight++;
    this.#open.delete(group);
  }

  #groupOf({ group: name = '' }: Entry): Group {
    const found = this.#groups.get(name) ?? { name, entries: [], inFlight: 0 };
    this.#groups.set(name, found);
    return found;
  }

  #skipGone(group: Group): void {
    while (group.entries.length > 0 && !isOffered(group.entries[0]!)) {
      group.entries.shift()!.slot = TAKEN;
      this.#size--;
    }
  }
}
