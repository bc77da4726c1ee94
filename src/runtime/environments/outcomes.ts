import type { AnswerFrame } from './frames.ts';
import type { StreamedResponse } from './streaming.ts';

/** What became of an invocation. */
export type Outcome =
  | { readonly kind: 'success'; readonly payload: Uint8Array }
  | { readonly kind: 'error'; readonly payload: Uint8Array; readonly errorType: string; readonly handled: boolean };

/** One that came in pieces ends as such, and no other; an error may come in place of both. */
export function isOfTwoKinds({ kind }: AnswerFrame, stream: StreamedResponse | undefined): boolean {
  return (kind === 'stream-end') !== (stream !== undefined) && kind !== 'error';
}

/** @param stream  what has come of it in pieces */
export function outcomeOf(answer: AnswerFrame, stream: StreamedResponse | undefined): Outcome {
  switch (answer.kind) {
    case 'response':
      return { kind: 'success', payload: answer.payload };
    case 'error':
      return { kind: 'error', payload: answer.payload, errorType: answer.errorType, handled: true };
    case 'stream-end': {
      const streamed = stream!.end(answer.errorType, answer.payload);
      return streamed.kind === 'success' ? streamed : { ...streamed, handled: true };
    }
  }
}
