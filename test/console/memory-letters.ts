/** Dead letters in memory, at the far edge of tests: places with letters in the order of their keys. */
import { DomainError } from '../../src/base/index.ts';
import type { DeadLetter, DeadLetters, Redrive } from '../../src/gateway/console/index.ts';

export class MemoryLetters implements DeadLetters {
  readonly kept = new Map<string, DeadLetter[]>();
  readonly redriven: (Redrive & { readonly place: string; readonly key: string })[] = [];
  readonly refusing = new Set<string>();

  add(place: string, count: number, more: (index: number) => Partial<DeadLetter> = () => ({})): this {
    const letters = Array.from({ length: count }, (_, index): DeadLetter => {
      const { body = `{"n":${index}}`, ...rest } = more(index);
      return {
        ...{ place, key: String(index).padStart(7, '0'), target: `${place}-target`, source: `${place}-source` },
        ...{ errorCode: 'Broken', errorMessage: 'it broke', attempts: 3, sentAt: index, body, encoding: 'text' },
        ...{ bytes: Buffer.byteLength(body), attributes: {} },
        ...rest,
      };
    });
    this.kept.set(place, letters);
    return this;
  }

  places() {
    return [...this.kept].map(([id, { length }]) => ({
      id,
      label: id.split(':').at(-1)!,
      waiting: length,
      usedBy: [],
    }));
  }

  async browse(place: string, { after = '', limit }: { readonly after?: string; readonly limit: number }) {
    const letters = this.kept.get(place);
    if (!letters) throw new DomainError('place-unknown', `There is no place ${place}.`);
    const rest = letters.filter(({ key }) => key > after);
    return { letters: rest.slice(0, limit), more: rest.length > limit };
  }

  async read(place: string, key: string) {
    const found = this.kept.get(place)?.find((letter) => letter.key === key);
    if (!found) throw new DomainError('letter-unknown', 'It is gone.');
    return found;
  }

  async redrive(place: string, key: string, change: Redrive) {
    const { target } = await this.read(place, key);
    if (this.refusing.has(key)) throw new DomainError('target-unknown', 'nobody there');
    await this.discard(place, key);
    this.redriven.push({ place, key, ...change });
    return change.to ?? target!;
  }

  async discard(place: string, key: string) {
    await this.read(place, key);
    this.kept.set(
      place,
      this.kept.get(place)!.filter((letter) => letter.key !== key),
    );
  }
}
