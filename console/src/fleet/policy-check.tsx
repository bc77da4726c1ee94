import { useState } from 'preact/hooks';
import { age } from '../format.ts';
import { useAction, usePolling } from '../hooks.ts';
import { Failure, Panel } from '../parts.tsx';
import { ACTIONS, type Action, type Explanation, explainAccess, listRefusals, type Refusal } from './access-api.ts';
import type { DeviceDetail } from './fleet-api.ts';

const REFRESH_MS = 5000;

/** What the device was refused lately, and a question to its policies: may it do this, and why. */
export function PolicyCheck(props: { readonly device: DeviceDetail }) {
  const { device } = props;
  const clientId = device.connection?.clientId ?? device.name;
  const [action, setAction] = useState<Action>('Publish');
  const [name, setName] = useState('');
  const [answer, setAnswer] = useState<Explanation>();
  const [refusals, setRefusals] = useState<readonly Refusal[]>([]);
  const { run, isBusy, error } = useAction();
  usePolling(async (signal) => setRefusals(await listRefusals(clientId, signal)), REFRESH_MS, [clientId]);
  const check = (asked: Action, topic: string) => {
    const principal = device.principals[0]?.principal;
    const who = principal?.startsWith('arn:') ? { principal, client: clientId } : { client: clientId };
    void run(async (signal) => setAnswer(await explainAccess(who, asked, topic, signal)));
  };
  return (
    <Panel id="device-policies" title="Policy check">
      <form
        class="policy-form"
        onSubmit={(event) => {
          event.preventDefault();
          check(action, action === 'Connect' ? clientId : name);
        }}
      >
        <select aria-label="Action" value={action} onChange={(event) => setAction(event.currentTarget.value as Action)}>
          {ACTIONS.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
        <input
          type="search"
          aria-label={action === 'Subscribe' ? 'Topic filter' : 'Topic'}
          placeholder={action === 'Subscribe' ? 'plants/+/state' : 'plants/north/state'}
          value={action === 'Connect' ? clientId : name}
          disabled={action === 'Connect'}
          onInput={(event) => setName(event.currentTarget.value)}
        />
        <button type="submit" class="plain" disabled={isBusy || (name === '' && action !== 'Connect')}>
          Check
        </button>
      </form>
      {error !== undefined && <Failure what="That cannot be checked." error={error} />}
      {answer && <Answer answer={answer} />}
      {refusals.length > 0 && (
        <>
          <h3>Refused lately</h3>
          <ul class="refusals">
            {refusals.map((refusal) => (
              <li key={`${refusal.action} ${refusal.name}`}>
                <button
                  type="button"
                  onClick={() => {
                    const asked = ACTIONS.find((one) => refusal.action === `iot:${one}`) ?? 'Publish';
                    setAction(asked);
                    setName(refusal.name);
                    check(asked, refusal.name);
                  }}
                >
                  <b>{refusal.action}</b> <code>{refusal.name}</code>
                  <span class="quiet-note">
                    {refusal.count > 1 && `${refusal.count} times, last `}
                    {age(Math.max(0, Date.now() - refusal.lastAt))} ago: {refusal.because}
                  </span>
                </button>
              </li>
            ))}
          </ul>
        </>
      )}
    </Panel>
  );
}

function Answer(props: { readonly answer: Explanation }) {
  const { verdict, action, resource, because, findings } = props.answer;
  const isAllowed = verdict === 'ALLOWED';
  return (
    <div class={isAllowed ? 'verdict good' : 'verdict bad'} role="status">
      <p>
        <b>{isAllowed ? 'Allowed' : verdict === 'EXPLICIT_DENY' ? 'Denied' : 'Not allowed'}</b> {because}
      </p>
      <p class="quiet-note">
        {action} on <code>{resource}</code>
      </p>
      <ol>
        {findings.map((finding) => (
          <li key={`${finding.policy} ${finding.statement}`} class={finding.applies ? 'applies' : ''}>
            <b>{finding.effect}</b> {finding.policy}, statement {finding.statement}
            {finding.sid !== undefined && ` (${finding.sid})`}: {finding.because}
          </li>
        ))}
      </ol>
    </div>
  );
}
