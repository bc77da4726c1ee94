import { BlockList, isIP } from 'node:net';

/** Addresses and networks: `10.0.0.5`, `10.0.0.0/8`, `fd00::/8`. */
export class Networks {
  readonly #list = new BlockList();
  /** Asking the list costs a microsecond of every connection. */
  readonly #isEmpty: boolean;

  /** @throws RangeError  one of them is neither an address nor a network; it is named */
  constructor(networks: readonly string[]) {
    this.#isEmpty = networks.length === 0;
    for (const network of networks) this.#add(network);
  }

  /** @param address  as a socket has it; an IPv4 address that came over IPv6 counts as itself */
  has(address: string | undefined): boolean {
    if (this.#isEmpty) return false;
    const family = isIP(address ?? '');
    return family !== 0 && this.#list.check(address!, family === 4 ? 'ipv4' : 'ipv6');
  }

  #add(network: string): void {
    const [address, prefix, more] = network.split('/') as [string, string?, string?];
    const family = isIP(address);
    const bits = prefix === undefined ? (family === 4 ? 32 : 128) : Number(prefix);
    const isValid = family !== 0 && more === undefined && prefix !== '' && Number.isInteger(bits);
    if (!isValid || bits < 0 || bits > (family === 4 ? 32 : 128)) {
      throw new RangeError(`${network} is neither an address nor a network such as 10.0.0.0/8`);
    }
    this.#list.addSubnet(address, bits, family === 4 ? 'ipv4' : 'ipv6');
  }
}
