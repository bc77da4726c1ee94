import type { Clock } from '../../../base/index.ts';
import { IOT_LIMITS } from '../limits.ts';
import type { DeviceAction } from '../policies/document.ts';
import type { LivePermissions } from './permissions.ts';

/** Something that a client was refused. */
export interface Refusal {
  readonly clientId: string;
  /** Epoch milliseconds: first and last time. */
  readonly firstAt: number;
  readonly lastAt: number;
  /** How often, one after another. */
  readonly count: number;
  readonly remoteAddress: string | undefined;
  readonly action: DeviceAction;
  /** Client id, topic or topic filter. */
  readonly name: string;
  /** Why its proof was refused; absent where its policies decided. */
  readonly reason?: string;
  /** Of a client that has proved who it is: what its policies are asked again with. */
  readonly permissions?: LivePermissions;
}

type What = Omit<Refusal, 'firstAt' | 'lastAt' | 'count'>;

/** What clients were refused lately: for those who want to know why. The oldest make room. */
export class Refusals {
  /** By client, the one that was refused last at the end. */
  readonly #byClient = new Map<string, Refusal[]>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(what: What): void {
    const { clientId } = what;
    // Nobody need prove anything to be refused under an id of 64 KB: thousands of them would be held here.
    if (Buffer.byteLength(clientId) > IOT_LIMITS.recordedClientIdBytesMax) return;
    const now = this.#clock.now();
    const list = this.#byClient.get(clientId) ?? [];
    const at = list.findIndex(
      (one) => one.action === what.action && one.name === what.name && one.reason === what.reason,
    );
    const before = at < 0 ? undefined : list.splice(at, 1)[0];
    list.push({ ...what, firstAt: before?.firstAt ?? now, lastAt: now, count: (before?.count ?? 0) + 1 });
    if (list.length > IOT_LIMITS.refusalsPerClientMax) list.shift();
    this.#byClient.delete(clientId);
    this.#byClient.set(clientId, list);
    if (this.#byClient.size > IOT_LIMITS.refusedClientsMax) {
      this.#byClient.delete(this.#byClient.keys().next().value!);
    }
  }

  /** The latest first; of one client or of all. */
  list(clientId: string | undefined, limit: number): readonly Refusal[] {
    if (clientId !== undefined) return [...(this.#byClient.get(clientId) ?? [])].reverse().slice(0, limit);
    const latest: Refusal[] = [];
    for (const list of [...this.#byClient.values()].reverse()) {
      latest.push(...[...list].reverse());
      if (latest.length >= limit) break;
    }
    return latest.slice(0, limit).sort((a, b) => b.lastAt - a.lastAt);
  }
}
