import { useState } from 'preact/hooks';
import { useReading } from '../hooks.ts';
import { Choice, Empty, Failure, Panel, WideTable } from '../parts.tsx';
import { readParts } from './apis-api.ts';
import type { Api, ApiParts, Integration, Route } from './model.ts';
import { TryIt } from './try-it.tsx';

const REFRESH_MS = 5_000;

type Tab = 'routes' | 'stages' | 'integrations' | 'authorizers';

/** One API: its routes, one of them to be tried, and what stands behind them. */
export function ApiView(props: { readonly api: Api }) {
  const { api } = props;
  const [parts, setParts] = useState<ApiParts>();
  const [tab, setTab] = useState<Tab>('routes');
  const error = useReading(
    async (signal) => {
      const now = await readParts(api, signal);
      // The same API as before is the same object: what hangs on it is not done anew.
      setParts((before) => (JSON.stringify(before) === JSON.stringify(now) ? before : now));
    },
    REFRESH_MS,
    [api.id],
  );
  return (
    <Panel
      id="apis"
      title={api.name}
      note={<a href="#apis">all APIs</a>}
      tools={
        <Choice
          label="Part"
          name="api-tab"
          value={tab}
          options={[
            ['routes', 'Routes'],
            ['stages', 'Stages'],
            ['integrations', 'Integrations'],
            ['authorizers', 'Authorizers'],
          ]}
          onChange={setTab}
        />
      }
    >
      <p class="api-address">
        <span class="note">{api.kind} API</span> <code>{api.endpoint}</code> {api.description}
      </p>
      {error !== undefined && <Failure what="This API cannot be read." error={error} />}
      {parts && tab === 'routes' && <Routes api={api} parts={parts} />}
      {parts && tab === 'stages' && <Stages parts={parts} />}
      {parts && tab === 'integrations' && <Integrations parts={parts} />}
      {parts && tab === 'authorizers' && <Authorizers parts={parts} />}
    </Panel>
  );
}

function Routes(props: { readonly api: Api; readonly parts: ApiParts }) {
  const { routes, stages } = props.parts;
  const [open, setOpen] = useState<string>();
  const route = routes.find(({ id }) => id === open);
  if (routes.length === 0) return <Empty title="No routes yet." />;
  return (
    <div class={route ? 'items open' : 'items'}>
      <WideTable label="Routes" headings={['Route', 'Integration', 'Who may']}>
        {routes.map((one) => (
          <tr key={one.id} class={one.id === open ? 'picked' : ''}>
            <th scope="row">
              <button
                type="button"
                class="link route"
                aria-expanded={one.id === open}
                onClick={() => setOpen(one.id === open ? undefined : one.id)}
              >
                <b class={`method ${one.method.toLowerCase()}`}>{one.method}</b>
                <span class="mono">{one.key === '$default' ? '$default' : one.path}</span>
              </button>
            </th>
            <td>{integrationWords(one.integration)}</td>
            <td>{accessWords(one)}</td>
          </tr>
        ))}
      </WideTable>
      {route && (
        <TryIt
          key={route.id}
          api={props.api}
          route={route}
          stages={stages.map(({ name }) => name)}
          onClose={() => setOpen(undefined)}
        />
      )}
    </div>
  );
}

function integrationWords(integration: Integration | undefined): string {
  if (!integration) return '–';
  return integration.target === '' ? integration.type.toLowerCase() : integration.target;
}

function accessWords({ authorization, authorizer, needsKey }: Route): string {
  const who = authorization === 'NONE' ? 'anyone' : (authorizer ?? authorization);
  return needsKey ? `${who}, with an API key` : who;
}

function Stages(props: { readonly parts: ApiParts }) {
  const { stages } = props.parts;
  if (stages.length === 0) return <Empty title="No stages yet: no caller finds the API." />;
  return (
    <WideTable label="Stages" headings={['Stage', 'Deployment', 'Variables', 'Throttling', 'Access log']}>
      {stages.map(({ name, deployment, isAutomatic, variables, throttling, accessLog }) => (
        <tr key={name}>
          <th scope="row">{name}</th>
          <td>
            {deployment ?? '–'}
            {isAutomatic && ', with every change'}
          </td>
          <td class="mono">
            {Object.entries(variables)
              .map(([variable, value]) => `${variable}=${value}`)
              .join(' ') || '–'}
          </td>
          <td>{throttling ?? '–'}</td>
          <td>{accessLog ?? '–'}</td>
        </tr>
      ))}
    </WideTable>
  );
}

function Integrations(props: { readonly parts: ApiParts }) {
  const { integrations, routes } = props.parts;
  if (integrations.length === 0) return <Empty title="No integrations yet." />;
  return (
    <WideTable label="Integrations" headings={['Calls', 'Type', 'Payload', 'Timeout', 'Routes']}>
      {integrations.map((one) => (
        <tr key={one.id}>
          <th scope="row">{integrationWords(one)}</th>
          <td>{one.type}</td>
          <td>{one.format ?? '–'}</td>
          <td>{one.timeoutMs === undefined ? '–' : `${one.timeoutMs / 1000} s`}</td>
          <td class="wraps">
            {routes
              .filter(({ integration }) => integration?.id === one.id)
              .map(({ key }) => key)
              .join(', ')}
          </td>
        </tr>
      ))}
    </WideTable>
  );
}

function Authorizers(props: { readonly parts: ApiParts }) {
  const { authorizers } = props.parts;
  if (authorizers.length === 0) return <Empty title="No authorizers: routes let anyone in, or whoever IAM knows." />;
  return (
    <WideTable label="Authorizers" headings={['Name', 'Type', 'Knows callers by', 'Asks', 'Keeps answers']}>
      {authorizers.map(({ id, name, type, source, asks, keptSeconds }) => (
        <tr key={id}>
          <th scope="row">{name}</th>
          <td>{type}</td>
          <td class="mono">{source}</td>
          <td class="wraps">{asks}</td>
          <td>{keptSeconds ? `${keptSeconds} s` : 'no'}</td>
        </tr>
      ))}
    </WideTable>
  );
}
