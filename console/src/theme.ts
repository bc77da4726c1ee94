import { useEffect, useState } from 'preact/hooks';
import { useMedia } from './hooks.ts';

export type Theme = 'light' | 'dark';

const KEY = 'millrace.theme';

/** The theme that was chosen here, else the system's. */
export function useTheme(): { readonly theme: Theme; readonly toggle: () => void } {
  const system: Theme = useMedia('(prefers-color-scheme: dark)') ? 'dark' : 'light';
  const [chosen, setChosen] = useState<Theme | null>(() => localStorage.getItem(KEY) as Theme | null);
  const theme = chosen ?? system;
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
  }, [theme]);
  const toggle = () => {
    const next: Theme = theme === 'dark' ? 'light' : 'dark';
    // Back to the system's choice is no choice: it follows the system again.
    if (next === system) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, next);
    setChosen(next === system ? null : next);
  };
  // Set before the first paint of what reads colours.
  document.documentElement.dataset.theme = theme;
  return { theme, toggle };
}
