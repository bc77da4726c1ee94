import { useState } from 'preact/hooks';
import { signedInAs } from '../api.ts';
import { bytes as byteWords, duration } from '../format.ts';
import { useAction } from '../hooks.ts';
import { type Attempt, addressOf, attemptFor, curlOf, type Pair, variablesOf } from './attempt.ts';
import type { Api, Route } from './model.ts';
import { type Reply, send } from './send.ts';

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'];
/** Characters of a body that are shown. */
const SHOWN_MAX = 100_000;

/** A form that calls a route, and what came back. */
export function TryIt(props: {
  readonly api: Api;
  readonly route: Route;
  readonly stages: readonly string[];
  readonly onClose: () => void;
}) {
  const { api, route, stages } = props;
  const [attempt, setAttempt] = useState<Attempt>(() => attemptFor(route));
  const [stage, setStage] = useState(stages.includes('$default') ? '$default' : (stages[0] ?? '$default'));
  const [reply, setReply] = useState<Reply>();
  const { run, isBusy, error } = useAction();
  const change = (more: Partial<Attempt>) => setAttempt({ ...attempt, ...more });
  const submit = (event: Event) => {
    event.preventDefault();
    void run(async (signal) => {
      setReply(undefined);
      const isSigned = route.authorization === 'AWS_IAM';
      setReply(await send(api, addressOf(route, stage, attempt), attempt, isSigned, signal));
    });
  };
  return (
    <section class="item-editor try-it" aria-label={`Try ${route.key}`}>
      <div class="editor-head">
        <h3>
          Try <span class="mono">{route.key}</span>
        </h3>
        <button type="button" class="plain" onClick={props.onClose}>
          Close
        </button>
      </div>
      <form onSubmit={submit}>
        <div class="query-line">
          {route.method === 'ANY' && (
            <label class="field">
              <span>Method</span>
              <select value={attempt.method} onChange={(event) => change({ method: event.currentTarget.value })}>
                {METHODS.map((method) => (
                  <option key={method}>{method}</option>
                ))}
              </select>
            </label>
          )}
          {stages.length > 1 && (
            <label class="field">
              <span>Stage</span>
              <select value={stage} onChange={(event) => setStage(event.currentTarget.value)}>
                {stages.map((name) => (
                  <option key={name}>{name}</option>
                ))}
              </select>
            </label>
          )}
          {variablesOf(route.path).map((name) => (
            <label class="field wide" key={name}>
              <span>{name}</span>
              <input
                value={attempt.variables[name] ?? ''}
                onInput={(event) => change({ variables: { ...attempt.variables, [name]: event.currentTarget.value } })}
              />
            </label>
          ))}
        </div>
        <Pairs title="Query" pairs={attempt.query} onChange={(query) => change({ query })} />
        <Pairs title="Headers" pairs={attempt.headers} onChange={(headers) => change({ headers })} />
        {!['GET', 'HEAD'].includes(attempt.method) && (
          <label class="field">
            <span>Body</span>
            <textarea
              class="item-text"
              rows={5}
              spellcheck={false}
              value={attempt.body}
              onInput={(event) => change({ body: event.currentTarget.value })}
            />
          </label>
        )}
        <Note route={route} />
        <div class="query-line">
          <button type="submit" class="plain main" disabled={isBusy}>
            {isBusy ? 'Sending…' : 'Send'}
          </button>
        </div>
      </form>
      {error !== undefined && (
        <p class="failure" role="alert">
          {error instanceof Error ? error.message : String(error)}
        </p>
      )}
      <Command api={api} route={route} stage={stage} attempt={attempt} />
      {reply && <Answer reply={reply} />}
    </section>
  );
}

/** What a caller must bring along. */
function Note(props: { readonly route: Route }) {
  const { authorization, authorizer, needsKey } = props.route;
  const words: string[] = [];
  if (authorization === 'AWS_IAM')
    words.push(signedInAs() ? 'It is signed with your key.' : 'It asks for a signature: sign in to send one.');
  else if (authorization !== 'NONE') words.push(`${authorizer ?? authorization} decides: give what it asks for.`);
  if (needsKey) words.push('It asks for an API key: header x-api-key.');
  return words.length > 0 ? <p class="quiet-note">{words.join(' ')}</p> : null;
}

function Pairs(props: {
  readonly title: string;
  readonly pairs: readonly Pair[];
  readonly onChange: (pairs: readonly Pair[]) => void;
}) {
  const { title, pairs, onChange } = props;
  const change = (at: number, more: Partial<Pair>) =>
    onChange(pairs.map((pair, index) => (index === at ? { ...pair, ...more } : pair)));
  return (
    <fieldset class="pairs">
      <legend>{title}</legend>
      {pairs.map((pair, at) => (
        <div class="query-line" key={at}>
          <input
            aria-label={`${title}: name`}
            placeholder="name"
            value={pair.name}
            onInput={(event) => change(at, { name: event.currentTarget.value })}
          />
          <input
            class="value"
            aria-label={`${title}: value`}
            placeholder="value"
            value={pair.value}
            onInput={(event) => change(at, { value: event.currentTarget.value })}
          />
          <button
            type="button"
            class="plain"
            aria-label={`${title}: remove ${pair.name}`}
            onClick={() => onChange(pairs.filter((_, index) => index !== at))}
          >
            ×
          </button>
        </div>
      ))}
      <button
        type="button"
        class="plain"
        aria-label={`Add to ${title.toLowerCase()}`}
        onClick={() => onChange([...pairs, { name: '', value: '' }])}
      >
        Add
      </button>
    </fieldset>
  );
}

function Command(props: {
  readonly api: Api;
  readonly route: Route;
  readonly stage: string;
  readonly attempt: Attempt;
}) {
  const { api, route, stage, attempt } = props;
  let text: string;
  try {
    text = curlOf(api, addressOf(route, stage, attempt), attempt);
  } catch {
    return null;
  }
  return (
    <details class="request-text">
      <summary>As curl</summary>
      <pre class="wraps">{text}</pre>
    </details>
  );
}

function Answer(props: { readonly reply: Reply }) {
  const { status, statusText, headers, body, ms } = props.reply;
  const type = headers.find(([name]) => name === 'content-type')?.[1] ?? '';
  return (
    <div class="reply" role="status" aria-label="Answer">
      <p class="reply-line">
        <b class={`code ${status < 300 ? 'good' : status < 400 ? 'warn' : 'bad'}`}>
          {status} {statusText}
        </b>
        <span>{duration(ms)}</span>
        <span>{byteWords(body.length)}</span>
      </p>
      <details class="request-text" open>
        <summary>{headers.length} headers</summary>
        <dl class="headers">
          {headers.map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      </details>
      <Body type={type} body={body} />
    </div>
  );
}

function Body(props: { readonly type: string; readonly body: Uint8Array }) {
  const { type, body } = props;
  if (body.length === 0) return <p class="quiet-note">No body.</p>;
  if (type.startsWith('image/')) {
    return <img class="reply-image" alt="The body of the answer" src={`data:${type};base64,${base64Of(body)}`} />;
  }
  const text = textOf(body);
  if (text === undefined) return <p class="quiet-note">{byteWords(body.length)} that are no text.</p>;
  return <pre class="reply-body">{(type.includes('json') ? pretty(text) : text).slice(0, SHOWN_MAX)}</pre>;
}

function textOf(body: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    return undefined;
  }
}

function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), undefined, 2);
  } catch {
    return text;
  }
}

/** In pieces: a function takes only so many arguments. */
function base64Of(body: Uint8Array): string {
  let text = '';
  for (let at = 0; at < body.length; at += 8192) text += String.fromCharCode(...body.subarray(at, at + 8192));
  return btoa(text);
}
