import { type FilteredArch, JUDGED_CALLS, REFUSED_CALLS } from './seccomp-calls.ts';

/*
 * The filter for system calls: a program of the classic Berkeley Packet Filter that the kernel runs at each call.
 *
 *   instruction   u16le code | u8 jump if true | u8 jump if false | u32le operand
 *   data          u32 number | u32 architecture | u64 instruction pointer | u64 arguments[6]
 *
 * It looks at the number alone for all but five calls, so the kernel finds out once which numbers always pass and does not run
 * it for them (Linux 5.11 and later).
 */

/** `linux/audit.h` */
const AUDIT_ARCH: Readonly<Record<FilteredArch, number>> = { x64: 0xc000003e, arm64: 0xc00000b7 };
/** Numbers from here on are those of x32, the 32-bit interface of x86-64, with rules of its own. */
const X32_BIT = 0x4000_0000;

const LOAD = 0x20;
const JUMP_EQUAL = 0x15;
const JUMP_GREATER_OR_EQUAL = 0x35;
const JUMP_ANY_BIT = 0x45;
const RETURN = 0x06;

const NUMBER = 0;
const ARCHITECTURE = 4;
/** Low half of the first argument: both machines are little-endian. */
const argument = (index: number) => 16 + 8 * index;

const ALLOW = 0x7fff_0000;
const KILL_PROCESS = 0x8000_0000;
const refuse = (errno: number) => 0x0005_0000 | errno;

const EPERM = 1;
const ENOSYS = 38;
const EAFNOSUPPORT = 97;

/** New mount, cgroup, UTS, IPC, user, PID and network namespace (`linux/sched.h`). */
const CLONE_NAMESPACES =
  0x0002_0000 | 0x0200_0000 | 0x0400_0000 | 0x0800_0000 | 0x1000_0000 | 0x2000_0000 | 0x4000_0000;
/** Unix, IPv4, IPv6, and netlink, which lists the sandbox's own interfaces. Not: vsock (the hypervisor), AF_ALG and the rest. */
const FAMILIES = [1, 2, 10, 16];
/** Typing into a terminal: TIOCSTI and TIOCLINUX. */
const TERMINAL_INPUT = [0x5412, 0x541c];
/** The ordinary personality, and the question which one it is. */
const PERSONALITIES = [0, 0xffff_ffff];

type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, operand: number];

const load = (offset: number): Instruction => [LOAD, 0, 0, offset];
const giveBack = (verdict: number): Instruction => [RETURN, 0, 0, verdict];
const onEqual = (value: number, body: readonly Instruction[]): Instruction[] => [
  [JUMP_EQUAL, 0, body.length, value],
  ...body,
];

/** @returns the filter as `bwrap --seccomp` reads it; `undefined` for a machine that it cannot be made for */
export function seccompFilter(arch: string): Buffer | undefined {
  if (arch !== 'x64' && arch !== 'arm64') return undefined;
  return encode([...entrance(arch), ...refused(arch), ...judged(arch), giveBack(ALLOW)]);
}

/** Calls of another architecture's numbering would pass under false names. */
function entrance(arch: FilteredArch): Instruction[] {
  const x32: Instruction[] = [[JUMP_GREATER_OR_EQUAL, 0, 1, X32_BIT], giveBack(refuse(EPERM))];
  return [
    load(ARCHITECTURE),
    [JUMP_EQUAL, 1, 0, AUDIT_ARCH[arch]],
    giveBack(KILL_PROCESS),
    load(NUMBER),
    ...(arch === 'x64' ? x32 : []),
  ];
}

function refused(arch: FilteredArch): Instruction[] {
  return Object.values(REFUSED_CALLS).flatMap(({ [arch]: number }) =>
    number === undefined ? [] : onEqual(number, [giveBack(refuse(EPERM))]),
  );
}

/** Each body ends with a verdict: after it the accumulator holds an argument, and not the number any more. */
function judged(arch: FilteredArch): Instruction[] {
  const only = (index: number, values: readonly number[], others: number) => [
    load(argument(index)),
    ...values.flatMap((value) => onEqual(value, [giveBack(ALLOW)])),
    giveBack(others),
  ];
  const not = (index: number, values: readonly number[]) => [
    load(argument(index)),
    ...values.flatMap((value) => onEqual(value, [giveBack(refuse(EPERM))])),
    giveBack(ALLOW),
  ];
  const namespaces: Instruction[] = [
    load(argument(0)),
    [JUMP_ANY_BIT, 0, 1, CLONE_NAMESPACES],
    giveBack(refuse(EPERM)),
    giveBack(ALLOW),
  ];
  return [
    ...onEqual(JUDGED_CALLS.clone[arch], namespaces),
    // Its flags stand behind a pointer, where a filter cannot look; C libraries fall back to `clone`.
    ...onEqual(JUDGED_CALLS.clone3[arch], [giveBack(refuse(ENOSYS))]),
    ...onEqual(JUDGED_CALLS.socket[arch], only(0, FAMILIES, refuse(EAFNOSUPPORT))),
    ...onEqual(JUDGED_CALLS.socketpair[arch], only(0, FAMILIES, refuse(EAFNOSUPPORT))),
    ...onEqual(JUDGED_CALLS.personality[arch], only(0, PERSONALITIES, refuse(EPERM))),
    ...onEqual(JUDGED_CALLS.ioctl[arch], not(1, TERMINAL_INPUT)),
  ];
}

function encode(program: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(program.length * 8);
  program.forEach(([code, ifTrue, ifFalse, operand], index) => {
    const at = index * 8;
    bytes.writeUInt16LE(code, at);
    bytes[at + 2] = ifTrue;
    bytes[at + 3] = ifFalse;
    bytes.writeUInt32LE(operand >>> 0, at + 4);
  });
  return bytes;
}
