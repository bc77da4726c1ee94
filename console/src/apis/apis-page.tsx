import { useState } from 'preact/hooks';
import { dateTime } from '../format.ts';
import { useReading } from '../hooks.ts';
import { Empty, Failure, Panel, WideTable } from '../parts.tsx';
import { nameIn, SignedPage } from '../signed-page.tsx';
import { stylesBeside } from '../styles.ts';
import { ApiView } from './api-view.tsx';
import { listApis } from './apis-api.ts';
import './apis.css';
import type { Api } from './model.ts';

await stylesBeside(import.meta.url);

const REFRESH_MS = 10_000;

/** What the address says behind `#apis`: `/ID` is one API. */
export function ApisPage(props: { readonly rest: string }) {
  return (
    <SignedPage id="apis" title="APIs">
      {(onError) => <Apis id={nameIn(props.rest)} onError={onError} />}
    </SignedPage>
  );
}

function Apis(props: { readonly id: string | undefined; readonly onError: (error: unknown) => void }) {
  const [apis, setApis] = useState<readonly Api[]>();
  const [search, setSearch] = useState('');
  const error = useReading(
    async (signal) => {
      setApis(await listApis(signal));
    },
    REFRESH_MS,
    [],
    props.onError,
  );
  const open = apis?.find(({ id }) => id === props.id);
  if (open) return <ApiView key={open.id} api={open} />;
  const wanted = search.toLowerCase();
  const found = (apis ?? []).filter(({ name, id }) => `${name} ${id}`.toLowerCase().includes(wanted));
  return (
    <Panel
      id="apis"
      title="APIs"
      note={apis && `${apis.length}`}
      tools={
        <input
          type="search"
          aria-label="Search APIs"
          placeholder="Name"
          value={search}
          onInput={(event) => setSearch(event.currentTarget.value)}
        />
      }
    >
      {error !== undefined && <Failure what="APIs cannot be listed." error={error} />}
      {apis && props.id !== undefined && <Empty title={`There is no API ${props.id} here any more.`} />}
      {apis?.length === 0 && props.id === undefined && (
        <Empty title="No APIs yet.">
          <p>
            <code>aws apigatewayv2 create-api</code>, a template with <code>AWS::Serverless::HttpApi</code>, or{' '}
            <code>httpApi</code> events of a <code>serverless.yml</code> make one.
          </p>
        </Empty>
      )}
      {apis && apis.length > 0 && found.length === 0 && <Empty title="No API matches." />}
      {found.length > 0 && (
        <WideTable label="APIs" headings={['Name', 'Kind', 'Id', 'Address', 'Made']}>
          {found.map((api) => (
            <tr key={api.id}>
              <th scope="row">
                <a href={`#apis/${api.id}`}>{api.name}</a>
              </th>
              <td>{api.kind}</td>
              <td>
                <code>{api.id}</code>
              </td>
              <td class="mono">{api.endpoint}</td>
              <td>{api.createdAt !== undefined && dateTime(api.createdAt)}</td>
            </tr>
          ))}
        </WideTable>
      )}
    </Panel>
  );
}
