import { useState } from 'preact/hooks';
import { dateTime, duration } from '../format.ts';
import { useReading } from '../hooks.ts';
import { Empty, Failure, Panel } from '../parts.tsx';
import { Document, originOf } from './document.tsx';
import { type Identity, type IdentityKind, type Policy, readIdentity, readPolicies } from './identities-api.ts';

const REFRESH_MS = 5_000;

/** One role or user: who may be it, and what its policies say. */
export function IdentityView(props: {
  readonly kind: IdentityKind;
  readonly name: string;
  readonly onError: (error: unknown) => void;
}) {
  const { kind, name, onError } = props;
  const [identity, setIdentity] = useState<Identity>();
  const [policies, setPolicies] = useState<readonly Policy[]>();
  const error = useReading(
    async (signal) => {
      const now = await readIdentity(kind, name, signal);
      setIdentity(now);
      setPolicies(await readPolicies(now.arn, signal));
    },
    REFRESH_MS,
    [kind, name],
    onError,
  );
  const own = policies?.filter(({ isBoundary }) => !isBoundary);
  const boundary = policies?.filter(({ isBoundary }) => isBoundary);
  return (
    <Panel
      id="identities"
      title={name}
      note={<a href="#identities">all identities</a>}
      tools={
        identity && (
          <a class="plain" href={`#identities/simulator?principal=${encodeURIComponent(identity.arn)}`}>
            Simulate
          </a>
        )
      }
    >
      {error !== undefined && <Failure what={`This ${kind} cannot be read.`} error={error} />}
      {identity && <Facts identity={identity} />}
      {identity?.trustPolicy !== undefined && (
        <section aria-label="Trust policy">
          <h3>Trust policy</h3>
          <Document text={identity.trustPolicy} />
        </section>
      )}
      {own && (
        <section aria-label="Policies">
          <h3>Policies</h3>
          {own.length === 0 ? <Empty title="No policies: nothing is allowed by them." /> : <Policies policies={own} />}
        </section>
      )}
      {boundary && boundary.length > 0 && (
        <section aria-label="Permissions boundary">
          <h3>Permissions boundary</h3>
          <Policies policies={boundary} />
        </section>
      )}
    </Panel>
  );
}

function Facts(props: { readonly identity: Identity }) {
  const { kind, arn, id, createdAt, description, maxSessionSeconds, tags } = props.identity;
  const facts = [
    ['ARN', arn],
    ['Id', id],
    ['Made', dateTime(Date.parse(createdAt))],
    ...(maxSessionSeconds ? [['Sessions last', `${duration(maxSessionSeconds * 1000)} at most`]] : []),
    ...(description ? [['Description', description]] : []),
    ...tags.map(({ Key, Value }) => [`Tag ${Key}`, Value]),
  ];
  return (
    <dl class="attributes" aria-label={`About this ${kind}`}>
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Policies(props: { readonly policies: readonly Policy[] }) {
  return (
    <div class="policies">
      {props.policies.map((policy) => (
        <details key={`${policy.origin} ${policy.group} ${policy.name}`} open>
          <summary>
            <b>{policy.name}</b> <span class="quiet-note">{originOf(policy)}</span>
            {policy.version && <span class="quiet-note">, {policy.version}</span>}
          </summary>
          {policy.text === undefined ? (
            <p class="quiet-note">{policy.arn} is not known to this node: it allows nothing.</p>
          ) : (
            <Document text={policy.text} />
          )}
        </details>
      ))}
    </div>
  );
}
