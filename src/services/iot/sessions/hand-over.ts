import { forwardedProperties, RoutedMessage } from '../broker/message.ts';
import type { Subscriptions } from '../broker/subscriptions.ts';
import { qosOf } from './frames.ts';
import { deleteMessage, type Grave, type MessageRow, packetOf, readMessages } from './rows.ts';
import type { SessionHost } from './session.ts';

/** Messages that are handed over in one commit: so few that their bytes do not weigh. */
const PAGE = 64;

/**
 * Gives what a session that is over has queued of shared subscriptions to other members (4.8.2), in the commit that takes it out of
 * the queue: a crash repeats nothing. What nobody can take is dropped, and counted. QoS 2 that may have been sent goes to nobody else
 * [MQTT-4.8.2-5].
 *
 * @throws DomainError  of the store: what is left is tried again by the next start
 */
export async function handOver(grave: Grave, subscriptions: Subscriptions, host: SessionHost): Promise<void> {
  for (let from = 0, isWhole = false; !isWhole; ) {
    const rows = await readMessages(host.records, grave.session, [from, Number.MAX_SAFE_INTEGER], PAGE);
    isWhole = rows.length < PAGE;
    from = (rows.at(-1)?.ordinal ?? 0) + 1;
    const wanted = rows.filter((row) => isForOthers(row, grave));
    if (wanted.length === 0) continue;
    for (const row of wanted) give(row, subscriptions, host);
    // In this very turn: in the commit that queues them elsewhere.
    await host.commit.write(...wanted.map(({ ordinal }) => deleteMessage(grave.session, ordinal))).settled();
  }
}

function isForOthers({ sharedFilter, isReleased, ordinal, frame }: MessageRow, { sentTo }: Grave): boolean {
  if (sharedFilter === undefined || isReleased) return false;
  return qosOf(frame) === 1 || ordinal >= sentTo;
}

function give(
  { sharedFilter, queuedAt, expirySeconds, frame }: MessageRow,
  subscriptions: Subscriptions,
  host: SessionHost,
): void {
  const waited = Math.max(0, Math.floor((host.now() - queuedAt) / 1000));
  const left = expirySeconds === undefined ? undefined : expirySeconds - waited;
  if (left !== undefined && left <= 0) return host.instruments.expired.add();
  const packet = packetOf(frame);
  const properties = forwardedProperties(packet.properties);
  const message = new RoutedMessage({
    ...packet,
    properties: left === undefined ? properties : { ...properties, messageExpiryInterval: left },
  });
  const isTaken = subscriptions.group(sharedFilter!)?.redeliver(message) ?? false;
  if (!isTaken) host.instruments.dropped.add();
}
