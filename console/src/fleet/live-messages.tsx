import { useState } from 'preact/hooks';
import { bytes, preciseTime } from '../format.ts';
import { prettyJson } from '../letters/json-text.ts';
import { Empty, Failure, Panel } from '../parts.tsx';
import type { LiveView, Message } from './use-messages.ts';

/** What the device publishes, the newest first; one can be opened to be read whole. */
export function LiveMessages(props: { readonly live: LiveView }) {
  const { messages, missed, error, isPaused, pause } = props.live;
  const [search, setSearch] = useState('');
  const wanted = search.trim().toLowerCase();
  const shown = messages.filter(
    ({ topic, text }) => wanted === '' || topic.toLowerCase().includes(wanted) || text.toLowerCase().includes(wanted),
  );
  return (
    <Panel
      id="device-messages"
      title="Messages"
      note={missed > 0 ? `${missed} too many to show` : undefined}
      tools={
        <>
          <input
            type="search"
            aria-label="Filter messages"
            placeholder="Topic or payload"
            value={search}
            onInput={(event) => setSearch(event.currentTarget.value)}
          />
          <label class="switch">
            <input type="checkbox" checked={!isPaused} onChange={() => pause(!isPaused)} /> Live
          </label>
        </>
      }
    >
      {error !== undefined && <Failure what="Messages cannot be read." error={error} />}
      {messages.length === 0 && error === undefined && (
        <Empty title="Nothing published since this page was opened.">
          <p>Messages appear here as the device publishes them.</p>
        </Empty>
      )}
      {messages.length > 0 && shown.length === 0 && <p class="quiet-note">No message has this in it.</p>}
      <ol class="messages scroll" aria-label="Messages">
        {shown.map((message) => (
          <MessageRow key={`${message.number} ${message.at}`} message={message} />
        ))}
      </ol>
    </Panel>
  );
}

function MessageRow(props: { readonly message: Message }) {
  const { message } = props;
  const [isOpen, setIsOpen] = useState(false);
  return (
    <li>
      <button type="button" aria-expanded={isOpen} onClick={() => setIsOpen(!isOpen)}>
        <time>{preciseTime(message.at)}</time>
        <span class="topic">{message.topic}</span>
        <span class="quiet-note">
          QoS {message.qos}
          {message.retain && ', retained'}, {bytes(message.bytes)}
        </span>
        {!isOpen && <code>{message.isText ? message.text : `0x${message.text}`}</code>}
      </button>
      {isOpen && <pre>{wholeText(message)}</pre>}
    </li>
  );
}

function wholeText({ text, isText, bytes: size }: Message): string {
  if (!isText) return `0x${text}`;
  const isCut = new TextEncoder().encode(text).length < size;
  return isCut ? `${text}…` : prettyOr(text);
}

function prettyOr(text: string): string {
  try {
    JSON.parse(text);
    return prettyJson(text);
  } catch {
    return text;
  }
}
