import { useEffect, useRef, useState } from 'preact/hooks';
import { bytes, dateTime } from '../format.ts';
import { useAction } from '../hooks.ts';
import { Choice, Empty, Failure, Panel, WideTable } from '../parts.tsx';
import { type Entry, type Listing, list, putObject } from './buckets-api.ts';
import { ObjectPane } from './object-pane.tsx';

const NOTHING: Listing = { folders: [], entries: [] };

/** One folder of a bucket: what is in it, and what is put into it. */
export function BucketView(props: {
  readonly name: string;
  /** Prefix with the slash at its end; empty for the bucket itself. */
  readonly folder: string;
  readonly onError: (error: unknown) => void;
}) {
  const { name, folder } = props;
  const [listing, setListing] = useState<Listing>();
  const [versions, setVersions] = useState(false);
  const [open, setOpen] = useState<Entry>();
  const [done, setDone] = useState('');
  const [isOver, setIsOver] = useState(false);
  const loading = useAction();
  const sending = useAction();
  const files = useRef<HTMLInputElement>(null);

  const load = (before: Listing = NOTHING) =>
    loading.run(async (signal) => {
      try {
        const page = await list(name, folder, versions, before.next ?? {}, signal);
        setListing({
          ...page,
          folders: [...before.folders, ...page.folders],
          entries: [...before.entries, ...page.entries],
        });
      } catch (error) {
        props.onError(error);
        throw error;
      }
    });
  useEffect(() => void load(), [versions]);

  const upload = (given: FileList | null | undefined) => {
    const chosen = [...(given ?? [])];
    if (chosen.length === 0) return;
    void sending.run(async (signal) => {
      for (const [index, file] of chosen.entries()) {
        setDone(`Uploading ${file.name} (${index + 1} of ${chosen.length})`);
        await putObject(name, folder + file.name, file, signal);
      }
      setDone(chosen.length === 1 ? `${chosen[0]!.name} is uploaded.` : `${chosen.length} files are uploaded.`);
      await load();
    });
  };
  const isEmpty = listing && listing.folders.length + listing.entries.length === 0;
  return (
    <Panel
      id="buckets"
      title={name}
      note={<a href="#buckets">all buckets</a>}
      tools={
        <>
          <Choice
            label="Show"
            name="bucket-versions"
            value={versions ? 'versions' : 'objects'}
            options={[
              ['objects', 'Objects'],
              ['versions', 'Versions'],
            ]}
            onChange={(value) => setVersions(value === 'versions')}
          />
          <button type="button" class="plain main" disabled={sending.isBusy} onClick={() => files.current?.click()}>
            Upload
          </button>
          <input
            ref={files}
            type="file"
            multiple
            hidden
            aria-label="Files to upload"
            onChange={(event) => {
              upload(event.currentTarget.files);
              event.currentTarget.value = '';
            }}
          />
        </>
      }
    >
      <section
        class={`drop-zone ${isOver ? 'over' : ''}`}
        aria-label="Objects; drop files here to upload them"
        onDragOver={(event) => {
          event.preventDefault();
          setIsOver(true);
        }}
        onDragLeave={() => setIsOver(false)}
        onDrop={(event) => {
          event.preventDefault();
          setIsOver(false);
          upload(event.dataTransfer?.files);
        }}
      >
        <Path bucket={name} folder={folder} />
        {loading.error !== undefined && <Failure what="The bucket cannot be listed." error={loading.error} />}
        {sending.error !== undefined && <Failure what="Not uploaded." error={sending.error} />}
        <p class="quiet-note" role="status">
          {sending.error === undefined && done}
        </p>
        {isEmpty && (
          <Empty title={folder === '' ? 'The bucket is empty.' : 'Nothing is in this folder.'}>
            <p>Drop files here, or upload them.</p>
          </Empty>
        )}
        {listing && !isEmpty && (
          <Entries bucket={name} folder={folder} listing={listing} versions={versions} open={open} onOpen={setOpen} />
        )}
        {listing?.next && (
          <button type="button" class="plain" disabled={loading.isBusy} onClick={() => void load(listing)}>
            More
          </button>
        )}
      </section>
      {open && (
        <ObjectPane
          key={`${open.key} ${open.versionId ?? ''}`}
          bucket={name}
          entry={open}
          onClose={() => setOpen(undefined)}
          onDeleted={(words) => {
            setOpen(undefined);
            setDone(words);
            void load();
          }}
        />
      )}
    </Panel>
  );
}

/** The way to a folder: each part leads to itself. */
function Path(props: { readonly bucket: string; readonly folder: string }) {
  const parts = props.folder.split('/').slice(0, -1);
  return (
    <nav class="bucket-path" aria-label="Folder">
      <a href={hashOf(props.bucket, '')}>{props.bucket}</a>
      {parts.map((part, index) => {
        const prefix = `${parts.slice(0, index + 1).join('/')}/`;
        return (
          <span key={prefix}>
            {' / '}
            <a href={hashOf(props.bucket, prefix)}>{part || '(no name)'}</a>
          </span>
        );
      })}
    </nav>
  );
}

function hashOf(bucket: string, prefix: string): string {
  const folder = prefix === '' ? '' : `/${encodeURIComponent(prefix)}`;
  return `#buckets/${encodeURIComponent(bucket)}${folder}`;
}

function Entries(props: {
  readonly bucket: string;
  readonly folder: string;
  readonly listing: Listing;
  readonly versions: boolean;
  readonly open: Entry | undefined;
  readonly onOpen: (entry: Entry) => void;
}) {
  const { bucket, folder, listing, versions } = props;
  const short = (key: string) => key.slice(folder.length) || '(the folder itself)';
  const heads = versions ? ['Name', 'Size', 'Modified', 'Version'] : ['Name', 'Size', 'Modified'];
  return (
    <WideTable label="Objects" headings={heads}>
      {listing.folders.map((prefix) => (
        <tr key={prefix}>
          <th scope="row">
            <a href={hashOf(bucket, prefix)}>{short(prefix)}</a>
          </th>
          <td colSpan={heads.length - 1}>folder</td>
        </tr>
      ))}
      {listing.entries.map((entry) => (
        <tr key={`${entry.key} ${entry.versionId ?? ''}`} class={entry === props.open ? 'open' : ''}>
          <th scope="row">
            {entry.isMarker ? (
              <del>{short(entry.key)}</del>
            ) : (
              <button type="button" class="link" onClick={() => props.onOpen(entry)}>
                {short(entry.key)}
              </button>
            )}
          </th>
          <td class="number">{entry.isMarker ? 'deleted' : bytes(entry.sizeBytes)}</td>
          <td>{dateTime(entry.modifiedAt)}</td>
          {versions && (
            <td>
              {entry.isMarker ? (
                <button type="button" class="link" onClick={() => props.onOpen(entry)}>
                  delete marker
                </button>
              ) : (
                <code>{entry.versionId}</code>
              )}
              {entry.isLatest && ' (newest)'}
            </td>
          )}
        </tr>
      ))}
    </WideTable>
  );
}
