import { useState } from 'preact/hooks';
import { readReport } from '../../../src/cli/functions/report.ts';
import { bytes, duration } from '../format.ts';
import { useAction, useReading } from '../hooks.ts';
import { isJson, prettyJson } from '../letters/json-text.ts';
import { Choice, Failure } from '../parts.tsx';
import { type Answer, type FunctionConfiguration, invoke, listAliases, listVersions } from './functions-api.ts';

const REFRESH_MS = 10_000;
/** Characters of an answer that are shown. */
const SHOWN_MAX = 100_000;

type Way = 'wait' | 'queue';

/** Invokes a function with a payload that a person writes, and shows what came of it. */
export function TestInvoke(props: { readonly configuration: FunctionConfiguration }) {
  const { FunctionName } = props.configuration;
  const [payload, setPayload] = useState('{}');
  const [qualifier, setQualifier] = useState('$LATEST');
  const [way, setWay] = useState<Way>('wait');
  const [invalid, setInvalid] = useState<string>();
  const [answer, setAnswer] = useState<Answer>();
  const { run, stop, isBusy, error } = useAction();
  const qualifiers = useQualifiers(FunctionName);
  const submit = (event: Event) => {
    event.preventDefault();
    const wrong = problemOf(payload);
    setInvalid(wrong);
    if (wrong !== undefined) return;
    void run(async (signal) => {
      setAnswer(undefined);
      setAnswer(await invoke(FunctionName, { qualifier, payload, isQueued: way === 'queue' }, signal));
    });
  };
  return (
    <form class="test-invoke" aria-label="Test" onSubmit={submit}>
      <div class="query-line">
        <label class="field">
          <span>Version or alias</span>
          <select value={qualifier} onChange={(event) => setQualifier(event.currentTarget.value)}>
            {qualifiers.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        </label>
        <Choice
          label="How"
          name="invoke-way"
          value={way}
          options={[
            ['wait', 'Wait for the answer'],
            ['queue', 'Queue the event'],
          ]}
          onChange={setWay}
        />
      </div>
      <label class="field">
        <span>Payload, JSON</span>
        <textarea
          class="item-text"
          rows={Math.min(24, Math.max(6, payload.split('\n').length + 1))}
          spellcheck={false}
          value={payload}
          aria-invalid={invalid !== undefined}
          onInput={(event) => setPayload(event.currentTarget.value)}
        />
      </label>
      {invalid !== undefined && (
        <div class="failure" role="alert">
          <strong>The payload is no JSON.</strong> {invalid}
        </div>
      )}
      <div class="query-line">
        <button type="submit" class="plain main" disabled={isBusy}>
          {isBusy ? 'Running…' : 'Invoke'}
        </button>
        {isBusy && (
          <button type="button" class="plain" onClick={stop}>
            Do not wait
          </button>
        )}
        <button type="button" class="plain" disabled={!isJson(payload)} onClick={() => setPayload(prettyJson(payload))}>
          Lay out
        </button>
      </div>
      {error !== undefined && <Failure what={`${FunctionName} was not invoked.`} error={error} />}
      {answer && <Result answer={answer} />}
    </form>
  );
}

/** What is wrong with a payload, in the browser's words. */
function problemOf(payload: string): string | undefined {
  try {
    JSON.parse(payload);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** `$LATEST`, then aliases, then versions. */
function useQualifiers(name: string): readonly string[] {
  const [qualifiers, setQualifiers] = useState<readonly string[]>(['$LATEST']);
  useReading(
    async (signal) => {
      const [aliases, versions] = await Promise.all([listAliases(name, signal), listVersions(name, signal)]);
      const published = versions.map(({ Version }) => Version).filter((version) => version !== '$LATEST');
      setQualifiers(['$LATEST', ...aliases.map(({ Name }) => Name), ...published]);
    },
    REFRESH_MS,
    [name],
  );
  return qualifiers;
}

function Result(props: { readonly answer: Answer }) {
  const { isQueued, text, ms, error, version, requestId, log } = props.answer;
  const report = log
    .split('\n')
    .map(readReport)
    .findLast((one) => one !== undefined);
  const outcome = isQueued ? 'Queued' : error === undefined ? 'Answered' : `Failed (${error})`;
  return (
    <div class="reply" role="status" aria-label="Answer">
      <p class="reply-line">
        <b class={`code ${error === undefined ? 'good' : 'bad'}`}>{outcome}</b>
        {report ? (
          <>
            <span>{duration(report.durationMs)}</span>
            <span>billed {report.billedMs} ms</span>
            <span>
              {report.usedMb} of {report.memoryMb} MB
            </span>
            <span>{report.initMs === undefined ? 'warm' : `cold start, init ${duration(report.initMs)}`}</span>
          </>
        ) : (
          <span>{duration(ms)}</span>
        )}
        {version && <span>version {version}</span>}
        <span>{bytes(new TextEncoder().encode(text).length)}</span>
        {requestId && (
          <span>
            request <code>{requestId}</code>
          </span>
        )}
      </p>
      {isQueued && <p class="quiet-note">Its lines and its REPORT appear under Logs once it has run.</p>}
      {!isQueued && <pre class={error === undefined ? 'reply-body' : 'reply-body bad'}>{shownOf(text)}</pre>}
      {log !== '' && (
        <details class="request-text" open>
          <summary>Log, its last 4 KB</summary>
          <pre class="wraps">{log.trimEnd()}</pre>
        </details>
      )}
    </div>
  );
}

function shownOf(text: string): string {
  const laidOut = isJson(text) ? prettyJson(text) : text;
  if (laidOut.length <= SHOWN_MAX) return laidOut === '' ? 'nothing' : laidOut;
  return `${laidOut.slice(0, SHOWN_MAX)}\n… ${bytes(laidOut.length - SHOWN_MAX)} more`;
}
