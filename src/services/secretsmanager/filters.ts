import type { Secret } from './model.ts';

/** A filter as the API has it. */
export interface SecretFilter {
  readonly Key?: string;
  readonly Values?: readonly string[];
}

/** Whether a secret passes all filters; one passes where a value fits, or where one with `!` before it does not. */
export function secretFilter(filters: readonly SecretFilter[]): (secret: Secret) => boolean {
  return (secret) =>
    filters.every(({ Key = 'all', Values = [] }) =>
      Values.some((value) => (value.startsWith('!') ? !fits(Key, value.slice(1), secret) : fits(Key, value, secret))),
    );
}

function fits(key: string, value: string, { name, description = '', tags, region }: Secret): boolean {
  switch (key) {
    case 'name':
      return name.startsWith(value);
    case 'description':
      return wordsBegin([description], value);
    case 'tag-key':
      return Object.keys(tags).some((tag) => tag.startsWith(value));
    case 'tag-value':
      return Object.values(tags).some((tag) => tag.startsWith(value));
    case 'primary-region':
      return region.startsWith(value);
    case 'owning-service':
      return false;
    default:
      return wordsBegin([name, description, ...Object.keys(tags), ...Object.values(tags)], value);
  }
}

/** Whether words of the texts begin with every word of the value, whatever their case. */
function wordsBegin(texts: readonly string[], value: string): boolean {
  const words = texts.flatMap((text) => [text, ...wordsOf(text)]).map((word) => word.toLowerCase());
  return wordsOf(value).every((wanted) => words.some((word) => word.startsWith(wanted.toLowerCase())));
}

function wordsOf(text: string): readonly string[] {
  return text.split(/[^A-Za-z0-9]+/).filter((word) => word !== '');
}
