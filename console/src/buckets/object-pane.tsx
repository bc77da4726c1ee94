import { useEffect, useRef, useState } from 'preact/hooks';
import { bytes, dateTime } from '../format.ts';
import { useAction } from '../hooks.ts';
import { Dialog, FactList, Failure } from '../parts.tsx';
import { deleteObject, type Entry, headObject, readObject } from './buckets-api.ts';
import { type Preview, previewKind, previewOf, TEXT_BYTES_MAX } from './preview.ts';

/** Headers that tell of an object, in words. */
const FACTS: readonly (readonly [header: string, words: string])[] = [
  ['content-type', 'type'],
  ['etag', 'ETag'],
  ['x-amz-version-id', 'version'],
  ['x-amz-expiration', 'expires'],
  ['x-amz-storage-class', 'class'],
  ['x-amz-object-lock-retain-until-date', 'locked until'],
  ['x-amz-object-lock-legal-hold', 'legal hold'],
  ['cache-control', 'cache'],
  ['content-encoding', 'encoding'],
];

/** One object or version: what it is, a look at it, and what can be done with it. */
export function ObjectPane(props: {
  readonly bucket: string;
  readonly entry: Entry;
  readonly onClose: () => void;
  /** @param words  what was done */
  readonly onDeleted: (words: string) => void;
}) {
  const { bucket, entry } = props;
  const [headers, setHeaders] = useState<Headers>();
  const [preview, setPreview] = useState<Preview>();
  const [asksDelete, setAsksDelete] = useState(false);
  const action = useAction();
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    heading.current?.focus({ preventScroll: true });
    if (entry.isMarker) return;
    void action.run(async (signal) => {
      const found = await headObject(bucket, entry, signal);
      setHeaders(found);
      const kind = previewKind(found.get('content-type') ?? '', entry);
      if (!kind) return;
      const content = await readObject(bucket, entry, kind === 'image' ? undefined : TEXT_BYTES_MAX, signal);
      setPreview(await previewOf(kind, content, found.get('content-type') ?? '', entry.key));
    });
  }, []);
  const download = () =>
    action.run(async (signal) => {
      const address = URL.createObjectURL(await readObject(bucket, entry, undefined, signal));
      const link = document.createElement('a');
      link.href = address;
      link.download = entry.key.slice(entry.key.lastIndexOf('/') + 1) || 'object';
      link.click();
      setTimeout(() => URL.revokeObjectURL(address), 60_000);
    });
  const remove = () => {
    setAsksDelete(false);
    void action.run(async (signal) => {
      await deleteObject(bucket, entry, signal);
      props.onDeleted(entry.versionId === undefined ? 'The object is deleted.' : 'The version is deleted for good.');
    });
  };
  const facts = [
    ['size', entry.isMarker ? undefined : bytes(entry.sizeBytes)],
    ['modified', dateTime(entry.modifiedAt)],
    ...FACTS.map(([header, words]) => [words, headers?.get(header) ?? undefined] as const),
    ...[...(headers ?? [])].filter(([name]) => name.startsWith('x-amz-meta-')),
  ] as const;
  return (
    <article class="object-pane" aria-label="Object">
      <div class="editor-head">
        <h3 ref={heading} tabIndex={-1}>
          {entry.key}
        </h3>
        <button type="button" class="plain" onClick={props.onClose}>
          Close
        </button>
      </div>
      {action.error !== undefined && <Failure what="That did not work." error={action.error} />}
      <FactList facts={facts} />
      {preview?.kind === 'image' && <img class="object-image" src={preview.address} alt={entry.key} />}
      {preview?.kind === 'text' && (
        <>
          <textarea
            class="object-text"
            aria-label="Content"
            readOnly
            rows={Math.min(24, Math.max(3, preview.text.split('\n').length + 1))}
            value={preview.text}
          />
          {entry.sizeBytes > TEXT_BYTES_MAX && (
            <p class="quiet-note">The first {bytes(TEXT_BYTES_MAX)} are shown: download all of it.</p>
          )}
        </>
      )}
      <div class="editor-tools">
        {!entry.isMarker && (
          <button type="button" class="plain" disabled={action.isBusy} onClick={() => void download()}>
            Download
          </button>
        )}
        <button type="button" class="plain danger" disabled={action.isBusy} onClick={() => setAsksDelete(true)}>
          {entry.versionId === undefined ? 'Delete' : 'Delete for good'}
        </button>
      </div>
      {asksDelete && (
        <Dialog
          title={entry.versionId === undefined ? 'Delete this object?' : 'Delete this version for good?'}
          confirm="Delete"
          isDangerous
          onConfirm={remove}
          onCancel={() => setAsksDelete(false)}
        >
          <p>
            <code>{entry.key}</code>
            {entry.versionId === undefined
              ? ' goes for good, unless the bucket keeps versions.'
              : ` (${entry.versionId}) cannot be brought back.`}
          </p>
        </Dialog>
      )}
    </article>
  );
}
