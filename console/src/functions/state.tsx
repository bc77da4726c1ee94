import { type Mood, Status } from '../status.tsx';
import type { FunctionConfiguration } from './functions-api.ts';

const MOODS: Readonly<Record<string, Mood>> = { Active: 'good', Pending: 'busy', Failed: 'bad' };

/** Whether a function or one of its versions can be invoked. `Inactive` can: it is made ready by the next call. */
export function FunctionState(props: { readonly configuration: FunctionConfiguration }) {
  const { State = 'Active', StateReason } = props.configuration;
  return (
    <span title={StateReason}>
      <Status status={State} mood={MOODS[State] ?? 'busy'} />
    </span>
  );
}
