/** Small parts that panels share. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { ApiError } from './api.ts';

export function Panel(props: {
  readonly id: string;
  readonly title: string;
  readonly note?: ComponentChildren;
  readonly tools?: ComponentChildren;
  readonly children: ComponentChildren;
}) {
  return (
    <section class="panel" id={props.id} aria-labelledby={`${props.id}-title`}>
      <header class="panel-head">
        <h2 id={`${props.id}-title`}>{props.title}</h2>
        {props.note && <span class="note">{props.note}</span>}
        <div class="tools">{props.tools}</div>
      </header>
      {props.children}
    </section>
  );
}

/** One of a few: radio buttons that look like one control. */
export function Choice<T extends string>(props: {
  readonly label: string;
  readonly name: string;
  readonly value: T;
  readonly options: readonly (readonly [T, string])[];
  readonly onChange: (value: T) => void;
}) {
  return (
    <fieldset class="choice">
      <legend class="hidden">{props.label}</legend>
      {props.options.map(([value, text]) => (
        <label key={value} class={value === props.value ? 'on' : ''}>
          <input
            type="radio"
            name={props.name}
            checked={value === props.value}
            onChange={() => props.onChange(value)}
          />
          {text}
        </label>
      ))}
    </fieldset>
  );
}

/** A table that scrolls by itself where it is wider than the page. @param children  its rows */
export function WideTable(props: {
  readonly label: string;
  readonly headings: readonly string[];
  readonly children: ComponentChildren;
}) {
  return (
    <div class="wide-table">
      <table aria-label={props.label}>
        <thead>
          <tr>
            {props.headings.map((heading) => (
              <th key={heading} scope="col">
                {heading}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{props.children}</tbody>
      </table>
    </div>
  );
}

/** What to do when there is nothing to see yet. */
export function Empty(props: { readonly title: string; readonly children?: ComponentChildren }) {
  return (
    <div class="empty">
      <strong>{props.title}</strong>
      {props.children}
    </div>
  );
}

export function Failure(props: { readonly what: string; readonly error: unknown }) {
  const { error } = props;
  const id = error instanceof ApiError ? error.requestId : undefined;
  return (
    <div class="failure" role="alert">
      <strong>{props.what}</strong> {error instanceof Error ? error.message : String(error)}
      {id && (
        <span class="request">
          request <code>{id}</code>
        </span>
      )}
    </div>
  );
}

/** What is known of a thing, a line each: its name, what it is, and what a pointer that rests on it is told. */
export function FactList(props: {
  readonly facts: readonly (readonly [name: string, value: string | undefined, title?: string])[];
}) {
  return (
    <dl class="story">
      {props.facts.map(
        ([name, value, title]) =>
          value !== undefined && (
            <div key={name}>
              <dt>{name}</dt>
              <dd title={title}>{value}</dd>
            </div>
          ),
      )}
    </dl>
  );
}

/** Asks before something is done that cannot be taken back. Escape cancels; focus stays within while it is open. */
export function Dialog(props: {
  readonly title: string;
  readonly confirm: string;
  readonly isDangerous?: boolean;
  readonly isReady?: boolean;
  readonly onConfirm: () => void;
  readonly onCancel: () => void;
  readonly children: ComponentChildren;
}) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => ref.current?.showModal(), []);
  const { isDangerous = false, isReady = true } = props;
  return (
    <dialog ref={ref} aria-label={props.title} onCancel={props.onCancel}>
      <h2>{props.title}</h2>
      {props.children}
      <div class="dialog-buttons">
        <button type="button" class="plain" onClick={props.onCancel}>
          Cancel
        </button>
        <button
          type="button"
          class={isDangerous ? 'plain danger' : 'plain main'}
          disabled={!isReady}
          onClick={props.onConfirm}
        >
          {props.confirm}
        </button>
      </div>
    </dialog>
  );
}
