/** What of an object can be looked at in the page. */
import type { Entry } from './buckets-api.ts';

/** The beginning of a text that is shown, and the largest image, bytes. */
export const TEXT_BYTES_MAX = 100_000;
const IMAGE_BYTES_MAX = 10_000_000;

/** Types that an `img` shows; none of them runs anything there. */
const IMAGES = new Set(['png', 'jpeg', 'gif', 'webp', 'avif', 'bmp', 'svg+xml'].map((name) => `image/${name}`));
const TEXTS =
  /^(?:text\/|application\/(?:json|xml|yaml|x-yaml|javascript|x-ndjson|x-sh|sql|toml)|[^;]+\+(?:json|xml)$)/;
const TEXT_NAMES = /\.(?:txt|md|json|jsonl|ya?ml|xml|csv|tsv|log|html?|css|m?[jt]sx?|py|sh|sql|toml|ini|conf)$/i;
const IMAGE_NAMES: Readonly<Record<string, string>> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  gif: 'image/gif',
  webp: 'image/webp',
  avif: 'image/avif',
  svg: 'image/svg+xml',
};

export type Preview =
  | { readonly kind: 'image'; readonly address: string }
  | { readonly kind: 'text'; readonly text: string };

/** What kind of preview an object has; `undefined` for none. Names count where the type says nothing. */
export function previewKind(type: string, { key, sizeBytes }: Entry): Preview['kind'] | undefined {
  const plain = plainType(type);
  if (sizeBytes === 0) return undefined;
  if (imageType(plain, key)) return sizeBytes <= IMAGE_BYTES_MAX ? 'image' : undefined;
  return TEXTS.test(plain) || (isVague(plain) && TEXT_NAMES.test(key)) ? 'text' : undefined;
}

export async function previewOf(kind: Preview['kind'], content: Blob, type: string, key: string): Promise<Preview> {
  if (kind === 'text') return { kind, text: readable(await content.text()) };
  const shown = new Blob([content], { type: imageType(plainType(type), key) ?? content.type });
  return { kind, address: await dataAddress(shown) };
}

const plainType = (type: string) => type.split(';', 1)[0]!.trim().toLowerCase();
const isVague = (type: string) => type === '' || type.endsWith('/octet-stream');

function imageType(type: string, key: string): string | undefined {
  if (IMAGES.has(type)) return type;
  return isVague(type) ? IMAGE_NAMES[/\.([a-z]+)$/i.exec(key)?.[1]?.toLowerCase() ?? ''] : undefined;
}

/** JSON is indented; what is cut off, or none, stays as it is. */
function readable(text: string): string {
  if (!/^\s*[[{]/.test(text)) return text;
  try {
    return JSON.stringify(JSON.parse(text), undefined, 2);
  } catch {
    return text;
  }
}

/** The page's policy lets images be of the node and of data, and of nothing else. */
function dataAddress(blob: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}
