import { useState } from 'preact/hooks';
import type { FlowPoller } from '../../../src/gateway/console/flow.ts';
import { ApiError, commandPoller } from '../api.ts';
import { dateTime } from '../format.ts';
import { useAction } from '../hooks.ts';
import { Dialog, Failure } from '../parts.tsx';
import { SignIn } from '../sign-in.tsx';

/** How far back the console offers to replay at first. */
const REPLAY_MS = 3600_000;

/** Buttons of an event source mapping: hold it back, let it go on, set it back to a time. */
export function PollerTools(props: { readonly poller: FlowPoller; readonly name: string }) {
  const { id, paused, canReplay } = props.poller;
  const [asksReplay, setAsksReplay] = useState(false);
  const [said, setSaid] = useState('');
  const { run, forget, isBusy, error } = useAction();
  const command = (verb: 'pause' | 'resume' | 'replay', input: object, words: string) =>
    run(async (signal) => {
      await commandPoller(id, verb, input, signal);
      setSaid(words);
    });
  const isPaused = paused.length > 0;
  return (
    <div class="poller-tools">
      {isPaused ? (
        <button type="button" class="plain" disabled={isBusy} onClick={() => command('resume', {}, 'It goes on.')}>
          Resume
        </button>
      ) : (
        <button
          type="button"
          class="plain"
          disabled={isBusy}
          onClick={() => command('pause', {}, 'It is paused; what comes meanwhile waits.')}
        >
          Pause
        </button>
      )}
      {canReplay && (
        <button type="button" class="plain" disabled={isBusy} onClick={() => setAsksReplay(true)}>
          Replay from…
        </button>
      )}
      <span role="status" class="quiet-note">
        {said}
      </span>
      {error instanceof ApiError && error.status === 401 ? (
        <SignIn onDone={forget} />
      ) : (
        error !== undefined && <Failure what="The mapping did not take it." error={error} />
      )}
      {asksReplay && (
        <ReplayDialog
          name={props.name}
          onCancel={() => setAsksReplay(false)}
          onConfirm={(from) => {
            setAsksReplay(false);
            void command('replay', { from: new Date(from).toISOString() }, `It reads again from ${dateTime(from)}.`);
          }}
        />
      )}
    </div>
  );
}

function ReplayDialog(props: {
  readonly name: string;
  readonly onCancel: () => void;
  readonly onConfirm: (from: number) => void;
}) {
  const [from, setFrom] = useState(() => localTime(Date.now() - REPLAY_MS));
  const at = Date.parse(from);
  return (
    <Dialog
      title={`Replay ${props.name}?`}
      confirm="Replay"
      isReady={!Number.isNaN(at)}
      onCancel={props.onCancel}
      onConfirm={() => props.onConfirm(at)}
    >
      <p>The function gets all records again that came since then and are still kept, in their order.</p>
      <label class="field">
        <span>From (local time)</span>
        <input type="datetime-local" step="1" value={from} onInput={(event) => setFrom(event.currentTarget.value)} />
      </label>
    </Dialog>
  );
}

/** As an input of type `datetime-local` has it. */
function localTime(at: number): string {
  return dateTime(at).replace(' ', 'T');
}
