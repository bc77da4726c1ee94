import { useEffect, useMemo } from 'preact/hooks';
import { useScrolled } from '../hooks.ts';
import { type Key, namesOf } from './requests.ts';
import { type Attributes, shown, typeOf } from './values.ts';

/** Height of a row in pixels. */
const ROW = 32;
/** Rows drawn beyond the edges of the screen, and before the end at which more is asked for. */
const MARGIN = 10;
/** Columns besides the key; other attributes are seen in the item. */
const COLUMNS_MAX = 8;
/** Items that are looked through for columns. */
const LOOKED_THROUGH = 200;

/** Items in rows: only those on the screen are in the page. */
export function ItemTable(props: {
  readonly items: readonly Attributes[];
  readonly keys: readonly Key[];
  readonly onOpen: (item: Attributes) => void;
  /** The end is near. */
  readonly onEnd: () => void;
}) {
  const { items, keys } = props;
  const { ref, view } = useScrolled<HTMLDivElement>();
  const first = Math.max(0, Math.floor(view.top / ROW) - MARGIN);
  const last = Math.min(items.length - 1, Math.ceil((view.top + view.height) / ROW) + MARGIN);
  useEffect(() => {
    if (last >= items.length - 1) props.onEnd();
  }, [last, items.length]);
  const columns = useMemo(() => columnsOf(items, keys), [items.length > LOOKED_THROUGH ? LOOKED_THROUGH : items, keys]);
  const grid = { gridTemplateColumns: `repeat(${columns.length}, minmax(130px, 1fr))` };
  const width = { minWidth: `${columns.length * 142}px` };
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
    <section class="item-table" ref={ref} tabIndex={0} aria-label="Rows">
      <table aria-label="Items" aria-rowcount={items.length + 1} style={width}>
        <thead>
          <tr class="item-row head" style={grid} aria-rowindex={1}>
            {columns.map((name, index) => (
              <th key={name} scope="col" title={name} class={index < keyCount(keys) ? 'key' : ''}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody
          style={{ paddingTop: `${first * ROW}px`, paddingBottom: `${Math.max(0, items.length - 1 - last) * ROW}px` }}
        >
          {items.slice(first, last + 1).map((item, at) => (
            <tr class="item-row" key={first + at} style={grid} aria-rowindex={first + at + 2}>
              {columns.map((name, index) => (
                <td key={name} class={item[name] ? typeOf(item[name]) : 'none'}>
                  {index === 0 ? (
                    <button type="button" class="link" onClick={() => props.onOpen(item)}>
                      {item[name] ? shown(item[name]) : '–'}
                    </button>
                  ) : (
                    item[name] && shown(item[name])
                  )}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

const keyCount = (keys: readonly Key[]) => new Set(keys.flatMap(namesOf)).size;

/** The table's key, the index's, then the attributes that most items have. */
function columnsOf(items: readonly Attributes[], keys: readonly Key[]): readonly string[] {
  const columns = new Set(keys.flatMap(namesOf));
  const counts = new Map<string, number>();
  for (const item of items.slice(0, LOOKED_THROUGH))
    for (const name of Object.keys(item)) if (!columns.has(name)) counts.set(name, (counts.get(name) ?? 0) + 1);
  const often = [...counts].sort(([, a], [, b]) => b - a).slice(0, COLUMNS_MAX);
  return [...columns, ...often.map(([name]) => name)];
}
