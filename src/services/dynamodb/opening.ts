/** Opens at the first call, for all who call. Where that failed, as on a full disk, the next call tries again. */
export function opening<T>(open: () => Promise<T>): () => Promise<T> {
  let opened: Promise<T> | undefined;
  return () => {
    opened ??= open().catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
    return opened;
  };
}
