import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { type SdkModule, sdkModule } from '../../support/sdk.ts';
import { CallError, type Driver } from './driver.ts';

interface Opened {
  readonly sdk: SdkModule;
  readonly client: { send(command: object): Promise<object>; destroy(): void };
}

/** The AWS SDK for JS, version 3. */
export async function openSdkJs(endpoint: string): Promise<Driver> {
  const opened = new Map<string, Opened>();

  async function open(service: string): Promise<Opened> {
    const before = opened.get(service);
    if (before) return before;
    const sdk = await sdkModule(service);
    const client = new sdk.Client({
      ...{ endpoint, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } },
      ...{ maxAttempts: 1, forcePathStyle: true, disableHostPrefix: true },
    });
    opened.set(service, { sdk, client });
    return { sdk, client };
  }

  return {
    async call(service, operation, input) {
      const { sdk, client } = await open(service);
      const Command = sdk.command(operation);
      try {
        return await plain(await client.send(new Command(input)));
      } catch (error) {
        throw new CallError(codeOf(error as SdkError), (error as Error).message, { cause: error });
      }
    },
    // The clients are of the models that the tables are made from: what members those have, these have.
    knows: async (service, operation) => (await open(service)).sdk.command(operation) !== undefined,
    async [Symbol.asyncDispose]() {
      for (const { client } of opened.values()) client.destroy();
    },
  };
}

interface SdkError extends Error {
  readonly Code?: string;
  readonly Error?: { readonly Code?: string };
  readonly $metadata?: { readonly httpStatusCode?: number };
}

/** The code of the wire: in XML the client names an error by its shape instead. Where there is no body, the status, as boto3 has it. */
function codeOf({ name, Code, Error: inner, $metadata }: SdkError): string {
  return name === 'Unknown' ? String($metadata?.httpStatusCode) : (Code ?? inner?.Code ?? name);
}

/** An answer without the client's own: metadata, members that are not there, and its own kinds of streams. */
async function plain(value: unknown): Promise<unknown> {
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  if (value instanceof Uint8Array) return Buffer.from(value);
  if (value instanceof Readable) return buffer(value);
  if (Symbol.asyncIterator in value) return plain(await Array.fromAsync(value as AsyncIterable<unknown>));
  if (Array.isArray(value)) return Promise.all(value.map(plain));
  const members = Object.entries(value).filter(([name, member]) => name !== '$metadata' && member !== undefined);
  return Object.fromEntries(await Promise.all(members.map(async ([name, member]) => [name, await plain(member)])));
}
