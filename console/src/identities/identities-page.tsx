import { useState } from 'preact/hooks';
import { dateTime } from '../format.ts';
import { usePolling } from '../hooks.ts';
import { Choice, Empty, Failure, Panel, WideTable } from '../parts.tsx';
import { SignedPage } from '../signed-page.tsx';
import { stylesBeside } from '../styles.ts';
import { type Identity, type IdentityKind, listIdentities, trustedBy } from './identities-api.ts';
import { IdentityView } from './identity-view.tsx';
import { Simulator } from './simulator.tsx';
import './identities.css';

await stylesBeside(import.meta.url);

const REFRESH_MS = 5_000;
const ROWS_MAX = 500;

/** What the address says behind `#identities`: `/role/NAME` and `/user/NAME` are one, `/simulator?principal=ARN` the simulator. */
export function IdentitiesPage(props: { readonly rest: string }) {
  const { rest } = props;
  const [, kind, name] = /^\/(role|user)\/([^/?]+)/.exec(rest) ?? [];
  return (
    <SignedPage id="identities" title="Identities">
      {(onError) => {
        if (kind) {
          const one = { kind: kind as IdentityKind, name: decodeURIComponent(name!) };
          return <IdentityView key={rest} {...one} onError={onError} />;
        }
        if (!rest.startsWith('/simulator')) return <IdentityList onError={onError} />;
        const principal = new URLSearchParams(rest.slice(rest.indexOf('?') + 1)).get('principal') ?? '';
        return <Simulator key={rest} principal={principal} onError={onError} />;
      }}
    </SignedPage>
  );
}

function IdentityList(props: { readonly onError: (error: unknown) => void }) {
  const [identities, setIdentities] = useState<readonly Identity[]>();
  const [error, setError] = useState<unknown>();
  const [search, setSearch] = useState('');
  const [kind, setKind] = useState<IdentityKind | 'all'>('all');
  usePolling(
    async (signal) => {
      // Who may list but one of them sees that one.
      const [roles, users] = await Promise.allSettled([listIdentities('role', signal), listIdentities('user', signal)]);
      if (signal.aborted) return;
      const failed = [roles, users].find((list) => list.status === 'rejected');
      setIdentities([roles, users].flatMap((list) => (list.status === 'fulfilled' ? list.value : [])));
      setError(failed?.reason);
      if (failed) props.onError(failed.reason);
    },
    REFRESH_MS,
    [],
  );
  const wanted = search.toLowerCase();
  const found = (identities ?? [])
    .map((identity) => ({ identity, trusted: identity.trustPolicy ? trustedBy(identity.trustPolicy).join(', ') : '' }))
    .filter(({ identity }) => kind === 'all' || identity.kind === kind)
    .filter(({ identity, trusted }) => `${identity.arn} ${trusted}`.toLowerCase().includes(wanted));
  return (
    <Panel
      id="identities"
      title="Identities"
      note={<a href="#identities/simulator">policy simulator</a>}
      tools={
        <>
          <Choice
            label="Kind"
            name="identity-kind"
            value={kind}
            options={[
              ['all', 'All'],
              ['role', 'Roles'],
              ['user', 'Users'],
            ]}
            onChange={setKind}
          />
          <input
            type="search"
            aria-label="Search identities"
            placeholder="Name, path, trusted"
            value={search}
            onInput={(event) => setSearch(event.currentTarget.value)}
          />
        </>
      }
    >
      {error !== undefined && <Failure what="Not all can be listed." error={error} />}
      {error === undefined && identities?.length === 0 && (
        <Empty title="No roles and users yet.">
          <p>
            Templates make them, and <code>aws iam create-role</code>.
          </p>
        </Empty>
      )}
      {identities && identities.length > 0 && found.length === 0 && <Empty title="None matches." />}
      {found.length > 0 && (
        <WideTable label="Identities" headings={['Name', 'Kind', 'Trusted', 'Path', 'Made', 'Description']}>
          {found.slice(0, ROWS_MAX).map(({ identity: one, trusted }) => (
            <tr key={one.arn}>
              <th scope="row">
                <a href={`#identities/${one.kind}/${encodeURIComponent(one.name)}`}>{one.name}</a>
              </th>
              <td>{one.kind}</td>
              <td class="wraps">{trusted || '–'}</td>
              <td>{one.path}</td>
              <td>{dateTime(Date.parse(one.createdAt))}</td>
              <td class="wraps">{one.description}</td>
            </tr>
          ))}
        </WideTable>
      )}
      {found.length > ROWS_MAX && (
        <p class="quiet-note">
          The first {ROWS_MAX} of {found.length} are shown.
        </p>
      )}
    </Panel>
  );
}
