import { type ComponentChildren, Fragment } from 'preact';
import { useState } from 'preact/hooks';
import { wantsSignIn } from './api.ts';
import { Panel } from './parts.tsx';
import { SignIn } from './sign-in.tsx';

/** A page, or a part of one, that asks for a key once the node does, and begins anew with it. @param children  given what to tell of failures */
export function SignedPage(props: {
  readonly id: string;
  readonly title: string;
  readonly children: (onError: (error: unknown) => void) => ComponentChildren;
}) {
  const [isAsked, setIsAsked] = useState(false);
  const [round, setRound] = useState(0);
  if (isAsked) {
    return (
      <Panel id={props.id} title={props.title}>
        <SignIn
          onDone={() => {
            setIsAsked(false);
            setRound(round + 1);
          }}
        />
      </Panel>
    );
  }
  const onError = (error: unknown) => {
    if (wantsSignIn(error)) setIsAsked(true);
  };
  return <Fragment key={round}>{props.children(onError)}</Fragment>;
}

/** The first part of what stands behind a page's name in the address: `/NAME`. */
export function nameIn(rest: string): string | undefined {
  const name = /^\/([^/?]+)/.exec(rest)?.[1];
  return name === undefined ? undefined : decodeURIComponent(name);
}
