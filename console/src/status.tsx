export type Mood = 'good' | 'busy' | 'bad';

/** A status as its API spells it, with a mark of its own shape. */
export function Status(props: { readonly status: string; readonly mood: Mood }) {
  const { status, mood } = props;
  return (
    <span class={`status-words ${mood}`}>
      <svg viewBox="0 0 12 12" aria-hidden="true">
        {mood === 'good' && <path d="M2 6.5 5 9.5 10 3" />}
        {mood === 'busy' && <circle cx="6" cy="6" r="4" stroke-dasharray="17 9" />}
        {mood === 'bad' && <path d="M3 3 9 9M9 3 3 9" />}
      </svg>
      {status}
    </span>
  );
}
