import { useState } from 'preact/hooks';
import { age, nameOf } from '../format.ts';
import { useReading } from '../hooks.ts';
import { Empty, Failure, WideTable } from '../parts.tsx';
import { type Mood, Status } from '../status.tsx';
import {
  type EventConfig,
  listEventConfigs,
  listMappings,
  listUrls,
  type Mapping,
  type PolicyStatement,
  readPolicy,
  type UrlConfig,
} from './functions-api.ts';

const REFRESH_MS = 5_000;

interface Sources {
  readonly mappings: readonly Mapping[];
  readonly urls: readonly UrlConfig[];
  readonly statements: readonly PolicyStatement[];
  readonly events: readonly EventConfig[];
}

/** What invokes a function: sources that are polled, URLs, and who is let in by its policy. */
export function Triggers(props: { readonly name: string }) {
  const { name } = props;
  const [sources, setSources] = useState<Sources>();
  const error = useReading(
    async (signal) => {
      const [mappings, urls, statements, events] = await Promise.all([
        listMappings(name, signal),
        listUrls(name, signal),
        readPolicy(name, signal),
        listEventConfigs(name, signal),
      ]);
      setSources({ mappings, urls, statements, events });
    },
    REFRESH_MS,
    [name],
  );
  if (error !== undefined) return <Failure what="What invokes it cannot be read." error={error} />;
  if (!sources) return null;
  const { mappings, urls, statements, events } = sources;
  if (mappings.length + urls.length + statements.length + events.length === 0) {
    return (
      <Empty title="Nothing invokes it by itself.">
        <p>
          <code>aws lambda create-event-source-mapping</code> has it read a stream or a queue,{' '}
          <code>create-function-url-config</code> gives it a URL, and <code>Events</code> in a template do both.
        </p>
      </Empty>
    );
  }
  return (
    <div class="definition">
      {mappings.length > 0 && <Mappings mappings={mappings} />}
      {urls.length > 0 && <Urls urls={urls} />}
      {statements.length > 0 && <Statements statements={statements} />}
      {events.length > 0 && <Events events={events} />}
    </div>
  );
}

const MOODS: Readonly<Record<string, Mood>> = { Enabled: 'good', Disabled: 'bad' };

function Mappings(props: { readonly mappings: readonly Mapping[] }) {
  return (
    <>
      <h3>Event sources</h3>
      <WideTable label="Event sources" headings={['Source', 'For', 'State', 'Last result', 'Batch', 'Filter', 'Id']}>
        {props.mappings.map((mapping) => (
          <tr key={mapping.UUID}>
            <th scope="row" title={mapping.EventSourceArn}>
              {sourceWords(mapping.EventSourceArn)}
            </th>
            <td>{qualifierOf(mapping.FunctionArn)}</td>
            <td title={mapping.StateTransitionReason}>
              <Status status={mapping.State} mood={MOODS[mapping.State] ?? 'busy'} />
            </td>
            <td class={mapping.LastProcessingResult?.startsWith('PROBLEM') ? 'bad wraps' : 'wraps'}>
              {mapping.LastProcessingResult}
            </td>
            <td>{batchWords(mapping)}</td>
            <td class="mono wraps">
              {mapping.FilterCriteria?.Filters?.map(({ Pattern }) => Pattern).join('\nor ') || '–'}
            </td>
            <td>
              <code>{mapping.UUID}</code>
            </td>
          </tr>
        ))}
      </WideTable>
      <p class="quiet-note">
        To pause one, or to replay its stream, pick its edge in the <a href="#flow">flow</a>.
      </p>
    </>
  );
}

/** `kinesis telemetry`: service and name. */
function sourceWords(arn: string | undefined): string {
  if (arn === undefined) return '–';
  const [, , service, , , ...resource] = arn.split(':');
  // The stream of a table has a time for its name.
  const table = /^table\/([^/]+)\/stream/.exec(resource.join(':'))?.[1];
  return `${service} ${table ?? nameOf(arn)}`;
}

/** Version or alias in a function's ARN. */
const qualifierOf = (arn: string) => arn.split(':')[7] ?? '$LATEST';

function batchWords({ BatchSize, MaximumBatchingWindowInSeconds: window }: Mapping): string {
  return `${BatchSize ?? '–'}${window ? ` or ${window} s` : ''}`;
}

function Urls(props: { readonly urls: readonly UrlConfig[] }) {
  return (
    <>
      <h3>URLs</h3>
      <WideTable label="URLs" headings={['URL', 'For', 'Who may']}>
        {props.urls.map(({ FunctionUrl, FunctionArn, AuthType }) => (
          <tr key={FunctionUrl}>
            <th scope="row" class="mono wraps">
              <a href={FunctionUrl} target="_blank" rel="noreferrer">
                {FunctionUrl}
              </a>
            </th>
            <td>{qualifierOf(FunctionArn)}</td>
            <td>{AuthType === 'NONE' ? 'everybody' : 'signed calls (IAM)'}</td>
          </tr>
        ))}
      </WideTable>
    </>
  );
}

function Statements(props: { readonly statements: readonly PolicyStatement[] }) {
  return (
    <>
      <h3>Who else may invoke it</h3>
      <WideTable label="Who else may invoke it" headings={['Statement', 'Effect', 'Who', 'For', 'If']}>
        {props.statements.map(({ Sid, Effect, Principal, Resource, Condition }) => (
          <tr key={`${Sid} ${Resource}`}>
            <th scope="row">{Sid}</th>
            <td>{Effect}</td>
            <td>{principalWords(Principal)}</td>
            <td>{qualifierOf(Resource)}</td>
            <td class="mono wraps">{Condition === undefined ? '–' : JSON.stringify(Condition)}</td>
          </tr>
        ))}
      </WideTable>
    </>
  );
}

function principalWords(principal: unknown): string {
  if (typeof principal !== 'object' || principal === null) return String(principal);
  return Object.values(principal).flat().join(', ');
}

function Events(props: { readonly events: readonly EventConfig[] }) {
  return (
    <>
      <h3>Asynchronous events</h3>
      <WideTable label="Asynchronous events" headings={['For', 'Tried again', 'Until', 'On success', 'On failure']}>
        {props.events.map((one) => (
          <tr key={one.FunctionArn}>
            <th scope="row">{qualifierOf(one.FunctionArn)}</th>
            <td>{one.MaximumRetryAttempts ?? 2} times</td>
            <td>{age((one.MaximumEventAgeInSeconds ?? 21_600) * 1000)} old</td>
            <td>{destination(one.DestinationConfig?.OnSuccess)}</td>
            <td>{destination(one.DestinationConfig?.OnFailure)}</td>
          </tr>
        ))}
      </WideTable>
    </>
  );
}

const destination = (to: { readonly Destination?: string } | undefined) =>
  to?.Destination ? <span title={to.Destination}>{sourceWords(to.Destination)}</span> : '–';
