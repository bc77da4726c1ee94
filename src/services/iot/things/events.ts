import { ACCOUNT_ID, type Clock, type Random, uuid } from '../../../base/index.ts';
import { type Records, Registry } from '../../../store/index.ts';
import type { Logger } from '../../../telemetry/index.ts';
import type { Broker } from '../broker/broker.ts';
import { IotError } from '../errors.ts';
import { publishEvent } from '../presence/events.ts';
import type { Thing } from './thing.ts';
import type { Things } from './things.ts';

/** Kinds of events, as AWS names them, and whether each is published. */
export type EventConfigurations = Readonly<Record<string, { readonly Enabled?: boolean }>>;

/** What is stored of the choice. */
interface Choice {
  readonly enabled: readonly string[];
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly changedAt: number;
}

/** Kinds that AWS knows; of ours only things tell. */
const KINDS = [
  ...[
    'THING',
    'THING_GROUP',
    'THING_TYPE',
    'THING_GROUP_MEMBERSHIP',
    'THING_GROUP_HIERARCHY',
    'THING_TYPE_ASSOCIATION',
  ],
  ...['JOB', 'JOB_EXECUTION', 'POLICY', 'CERTIFICATE', 'CA_CERTIFICATE'],
];
const BUILT: ReadonlySet<string> = new Set(['THING']);
const KEY = 'account';

/**
 * Events of the registry, for who has asked for them: `$aws/events/thing/NAME/created`, `/updated` and `/deleted`, after the change is durable.
 *
 * @see AWS IoT developer guide, "Registry events"
 */
export class RegistryEvents {
  readonly #registry: Registry<Choice>;
  readonly #clock: Clock;

  private constructor(registry: Registry<Choice>, clock: Clock) {
    this.#registry = registry;
    this.#clock = clock;
  }

  static async open(parts: {
    readonly records: Records;
    readonly things: Things;
    readonly broker: Pick<Broker, 'publish'>;
    readonly clock: Clock;
    readonly random: Random;
    readonly logger: Logger;
  }): Promise<RegistryEvents> {
    const { records, things, broker, clock, random, logger } = parts;
    const events = new RegistryEvents(await Registry.open(records, 'iot.event-configurations'), clock);
    things.onChange((operation, thing) => {
      if (!events.#isEnabled('THING')) return;
      const topic = `$aws/events/thing/${thing.name}/${operation.toLowerCase()}`;
      publishEvent(broker, logger, topic, thingEvent(operation, thing, uuid(random), clock.now()));
    });
    return events;
  }

  describe() {
    const choice = this.#registry.get(KEY);
    return {
      eventConfigurations: Object.fromEntries(KINDS.map((kind) => [kind, { Enabled: this.#isEnabled(kind) }])),
      ...(choice && { creationDate: new Date(choice.createdAt), lastModifiedDate: new Date(choice.changedAt) }),
    };
  }

  /** Kinds that are not named stay as they are. @throws IotError request-invalid  a kind that is not built is asked for */
  async update(configurations: EventConfigurations): Promise<void> {
    const wanted = Object.entries(configurations);
    const missing = wanted.find(([kind, { Enabled }]) => Enabled === true && !BUILT.has(kind));
    if (missing) {
      throw new IotError(
        'request-invalid',
        `Events of ${missing[0]} are not built in Millrace: ${[...BUILT].join(', ')} are.`,
      );
    }
    const before = this.#registry.get(KEY);
    const enabled = new Set(before?.enabled);
    for (const [kind, { Enabled }] of wanted) {
      if (Enabled === true) enabled.add(kind);
      else enabled.delete(kind);
    }
    const now = this.#clock.now();
    await this.#registry.put(KEY, { enabled: [...enabled], createdAt: before?.createdAt ?? now, changedAt: now });
  }

  #isEnabled(kind: string): boolean {
    return this.#registry.get(KEY)?.enabled.includes(kind) ?? false;
  }
}

function thingEvent(operation: string, thing: Thing, eventId: string, timestamp: number) {
  const { id, name, version, typeName, attributes } = thing;
  return {
    ...{ eventType: 'THING_EVENT', eventId, timestamp, operation, accountId: ACCOUNT_ID },
    ...{ thingId: id, thingName: name, versionNumber: version, thingTypeName: typeName ?? null, attributes },
  };
}
