/**
 * URL of a module beside the calling one, by its name without an ending: `.ts` in a checkout, `.js` in the published package.
 * For workers, which are started by URL rather than imported.
 *
 * @param from  the caller's `import.meta.url`; @param name  for example `./sqlite.worker`
 */
export function siblingModule(from: string, name: string): URL {
  return new URL(`${name}${from.endsWith('.ts') ? '.ts' : '.js'}`, from);
}
