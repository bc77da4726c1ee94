import { useState } from 'preact/hooks';
import { signIn } from './api.ts';

/** A node in `secured` mode shows what messages hold, and changes it, only for who has a key. */
export function SignIn(props: { readonly onDone: () => void }) {
  const [id, setId] = useState('');
  const [secret, setSecret] = useState('');
  return (
    <form
      class="sign-in"
      onSubmit={(event) => {
        event.preventDefault();
        signIn(id, secret);
        props.onDone();
      }}
    >
      <strong>This node asks who you are.</strong>
      <p>
        A key of the root user or of an IAM user. The page keeps it until it is closed, and gives it to this node only.
      </p>
      <label class="field">
        <span>Access key ID</span>
        <input value={id} autocomplete="username" onInput={(event) => setId(event.currentTarget.value)} />
      </label>
      <label class="field">
        <span>Secret access key</span>
        <input
          type="password"
          value={secret}
          autocomplete="current-password"
          onInput={(event) => setSecret(event.currentTarget.value)}
        />
      </label>
      <button type="submit" class="plain main" disabled={id === '' || secret === ''}>
        Sign in
      </button>
    </form>
  );
}
