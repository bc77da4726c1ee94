import type { Logger } from '../../../telemetry/index.ts';
import type { Call } from '../calls.ts';
import { CLOUDFORMATION_LIMITS } from '../limits.ts';
import { callerOf, type Stack, type StackEvent } from './model.ts';
import type { StackStore } from './store.ts';

export interface NotificationDependencies {
  readonly store: StackStore;
  readonly call: Call;
  readonly logger: Logger;
}

const SUBJECT = 'AWS CloudFormation Notification';

/**
 * Tells the topics of a stack (`NotificationARNs`) of its events: in their order, each at least once. How far it has come is stored,
 * so that a crash leaves none out. A topic that does not take one is logged and not asked again.
 */
export class StackNotifications implements AsyncDisposable {
  readonly #dependencies: NotificationDependencies;
  /** Stacks whose events are being told. */
  readonly #working = new Map<string, Promise<void>>();
  #closed = false;

  constructor(dependencies: NotificationDependencies) {
    this.#dependencies = dependencies;
  }

  /** Goes on with what a stop of the node has cut off. */
  resume(): void {
    for (const stack of this.#dependencies.store.stacks()) this.tell(stack.uuid);
  }

  /** Tells of the events that a stack has had since; does not wait. */
  tell(uuid: string): void {
    const { store, logger } = this.#dependencies;
    if (this.#closed || this.#working.has(uuid) || store.notified(uuid) === undefined) return;
    const work = this.#run(uuid).then(
      () => {
        this.#working.delete(uuid);
        // What has come since it saw that there was no more.
        if (this.#isBehind(uuid)) this.tell(uuid);
      },
      (error: unknown) => {
        this.#working.delete(uuid);
        logger.error('stack-notifications-stopped', { stack: uuid, error });
      },
    );
    this.#working.set(uuid, work);
  }

  #isBehind(uuid: string): boolean {
    const { store } = this.#dependencies;
    return (store.notified(uuid) ?? 0) < (store.stack(uuid)?.eventsWritten ?? 0);
  }

  /** Ends behind the event that is being told; the next start goes on. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#working.values());
  }

  async #run(uuid: string): Promise<void> {
    const { store } = this.#dependencies;
    for (;;) {
      const stack = store.stack(uuid);
      const next = store.notified(uuid);
      if (this.#closed || !stack || next === undefined || next >= stack.eventsWritten) return;
      const topics = topicsOf(store, stack);
      const events =
        topics.length === 0 ? [] : await store.eventsFrom(stack, next, CLOUDFORMATION_LIMITS.eventsToldAtOnce);
      for (const event of events) for (const topic of topics) await this.#publish(stack, topic, event);
      await store.saveNotified(uuid, events.length === 0 ? stack.eventsWritten : next + events.length);
    }
  }

  async #publish(stack: Stack, TopicArn: string, event: StackEvent): Promise<void> {
    const { call, logger } = this.#dependencies;
    const context = { region: stack.region, caller: callerOf(stack) };
    try {
      await call('sns', 'Publish', { TopicArn, Subject: SUBJECT, Message: messageOf(stack, event) }, context);
    } catch (error) {
      logger.warn('stack-notification-failed', { stack: stack.name, topic: TopicArn, event: event.id, error });
    }
  }
}

function topicsOf(store: StackStore, stack: Stack): readonly string[] {
  return store.definition(stack, stack.deployment?.revision)?.notificationArns ?? [];
}

/** An event as CloudFormation writes it for topics: one member a line. */
function messageOf(stack: Stack, event: StackEvent): string {
  const members = {
    StackId: stack.id,
    Timestamp: new Date(event.at).toISOString(),
    EventId: event.id,
    LogicalResourceId: event.logicalId,
    Namespace: stack.accountId,
    PhysicalResourceId: event.physicalId,
    PrincipalId: stack.accountId,
    ResourceProperties: short(event.properties ?? 'null'),
    ResourceStatus: event.status,
    ResourceStatusReason: event.reason ?? '',
    ResourceType: event.type,
    StackName: stack.name,
    ClientRequestToken: event.token ?? 'null',
  };
  const lines = Object.entries(members).map(([name, value]) => `${name}='${value}'\n`);
  return lines.join('');
}

/** Properties may be larger than a message. */
function short(properties: string): string {
  return properties.length > CLOUDFORMATION_LIMITS.toldPropertiesMax ? 'null' : properties;
}
