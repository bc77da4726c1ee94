import { useId, useRef, useState } from 'preact/hooks';

const SHOWN_MAX = 50;

/** Finds a device by a part of its name: an ARIA combobox with a list box. */
export function DeviceSearch(props: {
  readonly devices: readonly string[];
  readonly value: string | undefined;
  readonly onChange: (device: string) => void;
}) {
  const id = useId();
  const [text, setText] = useState<string>();
  const [active, setActive] = useState(0);
  const list = useRef<HTMLDivElement>(null);
  const isOpen = text !== undefined;
  const found = props.devices.filter((device) => device.toLowerCase().includes((text ?? '').trim().toLowerCase()));
  const shown = found.slice(0, SHOWN_MAX);

  const choose = (device: string | undefined) => {
    setText(undefined);
    if (device !== undefined) props.onChange(device);
  };
  const move = (to: number) => {
    const next = Math.max(0, Math.min(shown.length - 1, to));
    setActive(next);
    list.current?.children[next]?.scrollIntoView({ block: 'nearest' });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const keys: Record<string, () => void> = {
      ArrowDown: () => (isOpen ? move(active + 1) : setText('')),
      ArrowUp: () => move(active - 1),
      Home: () => move(0),
      End: () => move(shown.length - 1),
      Enter: () => choose(shown[active]),
      Escape: () => setText(undefined),
    };
    const act = keys[event.key];
    if (!act || ((event.key === 'Home' || event.key === 'End') && !isOpen)) return;
    event.preventDefault();
    act();
  };
  return (
    <div class="search">
      <label class="hidden" for={`${id}-input`}>
        Device
      </label>
      <input
        id={`${id}-input`}
        role="combobox"
        aria-expanded={isOpen}
        aria-controls={`${id}-list`}
        aria-autocomplete="list"
        aria-activedescendant={isOpen && shown[active] ? `${id}-${active}` : undefined}
        autocomplete="off"
        spellcheck={false}
        placeholder={`Search ${props.devices.length} devices`}
        value={text ?? props.value ?? ''}
        onFocus={(event) => event.currentTarget.select()}
        onClick={() => isOpen || setText('')}
        onInput={(event) => {
          setText(event.currentTarget.value);
          setActive(0);
        }}
        onKeyDown={onKeyDown}
        onBlur={() => setText(undefined)}
      />
      {isOpen && (
        <div id={`${id}-list`} class="options" role="listbox" aria-label="Devices" ref={list}>
          {shown.map((device, index) => (
            <div
              key={device}
              id={`${id}-${index}`}
              role="option"
              aria-selected={device === props.value}
              class={index === active ? 'active' : ''}
              tabIndex={-1}
              onMouseDown={(event) => {
                // Before the input loses the focus, and the list with it.
                event.preventDefault();
                choose(device);
              }}
            >
              {device}
            </div>
          ))}
          {found.length > SHOWN_MAX && <p class="more">{found.length - SHOWN_MAX} more: type to narrow</p>}
          {found.length === 0 && <p class="more">No device has this in its name</p>}
        </div>
      )}
    </div>
  );
}
