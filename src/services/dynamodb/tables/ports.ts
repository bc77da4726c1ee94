import type { Follower } from '../model/follower.ts';
import type { KeySchema } from '../model/table.ts';
import type { StreamViewType } from './definition.ts';

/** Streams of changes, as tables need them. */
export interface ChangeStreams {
  /** Makes a stream; durable when it resolves. To be called before the definition that names it is stored. */
  openStream(
    table: { readonly id: string; readonly name: string; readonly region: string; readonly key: KeySchema },
    viewType: StreamViewType,
  ): Promise<{ readonly arn: string; readonly label: string }>;
  /** Ends a stream, which stays readable for a day. To be called after the definition that no longer names it is stored. */
  closeStream(arn: string): Promise<void>;
  /** Writes changes into the stream. */
  follower(arn: string): Follower;
  /** What else writes down a table's changes: feeds of its Kinesis streaming destinations. */
  feedsOf(tableId: string): readonly Follower[];
  /** Ends those, with their table. */
  closeFeeds(tableId: string): Promise<void>;
  /** Closes streams that no table names: a crash came between. */
  reconcile(arnsInUse: ReadonlySet<string>): Promise<void>;
}

/** Who reads a table's past or copies it. */
export interface TableHistory {
  /** Whether an export, backup or restore reads the table now. */
  isRead(table: { readonly id: string }): boolean;
}
