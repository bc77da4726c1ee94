import type { Destination } from './destinations.ts';

/*
 * What a sandbox may reach, as policy routes of its network namespace: rules in the order of their preference, the first that
 * matches decides. Only who holds CAP_NET_ADMIN over the namespace can change them, and nobody in the sandbox does.
 *
 *     0  the sandbox's own loopback (the kernel's `local` table)
 *    90  whatever names the interface that it wants to leave by (SO_BINDTODEVICE, IP_PKTINFO): to a neighbour that nobody is. Where no
 *        route is found for such a packet, and "unreachable" is that, the kernel takes its destination for a neighbour of the
 *        interface and sends it all the same: to the resolver, whatever a list says
 *   100  the machine's own addresses: unreachable, whatever a list says
 *   110  the resolver: port 53 only
 *   120  the rest of slirp4netns' own network, which leads to the machine's loopback where that is not disabled
 *   125  the metadata services of clouds, which hand out the machine's credentials: link-local addresses, and some that are not. Unreachable,
 *        whatever a list says: the name of anybody's host may lead there
 *   130  destinations of an allowlist
 *   140  with an allowlist: everything else is unreachable
 * 32766  everything else, through slirp4netns
 */

/** What slirp4netns makes: a network with the sandbox, a gateway and a resolver in it. */
const NETWORK = '10.0.2.0/24';
const SANDBOX = '10.0.2.100/24';
const GATEWAY = '10.0.2.2';
export const RESOLVER = '10.0.2.3';
/** Link-local addresses, where most clouds have it; Azure's WireServer, Alibaba Cloud's, and that of Oracle Cloud Classic. */
const METADATA = ['169.254.0.0/16', '168.63.129.16/32', '100.100.100.200/32', '192.0.0.192/32'];
/** An address that slirp4netns answers no ARP for. */
const NOBODY = '10.0.2.250';
const DEAD_END = 90;

const PROTOCOLS = ['tcp', 'udp'];

/** Lines for `ip -batch` that bring the interface of slirp4netns up; after the rules, which make its gateway unreachable: `onlink`. */
export function interfaceUp(name: string, mtu: number): readonly string[] {
  return [
    `address add ${SANDBOX} dev ${name}`,
    `link set dev ${name} mtu ${mtu} up`,
    `route add default via ${NOBODY} dev ${name} onlink table ${DEAD_END}`,
    `route add default via ${GATEWAY} dev ${name} onlink`,
  ];
}

/** Lines for `ip -batch` that a network starts with. @param name  of its interface; @param own  IPv4 addresses of the machine */
export function firstRules(name: string, own: readonly string[]): readonly string[] {
  return [
    `rule add pref ${DEAD_END} oif ${name} lookup ${DEAD_END}`,
    ...ownRules(own),
    ...resolverRules('add'),
    `rule add pref 120 to ${NETWORK} unreachable`,
    ...METADATA.map((network) => `rule add pref 125 to ${network} unreachable`),
  ];
}

/** Lines that close it to addresses of the machine. */
export function ownRules(own: readonly string[]): readonly string[] {
  return own.map((address) => `rule add pref 100 to ${address}/32 unreachable`);
}

/**
 * Lines that turn it into the network of an allowlist. The resolver goes: names come from `/etc/hosts`, and a name server that
 * anybody may ask about anything carries data out.
 */
export function closingRules(): readonly string[] {
  return [...resolverRules('del'), 'rule add pref 140 unreachable'];
}

/** Lines that let it reach addresses of one destination. */
export function allowingRules({ port }: Destination, networks: readonly string[]): readonly string[] {
  const selectors = port === undefined ? [''] : PROTOCOLS.map((protocol) => `ipproto ${protocol} dport ${port} `);
  return networks
    .flatMap(halved)
    .flatMap((network) => selectors.map((selector) => `rule add pref 130 to ${network} ${selector}lookup main`));
}

/** The kernel takes a rule to everywhere for any rule of its preference that is there already, and refuses it. */
function halved(network: string): readonly string[] {
  return network.endsWith('/0') ? ['0.0.0.0/1', '128.0.0.0/1'] : [network];
}

function resolverRules(verb: 'add' | 'del'): readonly string[] {
  return PROTOCOLS.map(
    (protocol) => `rule ${verb} pref 110 to ${RESOLVER}/32 ipproto ${protocol} dport 53 lookup main`,
  );
}
