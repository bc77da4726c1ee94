import { useState } from 'preact/hooks';
import { useAction, usePolling } from '../hooks.ts';
import { Failure, Panel } from '../parts.tsx';
import { Document, originOf } from './document.tsx';
import {
  listIdentities,
  type Match,
  type Outcome,
  type Policy,
  readPolicies,
  simulate,
  statementsOf,
  type Verdict,
} from './identities-api.ts';
import { CONTEXT_TYPES, type ContextRow, type QuestionForm, questionOf } from './question.ts';

const OUTCOMES_MAX = 500;

interface Answer {
  readonly outcomes: readonly Outcome[];
  readonly policies: readonly Policy[];
}

/** Asks policies: may this principal do that, and which statement says so. */
export function Simulator(props: { readonly principal: string; readonly onError: (error: unknown) => void }) {
  const { onError } = props;
  const [form, setForm] = useState<QuestionForm>({
    ...{ principal: props.principal, actions: '', resources: '', context: [] },
  });
  const [principals, setPrincipals] = useState<readonly string[]>([]);
  const [answer, setAnswer] = useState<Answer>();
  const { run, isBusy, error } = useAction();
  usePolling(
    async (signal) => {
      const lists = await Promise.allSettled([listIdentities('role', signal), listIdentities('user', signal)]);
      setPrincipals(lists.flatMap((list) => (list.status === 'fulfilled' ? list.value.map(({ arn }) => arn) : [])));
      for (const list of lists) if (list.status === 'rejected' && !signal.aborted) onError(list.reason);
    },
    0,
    [],
  );
  const change = (part: Partial<QuestionForm>) => {
    setForm({ ...form, ...part });
    setAnswer(undefined);
  };
  const question = questionOf(form);
  const ask = () =>
    run(async (signal) => {
      setAnswer(undefined);
      const [outcomes, policies] = await Promise.all([
        simulate(question, signal),
        // Who may simulate need not be let to read: statements are named then, and not shown.
        readPolicies(question.principal, signal).catch(() => []),
      ]);
      setAnswer({ outcomes, policies });
    });
  return (
    <Panel id="identities" title="Policy simulator" note={<a href="#identities">all identities</a>}>
      <form
        class="query-builder"
        aria-label="Simulation"
        onSubmit={(event) => {
          event.preventDefault();
          void ask();
        }}
      >
        <label class="field">
          <span>Principal</span>
          <input
            list="principals"
            placeholder="ARN of a role, a user or a group"
            value={form.principal}
            onInput={(event) => change({ principal: event.currentTarget.value })}
          />
          <datalist id="principals">
            {principals.map((arn) => (
              <option key={arn} value={arn} />
            ))}
          </datalist>
        </label>
        <div class="simulated">
          <Lines
            label="Actions"
            placeholder={'dynamodb:GetItem, s3:PutObject\nor one a line'}
            value={form.actions}
            onChange={(actions) => change({ actions })}
          />
          <Lines
            label="Resource ARNs"
            placeholder={'any, or ARNs:\narn:aws:s3:::photos/a.jpg'}
            value={form.resources}
            onChange={(resources) => change({ resources })}
          />
        </div>
        <Context rows={form.context} onChange={(context) => change({ context })} />
        <div class="query-line">
          <button
            type="submit"
            class="plain main"
            disabled={isBusy || question.principal === '' || question.actions.length === 0}
          >
            {isBusy ? 'Asking…' : 'Simulate'}
          </button>
        </div>
      </form>
      {error !== undefined && <Failure what="That cannot be simulated." error={error} />}
      {answer && (
        <Answers
          {...answer}
          onGive={(name) => change({ context: [...form.context, { name, type: typeOf(name), value: '' }] })}
        />
      )}
    </Panel>
  );
}

/** What type a well-known key has. */
function typeOf(key: string): string {
  if (/SourceIp$|VpcSourceIp$/i.test(key)) return 'ip';
  if (/(CurrentTime|IssueTime)$/i.test(key)) return 'date';
  if (/(SecureTransport|Present|ViaAWSService)$/i.test(key)) return 'boolean';
  return /(Age|EpochTime|max-keys)$/i.test(key) ? 'numeric' : /(Keys|Attributes)$/i.test(key) ? 'stringList' : 'string';
}

function Lines(props: {
  readonly label: string;
  readonly placeholder: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
}) {
  return (
    <label class="field">
      <span>{props.label}</span>
      <textarea
        class="body"
        rows={3}
        spellcheck={false}
        placeholder={props.placeholder}
        value={props.value}
        onInput={(event) => props.onChange(event.currentTarget.value)}
      />
    </label>
  );
}

function Context(props: {
  readonly rows: readonly ContextRow[];
  readonly onChange: (rows: readonly ContextRow[]) => void;
}) {
  const { rows, onChange } = props;
  const change = (at: number, part: Partial<ContextRow>) =>
    onChange(rows.map((row, index) => (index === at ? { ...row, ...part } : row)));
  return (
    <fieldset class="pairs">
      <legend>Context keys</legend>
      {rows.map((row, at) => (
        <div class="query-line" key={at}>
          <input
            aria-label="Context key"
            placeholder="aws:SourceIp"
            value={row.name}
            onInput={(event) => change(at, { name: event.currentTarget.value })}
          />
          <select
            aria-label={`Type of ${row.name}`}
            value={row.type}
            onChange={(event) => change(at, { type: event.currentTarget.value })}
          >
            {CONTEXT_TYPES.map((type) => (
              <option key={type}>{type}</option>
            ))}
          </select>
          <input
            class="value"
            aria-label={`Value of ${row.name}`}
            placeholder={row.type.endsWith('List') ? 'values parted by commas' : 'value'}
            value={row.value}
            onInput={(event) => change(at, { value: event.currentTarget.value })}
          />
          <button
            type="button"
            class="plain"
            aria-label={`Remove ${row.name}`}
            onClick={() => onChange(rows.filter((_, index) => index !== at))}
          >
            ×
          </button>
        </div>
      ))}
      <button
        type="button"
        class="plain"
        aria-label="Add a context key"
        onClick={() => onChange([...rows, { name: '', type: 'string', value: '' }])}
      >
        Add
      </button>
    </fieldset>
  );
}

const VERDICTS: Readonly<Record<Verdict, { readonly name: string; readonly mood: string; readonly mark: string }>> = {
  allowed: { name: 'allowed', mood: 'good', mark: 'M2 6.5 5 9.5 10 3' },
  implicitDeny: { name: 'implicit deny', mood: 'warn', mark: 'M2 6H10' },
  explicitDeny: { name: 'explicit deny', mood: 'bad', mark: 'M3 3 9 9M9 3 3 9' },
};

function Answers(props: Answer & { readonly onGive: (key: string) => void }) {
  const { outcomes, policies, onGive } = props;
  const counts = (Object.keys(VERDICTS) as Verdict[]).flatMap((verdict) => {
    const count = outcomes.filter((one) => one.verdict === verdict).length;
    return count > 0 ? [`${count} ${VERDICTS[verdict].name}`] : [];
  });
  return (
    <>
      <p class="quiet-note answered" role="status">
        {counts.join(', ')}
        {outcomes.length > OUTCOMES_MAX && `; the first ${OUTCOMES_MAX} are shown`}
      </p>
      <ul class="outcomes" aria-label="Answers">
        {outcomes.slice(0, OUTCOMES_MAX).map((outcome) => (
          <li key={`${outcome.action} ${outcome.resource}`} class={`verdict ${VERDICTS[outcome.verdict].mood}`}>
            <Result outcome={outcome} policies={policies} onGive={onGive} />
          </li>
        ))}
      </ul>
    </>
  );
}

function Result(props: {
  readonly outcome: Outcome;
  readonly policies: readonly Policy[];
  readonly onGive: (key: string) => void;
}) {
  const { action, resource, verdict, matches, missing, isWithinBoundary } = props.outcome;
  const { name, mark } = VERDICTS[verdict];
  return (
    <>
      <p class="outcome-head">
        <span class="decision">
          <svg viewBox="0 0 12 12" aria-hidden="true">
            <path d={mark} />
          </svg>
          {name}
        </span>{' '}
        <b>{action}</b> on <code>{resource}</code>
      </p>
      {verdict === 'implicitDeny' && matches.length === 0 && (
        <p>{isWithinBoundary === false ? 'The permissions boundary does not allow it.' : 'No statement allows it.'}</p>
      )}
      {matches.map((match, at) => (
        <Matched key={at} match={match} policies={props.policies} />
      ))}
      {missing.length > 0 && (
        <p class="missing">
          Not given:{' '}
          {missing.map((key) => (
            <button key={key} type="button" class="plain" title={`Give ${key}`} onClick={() => props.onGive(key)}>
              {key}
            </button>
          ))}
        </p>
      )}
    </>
  );
}

/** A statement that matched, with the policy that it is in. */
function Matched(props: { readonly match: Match; readonly policies: readonly Policy[] }) {
  const { match, policies } = props;
  const found = statementsOf(match, policies);
  if (found.length === 0) {
    return (
      <p>
        By <b>{match.SourcePolicyId}</b>{' '}
        <span class="quiet-note">
          {match.SourcePolicyType}, line {match.StartPosition.Line}, column {match.StartPosition.Column}
        </span>
      </p>
    );
  }
  return (
    <>
      {found.map(({ policy, text }) => (
        <details key={`${policy.group} ${policy.isBoundary}`} open>
          <summary>
            By <b>{policy.name}</b> <span class="quiet-note">{originOf(policy)}</span>
          </summary>
          <Document text={text} />
        </details>
      ))}
    </>
  );
}
