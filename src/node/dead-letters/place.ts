import type { DeadLetter, DeadLetterPage, DeadLetterPlace, Redrive } from '../../gateway/console/index.ts';

/** One kind of places that dead letters lie in; the errors are those of the console's port. */
export interface Place {
  browse(place: string, options: { readonly after?: string; readonly limit: number }): Promise<DeadLetterPage>;
  read(place: string, key: string): Promise<DeadLetter>;
  redrive(place: string, key: string, change: Redrive): Promise<string>;
  discard(place: string, key: string): Promise<void>;
  places(): readonly DeadLetterPlace[];
}
