import { useState } from 'preact/hooks';
import type { FlowNode } from '../api.ts';
import { useReading } from '../hooks.ts';
import { Choice, Empty, FactList, Failure, Panel } from '../parts.tsx';
import { Configuration } from './configuration.tsx';
import { type FunctionDetail, isGone, readFunction } from './functions-api.ts';
import { Logs } from './logs.tsx';
import { Metrics } from './metrics.tsx';
import { FunctionState } from './state.tsx';
import { TestInvoke } from './test-invoke.tsx';
import { Triggers } from './triggers.tsx';
import { Versions } from './versions.tsx';
import { environmentWords, timeWords } from './words.ts';

const REFRESH_MS = 3_000;

type Tab = 'metrics' | 'logs' | 'test' | 'configuration' | 'triggers' | 'versions';

/** One function: how it does, what it says, what it is, and what invokes it. */
export function FunctionView(props: {
  readonly name: string;
  /** What the flow has of it. */
  readonly node: FlowNode | undefined;
  readonly theme: string;
  readonly onError: (error: unknown) => void;
}) {
  const { name, node } = props;
  const [detail, setDetail] = useState<FunctionDetail>();
  const [tab, setTab] = useState<Tab>('metrics');
  const error = useReading(
    async (signal) => {
      const now = await readFunction(name, signal);
      // The same function as before is the same object: what hangs on it is not done anew.
      setDetail((before) => (JSON.stringify(before) === JSON.stringify(now) ? before : now));
    },
    REFRESH_MS,
    [name],
    props.onError,
  );
  return (
    <Panel
      id="functions"
      title={name}
      note={<a href="#functions">all functions</a>}
      tools={
        <Choice
          label="Part"
          name="function-tab"
          value={tab}
          options={[
            ['metrics', 'Metrics'],
            ['logs', 'Logs'],
            ['test', 'Test'],
            ['configuration', 'Configuration'],
            ['triggers', 'Triggers'],
            ['versions', 'Versions'],
          ]}
          onChange={setTab}
        />
      }
    >
      {isGone(error) && (
        <Empty title={`There is no function ${name}${detail ? ' any more' : ''}.`}>
          <p>
            It may have been deleted, or be of another region: the console shows us-east-1.{' '}
            <a href="#functions">All functions</a>
          </p>
        </Empty>
      )}
      {error !== undefined && !isGone(error) && <Failure what="This function cannot be read." error={error} />}
      {detail && !isGone(error) && (
        <>
          <Head detail={detail} node={node} />
          {tab === 'metrics' && <Metrics name={name} theme={props.theme} onTest={() => setTab('test')} />}
          {tab === 'logs' && <Logs configuration={detail.configuration} />}
          {/* What was typed in and what came of it stay while another part is looked at. */}
          <div hidden={tab !== 'test'}>
            <TestInvoke configuration={detail.configuration} />
          </div>
          {tab === 'configuration' && <Configuration detail={detail} />}
          {tab === 'triggers' && <Triggers name={name} />}
          {tab === 'versions' && <Versions name={name} />}
        </>
      )}
    </Panel>
  );
}

function Head(props: { readonly detail: FunctionDetail; readonly node: FlowNode | undefined }) {
  const { detail, node } = props;
  const { Runtime, MemorySize, Timeout, Description, StateReason } = detail.configuration;
  return (
    <div class="function-head">
      <p>
        <FunctionState configuration={detail.configuration} /> {StateReason}
      </p>
      {Description && <p>{Description}</p>}
      <FactList
        facts={[
          ['runtime', Runtime],
          ['memory', `${MemorySize} MB`],
          ['timeout', `${Timeout} s`],
          ['environments now', environmentWords(node)],
          ['p50', timeWords(node?.p50Ms), 'of the last 512 invocations'],
          ['p99', timeWords(node?.p99Ms), 'of the last 512 invocations'],
        ]}
      />
    </div>
  );
}
