export interface Opening<T> {
  /** Opens it, or gives what is open. */
  (): Promise<T>;
  /** Without opening anything; `undefined` where nobody has asked for it yet, or it failed. */
  begun(): Promise<T | undefined>;
}

/** Opens at the first call, for all who call. Where that failed, as on a full disk, the next call tries again. */
export function opening<T>(open: () => Promise<T>): Opening<T> {
  let opened: Promise<T> | undefined;
  const whole = () => {
    opened ??= open().catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
    return opened;
  };
  return Object.assign(whole, { begun: async () => opened?.catch(() => undefined) });
}
