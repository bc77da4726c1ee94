/** What every process of an environment starts with, whatever its runtime. */
export const PROCESS_VARIABLES: Readonly<Record<string, string>> = {
  PATH: process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin',
  LANG: 'en_US.UTF-8',
  TZ: 'UTC',
};
