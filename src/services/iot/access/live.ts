/** The clients that are connected, as far as their permissions may change under them. */
import type { PrincipalChanges } from './changes.ts';
import type { LivePermissions } from './permissions.ts';

/** Clients that are looked at again in one turn, when a change may concern all: 20,000 at once would hold up everybody's messages. */
const CLIENTS_PER_TURN = 500;

export class LiveClients {
  readonly #byArn = new Map<string, Set<LivePermissions>>();
  readonly #all = new Set<LivePermissions>();
  readonly #stop: () => void;
  #sweep = 0;

  constructor(changes: PrincipalChanges) {
    this.#stop = changes.onChange((principalArn) => {
      if (principalArn === undefined) return this.#refreshAll();
      for (const permissions of [...(this.#byArn.get(principalArn) ?? [])]) permissions.refresh();
    });
  }

  add(permissions: LivePermissions): void {
    this.#all.add(permissions);
    for (const arn of permissions.arns) {
      const set = this.#byArn.get(arn) ?? new Set();
      this.#byArn.set(arn, set.add(permissions));
    }
  }

  remove(permissions: LivePermissions): void {
    this.#all.delete(permissions);
    for (const arn of permissions.arns) {
      const set = this.#byArn.get(arn);
      set?.delete(permissions);
      if (set?.size === 0) this.#byArn.delete(arn);
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
