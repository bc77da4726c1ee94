import { type Clock, type Random, uuid } from '../../base/index.ts';
import { type Log, type Records, Registry } from '../../store/index.ts';
import { groupNotFound, LogsError } from './errors.ts';
import { LogGroup, type StreamEvents } from './group.ts';
import type { GroupRecord } from './model.ts';

export interface GroupsOptions {
  readonly records: Records;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
}

/** What a group is made with. */
export type GroupSettings = Partial<Pick<GroupRecord, 'tags' | 'logClass' | 'kmsKeyId' | 'isProtected'>>;

const DAY_MS = 24 * 3600 * 1000;

/** The log groups of a node. A group's streams are loaded when it is first used. */
export class Groups {
  readonly #options: GroupsOptions;
  readonly #registry: Registry<GroupRecord>;
  readonly #open = new Map<string, Promise<LogGroup>>();
  /** Told of all that a group has taken. */
  onAppended: (record: GroupRecord, parts: readonly StreamEvents[]) => void = () => {};

  private constructor(options: GroupsOptions, registry: Registry<GroupRecord>) {
    this.#options = options;
    this.#registry = registry;
  }

  static async open(options: GroupsOptions): Promise<Groups> {
    return new Groups(options, await Registry.open<GroupRecord>(options.records, 'logs.groups'));
  }

  list(region: string, prefix = ''): readonly GroupRecord[] {
    return this.#registry.list(`${region}/${prefix}`);
  }

  /** Those of every region. */
  all(): readonly GroupRecord[] {
    return this.#registry.list();
  }

  /** @throws resource-not-found */
  record(region: string, name: string): GroupRecord {
    const found = this.#registry.get(`${region}/${name}`);
    if (!found) throw groupNotFound();
    return found;
  }

  /** @throws resource-exists */
  async create(region: string, name: string, settings: GroupSettings = {}): Promise<void> {
    const { clock, random } = this.#options;
    const record: GroupRecord = { region, name, id: uuid(random), createdAt: clock.now(), tags: {}, ...settings };
    await this.#registry.create(`${region}/${name}`, record).catch((cause: unknown) => {
      if ((cause as { code?: unknown }).code !== 'already-exists') throw cause;
      throw new LogsError('resource-exists', 'The specified log group already exists', { cause });
    });
  }

  /** @throws resource-not-found, group-protected */
  async delete(region: string, name: string): Promise<void> {
    const record = this.record(region, name);
    if (record.isProtected) {
      const message = 'Cannot delete log group with deletion protection enabled. Disable deletion protection first.';
      throw new LogsError('group-protected', message);
    }
    await this.#registry.delete(`${region}/${name}`);
    await this.#open.get(record.id)?.catch(() => {});
    this.#open.delete(record.id);
    await LogGroup.remove(record, this.#options.log, this.#options.records);
  }

  /** Changes settings or filters. @throws resource-not-found */
  async update(region: string, name: string, change: (before: GroupRecord) => GroupRecord): Promise<void> {
    await this.#registry.put(`${region}/${name}`, change(this.record(region, name)));
  }

  /** The events of a group. @throws resource-not-found */
  async get(region: string, name: string): Promise<LogGroup> {
    const { log, records, clock } = this.#options;
    const record = this.record(region, name);
    let group = this.#open.get(record.id);
    if (!group) {
      group = LogGroup.open(record, log, records, clock, (parts) => {
        // As it is now: its filters may have changed since it was opened.
        const current = this.#registry.get(`${region}/${name}`);
        if (current?.id === record.id) this.onAppended(current, parts);
      });
      this.#open.set(record.id, group);
      group.catch(() => this.#open.delete(record.id));
    }
    return group;
  }

  /** The same, making the group when it is not there: functions log into groups that nobody has made. */
  async getOrCreate(region: string, name: string): Promise<LogGroup> {
    if (!this.#registry.has(`${region}/${name}`)) {
      await this.create(region, name).catch((error: unknown) => {
        // Somebody else has made it meanwhile.
        if ((error as { code?: unknown }).code !== 'resource-exists') throw error;
      });
    }
    return this.get(region, name);
  }

  /** Stores the states of streams of all groups in use. */
  async saveStates(): Promise<void> {
    for (const group of this.#open.values()) await (await group).saveStates();
  }

  /** Lets go of events older than their group's retention. */
  async applyRetention(): Promise<void> {
    const now = this.#options.clock.now();
    for (const { region, name, retentionDays } of this.all()) {
      if (retentionDays !== undefined) await (await this.get(region, name)).trim(now - retentionDays * DAY_MS);
    }
  }
}
