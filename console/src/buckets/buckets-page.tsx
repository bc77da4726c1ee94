import { useState } from 'preact/hooks';
import { dateTime } from '../format.ts';
import { useReading } from '../hooks.ts';
import { Empty, Failure, Panel, WideTable } from '../parts.tsx';
import { nameIn, SignedPage } from '../signed-page.tsx';
import { stylesBeside } from '../styles.ts';
import { BucketView } from './bucket-view.tsx';
import './buckets.css';
import { type Bucket, listBuckets } from './buckets-api.ts';

await stylesBeside(import.meta.url);

const REFRESH_MS = 10_000;

/** What the address says behind `#buckets`: `/NAME` is one bucket, `/NAME/PREFIX` a folder in it. */
export function BucketsPage(props: { readonly rest: string }) {
  const name = nameIn(props.rest);
  const folder = name === undefined ? undefined : nameIn(props.rest.replace(/^\/[^/?]+/, ''));
  return (
    <SignedPage id="buckets" title="Buckets">
      {(onError) =>
        name === undefined ? (
          <BucketList onError={onError} />
        ) : (
          <BucketView key={`${name}/${folder}`} name={name} folder={folder ?? ''} onError={onError} />
        )
      }
    </SignedPage>
  );
}

function BucketList(props: { readonly onError: (error: unknown) => void }) {
  const [buckets, setBuckets] = useState<readonly Bucket[]>();
  const [search, setSearch] = useState('');
  const error = useReading(
    async (signal) => {
      setBuckets(await listBuckets(signal));
    },
    REFRESH_MS,
    [],
    props.onError,
  );
  const found = (buckets ?? []).filter(({ name }) => name.includes(search.toLowerCase()));
  return (
    <Panel
      id="buckets"
      title="Buckets"
      note={buckets && `${buckets.length}`}
      tools={
        <input
          type="search"
          aria-label="Search buckets"
          placeholder="Name"
          value={search}
          onInput={(event) => setSearch(event.currentTarget.value)}
        />
      }
    >
      {error !== undefined && <Failure what="Buckets cannot be listed." error={error} />}
      {buckets?.length === 0 && (
        <Empty title="No buckets yet.">
          <p>
            <code>aws s3 mb s3://uploads</code>, a template with <code>AWS::S3::Bucket</code>, or any AWS SDK makes one.
          </p>
        </Empty>
      )}
      {buckets && buckets.length > 0 && found.length === 0 && <Empty title="No bucket matches." />}
      {found.length > 0 && (
        <WideTable label="Buckets" headings={['Name', 'Made']}>
          {found.map(({ name, createdAt }) => (
            <tr key={name}>
              <th scope="row">
                <a href={`#buckets/${encodeURIComponent(name)}`}>{name}</a>
              </th>
              <td>{dateTime(createdAt)}</td>
            </tr>
          ))}
        </WideTable>
      )}
    </Panel>
  );
}
