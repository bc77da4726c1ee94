import { useRef, useState } from 'preact/hooks';
import { timeOfDay } from '../format.ts';
import { usePolling } from '../hooks.ts';
import { Empty, Failure } from '../parts.tsx';
import { latestIterators, readRecords, type StreamRecord, type TableDescription } from './tables-api.ts';
import { type Attributes, plainOf, shown } from './values.ts';

const FOLLOW_MS = 1_000;
/** How often the shards are looked at for new ones, in rounds. */
const SHARDS_EVERY = 15;
const RECORDS_MAX = 500;

/** The changes of a table as they are made, the newest first. */
export function StreamTail(props: { readonly table: TableDescription }) {
  const { LatestStreamArn: arn, StreamSpecification } = props.table;
  if (arn === undefined || !StreamSpecification?.StreamEnabled) {
    return (
      <Empty title="This table has no stream.">
        <p>
          <code>
            aws dynamodb update-table --stream-specification StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES
          </code>{' '}
          begins one.
        </p>
      </Empty>
    );
  }
  return <Tail arn={arn} viewType={StreamSpecification.StreamViewType ?? ''} />;
}

function Tail(props: { readonly arn: string; readonly viewType: string }) {
  const { arn } = props;
  const [records, setRecords] = useState<readonly StreamRecord[]>([]);
  const [isHeld, setIsHeld] = useState(false);
  const [error, setError] = useState<unknown>();
  const shards = useRef<Map<string, string | undefined>>(undefined);
  const round = useRef(0);
  usePolling(
    async (signal) => {
      try {
        const known = shards.current;
        if (known === undefined || round.current++ % SHARDS_EVERY === 0) {
          const found = await latestIterators(arn, new Set(known?.keys()), signal);
          shards.current = new Map([...(known ?? []), ...found]);
        }
        const fresh: StreamRecord[] = [];
        for (const [shard, iterator] of shards.current!) {
          if (iterator === undefined) continue;
          const { records: read, next } = await readRecords(iterator, signal);
          shards.current!.set(shard, next);
          fresh.push(...read);
        }
        setError(undefined);
        if (fresh.length > 0) setRecords((before) => [...fresh.sort(newestFirst), ...before].slice(0, RECORDS_MAX));
      } catch (failure) {
        if (signal.aborted) return;
        // Iterators live for a quarter of an hour: begin anew.
        shards.current = undefined;
        setError(failure);
      }
    },
    isHeld ? 0 : FOLLOW_MS,
    [arn, isHeld],
  );
  return (
    <>
      <div class="query-line">
        <span class="note">
          {props.viewType}, {records.length === 0 ? 'waiting for changes' : `${records.length} seen`}
        </span>
        <button type="button" class="plain" aria-pressed={isHeld} onClick={() => setIsHeld(!isHeld)}>
          {isHeld ? 'Go on' : 'Hold'}
        </button>
      </div>
      {error !== undefined && <Failure what="The stream cannot be read." error={error} />}
      {records.length === 0 && error === undefined && (
        <Empty title="No change yet.">
          <p>What is written to the table from now on appears here within a second.</p>
        </Empty>
      )}
      <ol class="stream-tail" aria-label="Changes">
        {records.map((record) => (
          <Change key={record.eventID} record={record} />
        ))}
      </ol>
    </>
  );
}

function newestFirst(one: StreamRecord, other: StreamRecord): number {
  const [a, b] = [BigInt(one.dynamodb.SequenceNumber), BigInt(other.dynamodb.SequenceNumber)];
  return a < b ? 1 : a > b ? -1 : 0;
}

function Change(props: { readonly record: StreamRecord }) {
  const { eventName, dynamodb } = props.record;
  const { Keys, NewImage, OldImage, ApproximateCreationDateTime: at } = dynamodb;
  return (
    <li>
      <details>
        <summary>
          <time>{timeOfDay(at * 1000)}</time>
          <b class={`change ${eventName.toLowerCase()}`}>{eventName}</b>
          <span>{Object.values(Keys).map(shown).join(' · ')}</span>
        </summary>
        <Image title="before" image={OldImage} />
        <Image title="after" image={NewImage} />
      </details>
    </li>
  );
}

function Image(props: { readonly title: string; readonly image: Attributes | undefined }) {
  if (!props.image) return null;
  return (
    <figure>
      <figcaption>{props.title}</figcaption>
      <pre>{plainOf(props.image)}</pre>
    </figure>
  );
}
