const STEP = /\.([A-Za-z0-9_$-]+)|\[(\d+)\]|\['([^']+)'\]/y;

/**
 * What a simple JSON path finds: members and elements, as parameter mappings allow them.
 * @param path  `.pets[0].name`; empty is the whole
 * @returns text as it is, anything else as JSON; `undefined` where nothing stands
 */
export function findIn(document: unknown, path: string): string | undefined {
  let found = document;
  STEP.lastIndex = 0;
  for (let at = 0; at < path.length; at = STEP.lastIndex) {
    STEP.lastIndex = at;
    const step = STEP.exec(path);
    if (!step || typeof found !== 'object' || found === null) return undefined;
    const key = step[1] ?? step[2] ?? step[3]!;
    if (!Object.hasOwn(found, key)) return undefined;
    found = (found as Record<string, unknown>)[key];
  }
  if (found === undefined) return undefined;
  return typeof found === 'string' ? found : JSON.stringify(found);
}
