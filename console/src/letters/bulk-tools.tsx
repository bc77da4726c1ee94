import { useState } from 'preact/hooks';
import { compact, nameOf } from '../format.ts';
import { useAction } from '../hooks.ts';
import { Dialog, Failure } from '../parts.tsx';
import { bulkLetters, type DeadLetterFilter, type DeadLetterPlace } from './letters-api.ts';

type Verb = 'redrive' | 'discard';

interface Progress {
  readonly verb: Verb;
  readonly done: number;
  readonly failed: number;
  readonly scanned: number;
}

/** Redrives or discards all that the filter means, call by call, until it is through or somebody stops it. */
export function BulkTools(props: {
  readonly filter: DeadLetterFilter;
  readonly places: readonly DeadLetterPlace[];
  readonly isFiltered: boolean;
  readonly isDisabled: boolean;
  readonly onDone: (words: string) => void;
}) {
  const [asked, setAsked] = useState<Verb>();
  const [progress, setProgress] = useState<Progress>();
  const { run, stop, isBusy, error } = useAction();
  const start = (verb: Verb) => {
    setAsked(undefined);
    // What dies again on the way has come after this moment: it is left alone.
    const filter = { ...props.filter, before: Date.now() };
    void run(async (signal) => {
      let [done, failed, scanned] = [0, 0, 0];
      let why: string | undefined;
      let after: string | undefined;
      do {
        const answer = await bulkLetters(verb, filter, after, signal);
        done += answer.done;
        failed += answer.failed;
        scanned += answer.scanned;
        why ??= answer.failures[0]?.message;
        after = answer.next;
        setProgress({ verb, done, failed, scanned });
      } while (after !== undefined);
      setProgress(undefined);
      props.onDone(resultOf(verb, done, failed, why));
    });
  };
  const halt = () => {
    stop();
    const { verb, done, failed } = progress ?? { verb: 'redrive', done: 0, failed: 0 };
    setProgress(undefined);
    props.onDone(`Stopped. ${resultOf(verb, done, failed, undefined)} What was not reached is where it was.`);
  };
  return (
    <>
      {isBusy && (
        <span class="quiet-note" role="status">
          {compact(progress?.done ?? 0)} {progress?.verb === 'discard' ? 'discarded' : 'sent back'},{' '}
          {compact(progress?.scanned ?? 0)} looked at
        </span>
      )}
      {isBusy ? (
        <button type="button" class="plain" onClick={halt}>
          Stop
        </button>
      ) : (
        <>
          <button type="button" class="plain" disabled={props.isDisabled} onClick={() => setAsked('redrive')}>
            {props.isFiltered ? 'Redrive all that match…' : 'Redrive all…'}
          </button>
          <button type="button" class="plain danger" disabled={props.isDisabled} onClick={() => setAsked('discard')}>
            {props.isFiltered ? 'Discard all that match…' : 'Discard all…'}
          </button>
        </>
      )}
      {error !== undefined && <Failure what="It stopped half-way; what was done stays done." error={error} />}
      {asked !== undefined && (
        <Dialog
          title={asked === 'redrive' ? 'Send these back?' : 'Discard these for good?'}
          confirm={asked === 'redrive' ? 'Redrive all' : 'Discard all'}
          isDangerous={asked === 'discard'}
          onCancel={() => setAsked(undefined)}
          onConfirm={() => start(asked)}
        >
          <p>{wordsOf(props.filter, props.places)}</p>
          <p>
            {asked === 'redrive'
              ? 'Each goes back to where it was meant for and is no dead letter any more. What fails again comes back here.'
              : 'They are deleted. This cannot be taken back.'}
          </p>
        </Dialog>
      )}
    </>
  );
}

function wordsOf({ place, ...texts }: DeadLetterFilter, places: readonly DeadLetterPlace[]): string {
  const named = Object.entries(texts).filter(([name, value]) => name !== 'before' && value !== undefined);
  const found = places.find(({ id }) => id === place);
  const waiting = found ? found.waiting : places.reduce((sum, one) => sum + one.waiting, 0);
  const where = place === undefined ? 'in all places' : `in ${found?.label ?? nameOf(place)}`;
  if (named.length === 0) return `All dead letters ${where}: ${compact(waiting)} now.`;
  const filters = named.map(([name, value]) => `${name === 'text' ? 'body' : name} has “${value}”`).join(' and ');
  return `All dead letters ${where} whose ${filters}, out of ${compact(waiting)}.`;
}

function resultOf(verb: Verb, done: number, failed: number, why: string | undefined): string {
  const letters = `${compact(done)} dead ${done === 1 ? 'letter' : 'letters'}`;
  const first =
    verb === 'redrive' ? `${letters} went back to where they were meant for.` : `${letters} discarded for good.`;
  if (failed === 0) return first;
  return `${first} ${compact(failed)} could not be and ${failed === 1 ? 'is' : 'are'} still here${why ? `: ${why}` : '.'}`;
}
