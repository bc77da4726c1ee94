import { Status } from '../status.tsx';
import { moodOf } from './stacks-api.ts';

/** A status as CloudFormation spells it. */
export function StackState(props: { readonly status: string }) {
  return <Status status={props.status} mood={moodOf(props.status)} />;
}
