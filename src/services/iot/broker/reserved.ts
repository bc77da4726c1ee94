import type * as mqtt from '../../../codec/mqtt/index.ts';
import type { CommitGroup } from './commit-group.ts';
import type { Publisher } from './message.ts';

/**
 * Takes what clients publish to a reserved topic (`$aws/certificates/create/json`, later shadows and jobs) instead of the subscribers.
 * It answers by publishing. Synchronous; what takes longer goes on after it returns, with a packet that is its own.
 *
 * @returns the group that the acknowledgement of the publish waits for, if any
 */
export type ReservedTopicHandler = (packet: mqtt.PublishPacket, publisher: Publisher) => CommitGroup | undefined;

/** Topics that services own, by their beginning; the longest that fits is asked. */
export class ReservedTopics {
  readonly #handlers = new Map<string, ReservedTopicHandler>();

  /** @param prefix  begins with `$aws/` and ends with `/` */
  reserve(prefix: string, handler: ReservedTopicHandler): void {
    this.#handlers.set(prefix, handler);
  }

  find(topic: string): ReservedTopicHandler | undefined {
    if (!topic.startsWith('$aws/')) return undefined;
    for (let end = topic.lastIndexOf('/'); end > 0; end = topic.lastIndexOf('/', end - 1)) {
      const handler = this.#handlers.get(topic.slice(0, end + 1));
      if (handler) return handler;
    }
    return undefined;
  }
}
