const LOOP = 'Fn::ForEach::';

/** Whether a member of a section is a loop rather than a name. */
export const isLoop = (key: string) => key.startsWith(LOOP);
