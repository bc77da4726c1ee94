import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError } from '../api.ts';
import { useAction } from '../hooks.ts';
import { Choice, Dialog, Failure } from '../parts.tsx';
import { createRequest, deleteRequest, type Key, keyOf, namesOf, saveRequest } from './requests.ts';
import { call, getItem } from './tables-api.ts';
import { type Attributes, plainOf, readPlain, readTyped, shown, typedOf } from './values.ts';

type Form = 'plain' | 'typed';

const WRITERS: Readonly<Record<Form, (item: Attributes) => string>> = { plain: plainOf, typed: typedOf };
const READERS: Readonly<Record<Form, (text: string) => Attributes>> = { plain: readPlain, typed: readTyped };

/** What was read, in whole; `undefined` for an item that is to be made. */
type Original = Attributes | undefined;

/** One item: read whole, edited, saved if nobody has changed it meanwhile. */
export function ItemEditor(props: {
  readonly tableName: string;
  readonly tableKey: Key;
  /** As the list has it, maybe in part; `undefined` makes a new one. */
  readonly item: Attributes | undefined;
  readonly onClose: () => void;
  /** @param words  what was done */
  readonly onDone: (words: string) => void;
}) {
  const { tableName, tableKey, item } = props;
  const [original, setOriginal] = useState<Original>();
  const [form, setForm] = useState<Form>('plain');
  const [text, setText] = useState(item ? undefined : emptyItem(tableKey));
  const [asksDelete, setAsksDelete] = useState(false);
  const [invalid, setInvalid] = useState<string>();
  const action = useAction();
  const heading = useRef<HTMLHeadingElement>(null);

  const read = () =>
    action.run(async (signal) => {
      if (!item) return;
      const now = await getItem(tableName, keyOf(item, tableKey), signal);
      if (!now) throw new Error('The item is not there any more.');
      setOriginal(now);
      setText(WRITERS[form](now));
      setInvalid(undefined);
    });
  useEffect(() => {
    void read();
    heading.current?.focus({ preventScroll: true });
  }, [item]);

  /** The item that stands in the editor. */
  const edited = (): Attributes | undefined => {
    try {
      const value = READERS[form](text ?? '');
      setInvalid(undefined);
      return value;
    } catch (error) {
      setInvalid(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  };
  const change = (to: Form) => {
    const value = edited();
    if (!value) return;
    setText(WRITERS[to](value));
    setForm(to);
  };
  const save = () => {
    const value = edited();
    if (!value) return;
    void action.run(async (signal) => {
      if (!item) {
        await call(createRequest(tableName, tableKey, value), signal);
        return props.onDone('The item is made.');
      }
      const request = saveRequest(tableName, tableKey, original!, value);
      if (!request) return props.onDone('Nothing was changed.');
      await call(request, signal);
      props.onDone('The item is saved.');
    });
  };
  const remove = () => {
    setAsksDelete(false);
    void action.run(async (signal) => {
      await call(deleteRequest(tableName, tableKey, original!), signal);
      props.onDone('The item is deleted.');
    });
  };
  const isReady = text !== undefined && (item === undefined || original !== undefined);
  const hasChanged = action.error instanceof ApiError && /ConditionalCheckFailed/.test(action.error.code);
  return (
    <article class="item-editor" aria-label={item ? 'Item' : 'New item'}>
      <div class="editor-head">
        <h3 ref={heading} tabIndex={-1}>
          {item ? keyWords(item, tableKey) : 'New item'}
        </h3>
        <button type="button" class="plain" onClick={props.onClose}>
          Close
        </button>
      </div>
      <Choice
        label="Form"
        name="item-form"
        value={form}
        options={[
          ['plain', 'JSON'],
          ['typed', 'DynamoDB JSON'],
        ]}
        onChange={change}
      />
      {isReady && (
        <textarea
          aria-label="Item as JSON"
          class="item-text"
          spellcheck={false}
          rows={Math.min(32, Math.max(8, text.split('\n').length + 1))}
          value={text}
          aria-invalid={invalid !== undefined}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      )}
      {form === 'plain' && (
        <p class="quiet-note">
          Sets and binary values: <code>{'{"$SS": ["a"]}'}</code> <code>{'{"$NS": [1]}'}</code>{' '}
          <code>{'{"$B": "base64"}'}</code>. Numbers keep every digit.
        </p>
      )}
      {invalid !== undefined && (
        <div class="failure" role="alert">
          <strong>This is no item.</strong> {invalid}
        </div>
      )}
      {hasChanged ? (
        <div class="failure" role="alert">
          <strong>{item ? 'Not saved.' : 'Not made.'}</strong>{' '}
          {item
            ? 'Somebody has changed what you would change, since you opened the item. Nothing was overwritten.'
            : 'There is an item of this key already.'}{' '}
          {item && (
            <button type="button" class="plain" onClick={() => void read()}>
              Read it again
            </button>
          )}
        </div>
      ) : (
        action.error !== undefined && <Failure what="That did not work." error={action.error} />
      )}
      <div class="dialog-buttons">
        {item && (
          <button
            type="button"
            class="plain danger"
            disabled={!isReady || action.isBusy}
            onClick={() => setAsksDelete(true)}
          >
            Delete…
          </button>
        )}
        <button type="button" class="plain main" disabled={!isReady || action.isBusy} onClick={save}>
          {item ? 'Save' : 'Create'}
        </button>
      </div>
      {asksDelete && (
        <Dialog
          title="Delete this item?"
          confirm="Delete"
          isDangerous
          onConfirm={remove}
          onCancel={() => setAsksDelete(false)}
        >
          <p>{keyWords(item!, tableKey)} is deleted for good, unless somebody has changed it since you opened it.</p>
        </Dialog>
      )}
    </article>
  );
}

function keyWords(item: Attributes, key: Key): string {
  return namesOf(key)
    .map((name) => (item[name] ? shown(item[name]) : ''))
    .join(' · ');
}

function emptyItem(key: Key): string {
  return plainOf(Object.fromEntries(namesOf(key).map((name) => [name, { S: '' }])));
}
