import { useEffect, useRef, useState } from 'preact/hooks';
import { age, dateTime } from '../format.ts';
import { useMedia, useScrolled } from '../hooks.ts';
import type { DeviceSort, DeviceSummary } from './fleet-api.ts';
import { Health, reasonWords } from './health.tsx';
import type { FleetView } from './use-fleet.ts';

/** Height of a row in pixels, in one line and in the two lines of a narrow screen. */
const ROW = 34;
const ROW_NARROW = 54;
/** Rows drawn beyond the edges of the screen. */
const MARGIN = 8;

const COLUMNS: readonly (readonly [name: string, label: string, sort?: DeviceSort])[] = [
  ['name', 'Device', 'name'],
  ['state', 'Health', 'health'],
  ['seen', 'Last seen', 'seen'],
  ['why', 'Why it is not there'],
  ['type', 'Type'],
  ['groups', 'Groups'],
  ['ip', 'Address'],
];

/** A table of any length: only the rows on the screen are in the page. */
export function FleetTable(props: {
  readonly fleet: FleetView;
  readonly found: number;
  readonly sort: DeviceSort;
  readonly isReversed: boolean;
  readonly onSort: (sort: DeviceSort) => void;
  /** Another list: it begins at its top. */
  readonly resetKey: string;
}) {
  const { fleet, found } = props;
  const rowHeight = useMedia('(max-width: 760px)') ? ROW_NARROW : ROW;
  const { ref, view } = useScrolled<HTMLDivElement>();
  const [active, setActive] = useState<number>();
  useEffect(() => {
    ref.current!.scrollTop = 0;
    setActive(undefined);
  }, [props.resetKey]);
  const first = Math.max(0, Math.floor(view.top / rowHeight) - MARGIN);
  const last = Math.min(found - 1, Math.ceil((view.top + view.height) / rowHeight) + MARGIN);
  useEffect(() => fleet.look(first, last), [first, last]);

  const focusOn = useRef<number>(undefined);
  useEffect(() => {
    const link = focusOn.current === undefined ? null : document.getElementById(`device-${focusOn.current}`);
    // The row is drawn only after the list has moved, and maybe read only then; meanwhile somebody may have gone elsewhere.
    if (!link) return;
    focusOn.current = undefined;
    const focused = document.activeElement;
    if (focused === document.body || ref.current!.contains(focused)) link.focus({ preventScroll: true });
  });
  const move = (to: number) => {
    const next = Math.max(0, Math.min(found - 1, to));
    const box = ref.current!;
    // The heading stands above the first row that is seen.
    const [above, below] = [next * rowHeight, (next + 2) * rowHeight - box.clientHeight];
    if (box.scrollTop > above) box.scrollTop = above;
    else if (box.scrollTop < below) box.scrollTop = below;
    focusOn.current = next;
    setActive(next);
  };
  const onKeyDown = (event: KeyboardEvent, at: number) => {
    const page = Math.floor(view.height / rowHeight) - 1;
    const moves: Record<string, number> = {
      ...{ ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: found - 1 },
    };
    const to = moves[event.key];
    if (to === undefined) return;
    event.preventDefault();
    move(to);
  };
  // One link takes Tab, the arrows go from it to the others.
  const inTabOrder = active !== undefined && active >= first && active <= last ? active : first;
  const rows = Array.from({ length: Math.max(0, last - first + 1) }, (_, at) => first + at);
  return (
    <div class="fleet-table" ref={ref}>
      <table aria-label="Devices" aria-rowcount={found + 1}>
        <thead>
          <tr class="fleet-row fleet-head" aria-rowindex={1}>
            {COLUMNS.map(([name, label, sort]) => (
              <th key={name} class={name} scope="col" aria-sort={sortOf(props, sort)}>
                {sort ? (
                  <button type="button" onClick={() => props.onSort(sort)}>
                    {label}
                    <i aria-hidden="true">{props.sort === sort ? (props.isReversed ? '↑' : '↓') : ''}</i>
                  </button>
                ) : (
                  label
                )}
              </th>
            ))}
          </tr>
        </thead>
        {/* The padding stands for the rows that are not drawn. */}
        <tbody style={{ paddingTop: `${first * rowHeight}px`, paddingBottom: `${(found - 1 - last) * rowHeight}px` }}>
          {rows.map((index) => (
            <Row
              key={index}
              index={index}
              device={fleet.at(index)}
              isInTabOrder={index === inTabOrder}
              onKeyDown={onKeyDown}
            />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function sortOf({ sort, isReversed }: { sort: DeviceSort; isReversed: boolean }, own: DeviceSort | undefined) {
  if (own === undefined) return undefined;
  if (own !== sort) return 'none';
  return isReversed ? 'descending' : 'ascending';
}

function Row(props: {
  readonly index: number;
  readonly device: DeviceSummary | undefined;
  readonly isInTabOrder: boolean;
  readonly onKeyDown: (event: KeyboardEvent, index: number) => void;
}) {
  const { index, device } = props;
  if (!device) {
    return (
      <tr class="fleet-row unread" aria-rowindex={index + 2} aria-busy="true">
        <td colSpan={COLUMNS.length} />
      </tr>
    );
  }
  const { name, health, lastSeenAt, connectedAt, reason, typeName, groups, ip, clientId } = device;
  return (
    <tr class="fleet-row" aria-rowindex={index + 2}>
      <td class="name">
        <a
          id={`device-${index}`}
          href={`#fleet/${encodeURIComponent(name)}`}
          tabIndex={props.isInTabOrder ? 0 : -1}
          onKeyDown={(event) => props.onKeyDown(event, index)}
        >
          {name}
        </a>
        {clientId !== undefined && <small> as {clientId}</small>}
        {!device.isThing && <small class="unregistered">client</small>}
      </td>
      <td class="state">
        <Health health={health} />
      </td>
      <td class="seen" title={lastSeenAt === undefined ? '' : dateTime(connectedAt ?? lastSeenAt)}>
        {seenWords(lastSeenAt, connectedAt)}
      </td>
      <td class="why">{reason === undefined ? '' : reasonWords(reason)}</td>
      <td class="type">{typeName}</td>
      <td class="groups">{groups.join(', ')}</td>
      <td class="ip">{ip}</td>
    </tr>
  );
}

function seenWords(lastSeenAt: number | undefined, connectedAt: number | undefined): string {
  if (lastSeenAt === undefined) return '–';
  const now = Date.now();
  return connectedAt === undefined
    ? `${age(Math.max(0, now - lastSeenAt))} ago`
    : `for ${age(Math.max(0, now - connectedAt))}`;
}
