/**
 * Tells of changes of what principals may do: a certificate's status, a policy's version, an attachment. Whoever changes such a thing
 * says it here, after the change is durable; live connections look again at once.
 */
export class PrincipalChanges {
  readonly #listeners = new Set<(principalArn: string | undefined) => void>();

  /** @param principalArn  `arn:aws:iot:REGION:ACCOUNT:cert/ID` or another principal's; `undefined` where any may be meant */
  changed(principalArn: string | undefined): void {
    for (const listener of this.#listeners) listener(principalArn);
  }

  /** Has the listener told until the result is called. */
  onChange(listener: (principalArn: string | undefined) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
