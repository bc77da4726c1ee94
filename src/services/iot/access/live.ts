/** The clients that are connected, as far as their permissions may change under them. */
import type { PrincipalChanges } from './changes.ts';
import type { LivePermissions } from './permissions.ts';

/** Clients that are looked at again in one turn, when a change may concern all: 20,000 at once would hold up everybody's messages. */
const CLIENTS_PER_TURN = 500;

export class LiveClients {
  /** Most principals have one client: no set of one for each. */
  readonly #byArn = new Map<string, LivePermissions | Set<LivePermissions>>();
  readonly #all = new Set<LivePermissions>();
  readonly #stop: () => void;
  #sweep = 0;

  constructor(changes: PrincipalChanges) {
    this.#stop = changes.onChange((principalArn) => {
      if (principalArn === undefined) return this.#refreshAll();
      for (const permissions of this.#of(principalArn)) permissions.refresh();
    });
  }

  add(permissions: LivePermissions): void {
    this.#all.add(permissions);
    for (const arn of permissions.arns) {
      const before = this.#byArn.get(arn);
      if (before instanceof Set) before.add(permissions);
      else this.#byArn.set(arn, before ? new Set([before, permissions]) : permissions);
    }
  }

  remove(permissions: LivePermissions): void {
    this.#all.delete(permissions);
    for (const arn of permissions.arns) {
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
    this.#sweep++;
    this.#stop();
  }

  #of(arn: string): readonly LivePermissions[] {
    const found = this.#byArn.get(arn);
    return found instanceof Set ? [...found] : found ? [found] : [];
  }

  /** Every answer changes at once; who must be disconnected is found turn by turn. */
  #refreshAll(): void {
    for (const permissions of this.#all) permissions.forget();
    void this.#recheck([...this.#all], ++this.#sweep);
  }

  async #recheck(clients: readonly LivePermissions[], sweep: number): Promise<void> {
    for (let from = 0; from < clients.length && sweep === this.#sweep; from += CLIENTS_PER_TURN) {
      for (const permissions of clients.slice(from, from + CLIENTS_PER_TURN)) {
        if (this.#all.has(permissions)) permissions.refresh();
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
