import { useState } from 'preact/hooks';
import { dateTime } from '../format.ts';
import { useReading } from '../hooks.ts';
import { Empty, Failure, Panel, WideTable } from '../parts.tsx';
import { nameIn, SignedPage } from '../signed-page.tsx';
import { stylesBeside } from '../styles.ts';
import { StackView } from './stack-view.tsx';
import { listStacks, type Stack } from './stacks-api.ts';
import { StackState } from './status.tsx';
import './stacks.css';

await stylesBeside(import.meta.url);

const REFRESH_MS = 3_000;

/** What the address says behind `#stacks`: `/NAME` (or an id) is one stack. */
export function StacksPage(props: { readonly rest: string }) {
  const name = nameIn(props.rest);
  return (
    <SignedPage id="stacks" title="Stacks">
      {(onError) =>
        name === undefined ? <StackList onError={onError} /> : <StackView key={name} name={name} onError={onError} />
      }
    </SignedPage>
  );
}

function StackList(props: { readonly onError: (error: unknown) => void }) {
  const [stacks, setStacks] = useState<readonly Stack[]>();
  const [search, setSearch] = useState('');
  const error = useReading(
    async (signal) => {
      setStacks(await listStacks(signal));
    },
    REFRESH_MS,
    [],
    props.onError,
  );
  const wanted = search.toLowerCase();
  const found = (stacks ?? []).filter(({ StackName }) => StackName.toLowerCase().includes(wanted));
  return (
    <Panel
      id="stacks"
      title="Stacks"
      note={stacks && `${stacks.length}`}
      tools={
        <input
          type="search"
          aria-label="Search stacks"
          placeholder="Name"
          value={search}
          onInput={(event) => setSearch(event.currentTarget.value)}
        />
      }
    >
      {error !== undefined && <Failure what="Stacks cannot be listed." error={error} />}
      {stacks?.length === 0 && (
        <Empty title="No stacks yet.">
          <p>
            <code>millrace deploy</code>, <code>osls deploy</code>, <code>aws cloudformation deploy</code> or{' '}
            <code>cdk deploy</code> makes one.
          </p>
        </Empty>
      )}
      {stacks && stacks.length > 0 && found.length === 0 && <Empty title="No stack matches." />}
      {found.length > 0 && (
        <WideTable label="Stacks" headings={['Name', 'Status', 'Made', 'Last update', 'Description']}>
          {found.map((stack) => (
            <tr key={stack.StackId}>
              <th scope="row" class={stack.ParentId ? 'nested' : ''}>
                <a href={`#stacks/${encodeURIComponent(stack.StackName)}`}>{stack.StackName}</a>
              </th>
              <td>
                <StackState status={stack.StackStatus} />
              </td>
              <td>{dateTime(Date.parse(stack.CreationTime))}</td>
              <td>{stack.LastUpdatedTime ? dateTime(Date.parse(stack.LastUpdatedTime)) : '–'}</td>
              <td class="wraps">{stack.Description}</td>
            </tr>
          ))}
        </WideTable>
      )}
    </Panel>
  );
}
