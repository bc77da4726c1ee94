/** The clients that are connected, as far as their permissions may change under them. */
import { Agenda, type Clock } from '../../../base/index.ts';
import type { PrincipalChanges } from './changes.ts';
import type { LivePermissions } from './permissions.ts';
import { Sweep } from './sweep.ts';

/** How late it is noticed that the clock was set past the end of a proof. */
const LAPSE_LOOK_MS = 60 * 60 * 1000;

export class LiveClients {
  /** Most principals have one client: no set of one for each. */
  readonly #byArn = new Map<string, LivePermissions | Set<LivePermissions>>();
  readonly #all = new Set<LivePermissions>();
  readonly #stop: () => void;
  readonly #sweep = new Sweep<LivePermissions>();
  readonly #clock: Clock;
  /** Those whose proof lapses by itself. */
  readonly #lapses: Agenda<LivePermissions>;

  constructor(changes: PrincipalChanges, clock: Clock) {
    this.#clock = clock;
    this.#lapses = new Agenda(clock, (permissions) => this.#lapse(permissions));
    this.#stop = changes.onChange((principalArn) => {
      if (principalArn === undefined) return this.#refreshAll();
      for (const permissions of this.#of(principalArn)) permissions.refresh();
    });
  }

  add(permissions: LivePermissions): void {
    this.#all.add(permissions);
    const { endsAt } = permissions;
    if (endsAt !== undefined) this.#lapses.by(permissions, this.#whenToLook(endsAt));
    for (const arn of permissions.watchedArns) {
      const before = this.#byArn.get(arn);
      if (before instanceof Set) before.add(permissions);
      else this.#byArn.set(arn, before ? new Set([before, permissions]) : permissions);
    }
  }

  remove(permissions: LivePermissions): void {
    this.#all.delete(permissions);
    this.#lapses.forget(permissions);
    this.#sweep.forget(permissions);
    for (const arn of permissions.watchedArns) {
      const before = this.#byArn.get(arn);
      if (before instanceof Set) before.delete(permissions);
      if (before === permissions || (before instanceof Set && before.size === 0)) this.#byArn.delete(arn);
    }
  }

  /** The client with an id, if it is connected. */
  find(clientId: string): LivePermissions | undefined {
    return this.#all.values().find((permissions) => permissions.clientId === clientId);
  }

  close(): void {
    this.#sweep.close();
    this.#lapses.close();
    this.#stop();
  }

  #lapse(permissions: LivePermissions): number | undefined {
    const { endsAt } = permissions;
    if (endsAt === undefined) return undefined;
    // The last millisecond still counts.
    if (this.#clock.now() > endsAt) permissions.refresh();
    return this.#all.has(permissions) ? this.#whenToLook(endsAt) : undefined;
  }

  /** By the monotonic clock; now and then before, since what counts is the wall clock, which can be set. */
  #whenToLook(endsAt: number): number {
    return this.#clock.monotonic() + Math.min(LAPSE_LOOK_MS, Math.max(0, endsAt + 1 - this.#clock.now()));
  }

  #of(arn: string): readonly LivePermissions[] {
    const found = this.#byArn.get(arn);
    return found instanceof Set ? [...found] : found ? [found] : [];
  }

  /** Every answer changes at once; who must be disconnected is found turn by turn. */
  #refreshAll(): void {
    for (const permissions of this.#all) permissions.forget();
    this.#sweep.start(this.#all);
  }
}
