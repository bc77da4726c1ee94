import { useRef, useState } from 'preact/hooks';
import { dateTime, nameOf, preciseTime } from '../format.ts';
import { useReading } from '../hooks.ts';
import { Choice, Empty, Failure, Panel, WideTable } from '../parts.tsx';
import {
  describeStack,
  listEvents,
  listResources,
  pageOf,
  type Resource,
  readTemplate,
  type Stack,
  type StackEvent,
} from './stacks-api.ts';
import { StackState } from './status.tsx';

/** While something happens, and else. */
const BUSY_MS = 500;
const QUIET_MS = 3_000;
const EVENTS_MAX = 500;

type Tab = 'resources' | 'events' | 'outputs' | 'parameters' | 'template';

/** One stack: what it consists of, and what has happened to it. */
export function StackView(props: { readonly name: string; readonly onError: (error: unknown) => void }) {
  const { name } = props;
  const [stack, setStack] = useState<Stack>();
  const [tab, setTab] = useState<Tab>('resources');
  // By its id it is found when it has been deleted, too.
  const id = useRef(name);
  const everyMs = stack?.StackStatus.endsWith('_IN_PROGRESS') ? BUSY_MS : QUIET_MS;
  const error = useReading(
    async (signal) => {
      const now = await describeStack(id.current, signal);
      id.current = now.StackId;
      setStack(now);
    },
    everyMs,
    [name],
    props.onError,
  );
  return (
    <Panel
      id="stacks"
      title={stack?.StackName ?? nameOf(name)}
      note={<a href="#stacks">all stacks</a>}
      tools={
        <Choice
          label="Part"
          name="stack-tab"
          value={tab}
          options={[
            ['resources', 'Resources'],
            ['events', 'Events'],
            ['outputs', 'Outputs'],
            ['parameters', 'Parameters'],
            ['template', 'Template'],
          ]}
          onChange={setTab}
        />
      }
    >
      {error !== undefined && <Failure what="This stack cannot be described." error={error} />}
      {stack && <Head stack={stack} />}
      {stack && tab === 'resources' && <Resources stack={stack} everyMs={everyMs} />}
      {stack && tab === 'events' && <Events stack={stack} everyMs={everyMs} />}
      {stack && tab === 'outputs' && <Outputs stack={stack} />}
      {stack && tab === 'parameters' && <Parameters stack={stack} />}
      {stack && tab === 'template' && <Template stack={stack} />}
    </Panel>
  );
}

function Head(props: { readonly stack: Stack }) {
  const { StackStatus, StackStatusReason, Description, CreationTime, LastUpdatedTime, ParentId } = props.stack;
  return (
    <div class="stack-head">
      <p>
        <StackState status={StackStatus} /> {StackStatusReason}
      </p>
      <p class="quiet-note">
        made {dateTime(Date.parse(CreationTime))}
        {LastUpdatedTime && `, last updated ${dateTime(Date.parse(LastUpdatedTime))}`}
        {ParentId && (
          <>
            , part of <a href={`#stacks/${encodeURIComponent(ParentId)}`}>{stackName(ParentId)}</a>
          </>
        )}
      </p>
      {Description && <p>{Description}</p>}
    </div>
  );
}

const stackName = (id: string) => id.split('/')[1] ?? id;

/** Reads a part of a stack again and again, and anew when the stack's status has changed. */
function usePart<T>(stack: Stack, everyMs: number, read: (id: string, signal: AbortSignal) => Promise<T>) {
  const [part, setPart] = useState<T>();
  const error = useReading(
    async (signal) => {
      const now = await read(stack.StackId, signal);
      if (signal.aborted) return;
      setPart(now);
    },
    everyMs,
    [stack.StackId, stack.StackStatus],
  );
  return { part, error };
}

interface PartProps {
  readonly stack: Stack;
  readonly everyMs: number;
}

function Resources({ stack, everyMs }: PartProps) {
  const { part, error } = usePart(stack, everyMs, listResources);
  if (error !== undefined) return <Failure what="Resources cannot be listed." error={error} />;
  if (part?.length === 0) return <Empty title="No resources yet." />;
  return (
    <WideTable label="Resources" headings={['Logical id', 'Type', 'Status', 'Physical id']}>
      {part?.map((resource) => (
        <tr key={resource.LogicalResourceId}>
          <th scope="row">{resource.LogicalResourceId}</th>
          <td>{resource.ResourceType}</td>
          <td>
            <StackState status={resource.ResourceStatus} />
            {resource.ResourceStatusReason && <div class="reason">{resource.ResourceStatusReason}</div>}
          </td>
          <td class="mono wraps">
            <PhysicalId resource={resource} />
          </td>
        </tr>
      ))}
    </WideTable>
  );
}

function PhysicalId(props: { readonly resource: Resource }) {
  const { resource } = props;
  const page = pageOf(resource);
  const name = resource.PhysicalResourceId;
  return page === undefined ? name : <a href={page}>{name}</a>;
}

function Events({ stack, everyMs }: PartProps) {
  const { part, error } = usePart(stack, everyMs, listEvents);
  if (error !== undefined) return <Failure what="Events cannot be listed." error={error} />;
  return (
    <>
      <ol class="stack-events" aria-label="Events">
        {part?.slice(0, EVENTS_MAX).map((event) => (
          <Event key={event.EventId} event={event} />
        ))}
      </ol>
      {part && part.length > EVENTS_MAX && (
        <p class="quiet-note">
          The last {EVENTS_MAX} of {part.length} are shown.
        </p>
      )}
    </>
  );
}

function Event(props: { readonly event: StackEvent }) {
  const { Timestamp, ResourceStatus, LogicalResourceId, ResourceType, ResourceStatusReason } = props.event;
  return (
    <li>
      <time title={dateTime(Date.parse(Timestamp))}>{preciseTime(Date.parse(Timestamp))}</time>
      <StackState status={ResourceStatus} />
      <b>{LogicalResourceId}</b>
      <span class="type">{ResourceType}</span>
      {ResourceStatusReason && <span class="reason">{ResourceStatusReason}</span>}
    </li>
  );
}

function Outputs(props: { readonly stack: Stack }) {
  const { Outputs: outputs } = props.stack;
  if (outputs.length === 0) return <Empty title="This stack gives nothing out." />;
  return (
    <Facts
      label="Outputs"
      headings={['Key', 'Value', 'Export', 'Description']}
      rows={outputs.map((one) => [one.OutputKey, one.OutputValue, one.ExportName, one.Description])}
    />
  );
}

function Parameters(props: { readonly stack: Stack }) {
  const { Parameters: parameters, Tags } = props.stack;
  return (
    <>
      {parameters.length === 0 ? (
        <Empty title="This stack takes no parameters." />
      ) : (
        <Facts
          label="Parameters"
          headings={['Key', 'Value', 'Resolved']}
          rows={parameters.map((one) => [one.ParameterKey, one.ParameterValue, one.ResolvedValue])}
        />
      )}
      {Tags.length > 0 && (
        <Facts label="Tags" headings={['Tag', 'Value']} rows={Tags.map(({ Key, Value }) => [Key, Value])} />
      )}
    </>
  );
}

function Facts(props: {
  readonly label: string;
  readonly headings: readonly string[];
  readonly rows: readonly (readonly (string | undefined)[])[];
}) {
  return (
    <WideTable label={props.label} headings={props.headings}>
      {props.rows.map(([key, ...values]) => (
        <tr key={key}>
          <th scope="row">{key}</th>
          {values.map((value, at) => (
            <td key={at} class={at === 0 ? 'mono wraps' : 'wraps'}>
              {at === 0 && /^https?:\/\//.test(value ?? '') ? <Link url={value!} /> : (value ?? '–')}
            </td>
          ))}
        </tr>
      ))}
    </WideTable>
  );
}

function Link(props: { readonly url: string }) {
  return (
    <a href={props.url} target="_blank" rel="noreferrer">
      {props.url}
    </a>
  );
}

function Template(props: { readonly stack: Stack }) {
  const { part, error } = usePart(props.stack, 0, readTemplate);
  if (error !== undefined) return <Failure what="The template cannot be read." error={error} />;
  if (part === undefined) return null;
  return <pre class="template">{readable(part)}</pre>;
}

/** JSON on one line is nothing to read. */
function readable(template: string): string {
  if (!template.trimStart().startsWith('{')) return template;
  try {
    return JSON.stringify(JSON.parse(template), undefined, 2);
  } catch {
    return template;
  }
}
