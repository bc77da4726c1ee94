import { useEffect, useRef, useState } from 'preact/hooks';
import { age, bytes, dateTime, duration, nameOf } from '../format.ts';
import { useAction } from '../hooks.ts';
import { Dialog, FactList, Failure } from '../parts.tsx';
import { compactJson, isJson, prettyJson } from './json-text.ts';
import {
  type DeadLetterDetail,
  type DeadLetterPlace,
  discardLetter,
  readLetter,
  redriveLetter,
} from './letters-api.ts';
import { TraceView } from './trace-view.tsx';

/** One dead letter: why, when and where, its body, its trace, and what can be done with it. */
export function LetterPane(props: {
  readonly id: string;
  readonly places: readonly DeadLetterPlace[];
  readonly onClose: () => void;
  readonly onGone: (words: string) => void;
}) {
  const { id } = props;
  const [letter, setLetter] = useState<DeadLetterDetail>();
  const [error, setError] = useState<unknown>();
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    const stop = new AbortController();
    readLetter(id, stop.signal).then(setLetter, (failure: unknown) => {
      if (!stop.signal.aborted) setError(failure);
    });
    return () => stop.abort();
  }, [id]);
  // Whoever opens a letter by keyboard goes on reading it.
  useEffect(() => heading.current?.focus({ preventScroll: true }), [letter]);
  return (
    <article class="letter-pane" aria-label="Dead letter">
      <div class="letter-head">
        <h3 ref={heading} tabIndex={-1}>
          {letter?.errorCode ?? 'Dead letter'}
        </h3>
        <button type="button" class="plain" onClick={props.onClose}>
          Close
        </button>
      </div>
      {error !== undefined && <Failure what="This letter cannot be read." error={error} />}
      {letter && (
        <>
          {letter.errorMessage && <p class="letter-message">{letter.errorMessage}</p>}
          <Story letter={letter} places={props.places} />
          <Body letter={letter} onGone={props.onGone} />
          <Attributes attributes={letter.attributes} />
          <TraceView traceId={letter.traceId} spans={letter.spans} />
        </>
      )}
    </article>
  );
}

function Story(props: { readonly letter: DeadLetterDetail; readonly places: readonly DeadLetterPlace[] }) {
  const { source, target, attempts, sentAt, givenUpAt, place } = props.letter;
  const held = props.places.find(({ id }) => id === place);
  const rows: readonly (readonly [string, string | undefined, string?])[] = [
    ['from', source === undefined ? 'unknown sender' : nameOf(source), source],
    ['to', target === undefined ? 'nowhere else: it was sent where it lies' : nameOf(target), target],
    ['lies in', held?.label ?? nameOf(place), place],
    ['used by', held && held.usedBy.length > 0 ? held.usedBy.join(', ') : undefined],
    ['tries', attempts?.toString()],
    ['sent', dateTime(sentAt)],
    ['given up', givenUpAt === undefined ? undefined : `${dateTime(givenUpAt)} (${age(Date.now() - givenUpAt)} ago)`],
    ['tried for', givenUpAt === undefined ? undefined : duration(Math.max(0, givenUpAt - sentAt))],
  ];
  return <FactList facts={rows} />;
}

function Body(props: { readonly letter: DeadLetterDetail; readonly onGone: (words: string) => void }) {
  const { letter } = props;
  const { id, body, encoding, target } = letter;
  const json = encoding === 'text' && isJson(body);
  const shown = json ? prettyJson(body) : body;
  /** Absent while it is sent as it was. */
  const [draft, setDraft] = useState<string>();
  const [to, setTo] = useState<string>();
  const [asksDiscard, setAsksDiscard] = useState(false);
  const { run, isBusy, error } = useAction();
  const isChanged = draft !== undefined && draft !== shown;
  const isBroken = draft !== undefined && json && !isJson(draft);
  const redrive = () =>
    run(async (signal) => {
      const edited = isChanged ? { body: json && !body.includes('\n') && !isBroken ? compactJson(draft) : draft } : {};
      const went = await redriveLetter(id, { ...edited, ...(to ? { to } : {}) }, signal);
      props.onGone(`It went ${isChanged ? 'edited ' : ''}to ${nameOf(went)} and is no dead letter any more.`);
    });
  const discard = () =>
    run(async (signal) => {
      setAsksDiscard(false);
      await discardLetter(id, signal);
      props.onGone('It was discarded for good.');
    });
  return (
    <section aria-label="Body">
      <div class="letter-head">
        <h4>
          Body <span class="note">{bytes(letter.bytes)}</span>
        </h4>
        {encoding === 'text' && draft === undefined && (
          <button type="button" class="plain" onClick={() => setDraft(shown)}>
            Edit
          </button>
        )}
        {draft !== undefined && (
          <button type="button" class="plain" onClick={() => setDraft(undefined)}>
            Undo edits
          </button>
        )}
      </div>
      {draft === undefined ? (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
        <pre class="body" tabIndex={0}>
          {shown}
        </pre>
      ) : (
        <textarea
          class="body"
          aria-label="Edited body"
          spellcheck={false}
          rows={Math.min(24, draft.split('\n').length + 1)}
          value={draft}
          onInput={(event) => setDraft(event.currentTarget.value)}
        />
      )}
      {encoding === 'base64' && <p class="quiet-note">It is no text: shown in base64, and sent back as it is.</p>}
      {isBroken && (
        <p class="problem waiting" role="status">
          This is no JSON any more. It is sent as it stands.
        </p>
      )}
      {target === undefined && to === undefined && (
        <p class="quiet-note">Nobody has noted where it was meant for: name a target.</p>
      )}
      {(to !== undefined || target === undefined) && (
        <label class="field">
          <span>Target (ARN or URL)</span>
          <input value={to ?? ''} spellcheck={false} onInput={(event) => setTo(event.currentTarget.value)} />
        </label>
      )}
      {error !== undefined && <Failure what="It is still here." error={error} />}
      <div class="actions">
        <button
          type="button"
          class="plain main"
          disabled={isBusy || (target === undefined && !to)}
          onClick={() => void redrive()}
        >
          {isChanged ? 'Redrive edited' : 'Redrive'} to {nameOf(to || target || '…')}
        </button>
        {target !== undefined && (
          <button type="button" class="plain" onClick={() => setTo(to === undefined ? target : undefined)}>
            {to === undefined ? 'Elsewhere…' : 'Where it was meant for'}
          </button>
        )}
        <button type="button" class="plain danger" disabled={isBusy} onClick={() => setAsksDiscard(true)}>
          Discard…
        </button>
      </div>
      {asksDiscard && (
        <Dialog
          title="Discard this dead letter?"
          confirm="Discard"
          isDangerous
          onCancel={() => setAsksDiscard(false)}
          onConfirm={() => void discard()}
        >
          <p>It is deleted. This cannot be taken back.</p>
        </Dialog>
      )}
    </section>
  );
}

function Attributes(props: { readonly attributes: Readonly<Record<string, unknown>> }) {
  const entries = Object.entries(props.attributes);
  if (entries.length === 0) return null;
  return (
    <section aria-label="Attributes">
      <h4>Attributes</h4>
      <dl class="attributes">
        {entries.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <code>{typeof value === 'string' ? value : JSON.stringify(value)}</code>
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
