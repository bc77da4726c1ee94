import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seccompFilter } from './seccomp.ts';
import { JUDGED_CALLS, REFUSED_CALLS } from './seccomp-calls.ts';

const ALLOW = 'allow';
const ARCH = { x64: 0xc000003e, arm64: 0xc00000b7 } as const;

/** Runs the program as the kernel does: enough of classic BPF for what the filter uses. */
function judge(arch: 'x64' | 'arm64', call: { arch?: number; number: number; arguments?: readonly number[] }): string {
  const program = seccompFilter(arch)!;
  const data = Buffer.alloc(64);
  data.writeUInt32LE(call.number >>> 0, 0);
  data.writeUInt32LE(call.arch ?? ARCH[arch], 4);
  for (const [index, value] of (call.arguments ?? []).entries()) data.writeUInt32LE(value >>> 0, 16 + 8 * index);
  let accumulator = 0;
  for (let at = 0; ; at++) {
    assert.ok(at * 8 < program.length, 'the program ends with a verdict');
    const code = program.readUInt16LE(at * 8);
    const operand = program.readUInt32LE(at * 8 + 4);
    const jump = (condition: boolean) => {
      at += program[at * 8 + (condition ? 2 : 3)]!;
    };
    if (code === 0x20) accumulator = data.readUInt32LE(operand);
    else if (code === 0x15) jump(accumulator === operand);
    else if (code === 0x35) jump(accumulator >= operand);
    else if (code === 0x45) jump((accumulator & operand) !== 0);
    else if (code !== 0x06) assert.fail(`instruction ${code}`);
    else if (operand === 0x7fff_0000) return ALLOW;
    else if (operand === 0x8000_0000) return 'kill';
    else return `errno ${operand & 0xffff}`;
  }
}

for (const arch of ['x64', 'arm64'] as const) {
  test(`${arch}: what is on the list is refused, and what programs need is not`, () => {
    for (const [name, { [arch]: number }] of Object.entries(REFUSED_CALLS)) {
      if (number !== undefined) assert.equal(judge(arch, { number }), 'errno 1', name);
    }
    const usual = arch === 'x64' ? [0, 1, 9, 59, 202, 231, 257, 281, 318] : [56, 63, 64, 93, 98, 221, 222, 278];
    for (const number of usual) assert.equal(judge(arch, { number }), ALLOW, String(number));
  });

  test(`${arch}: calls are judged by their arguments`, () => {
    const { clone, clone3, socket, ioctl, personality } = JUDGED_CALLS;
    const of = (call: { readonly x64: number; readonly arm64: number }, ...values: number[]) =>
      judge(arch, { number: call[arch], arguments: values });
    assert.equal(of(clone, 0x003d0f00), ALLOW, 'a thread');
    assert.equal(of(clone, 0x1000_0011), 'errno 1', 'a user namespace');
    assert.equal(of(clone, 0x0002_0011), 'errno 1', 'a mount namespace');
    assert.equal(of(clone3), 'errno 38');
    assert.deepEqual(
      [1, 2, 10, 16].map((family) => of(socket, family)),
      [ALLOW, ALLOW, ALLOW, ALLOW],
    );
    assert.deepEqual(
      [17, 38, 40].map((family) => of(socket, family)),
      ['errno 97', 'errno 97', 'errno 97'],
    );
    assert.deepEqual([of(ioctl, 0, 0x5401), of(ioctl, 0, 0x5412)], [ALLOW, 'errno 1']);
    assert.deepEqual([of(personality, 0xffff_ffff), of(personality, 0x0040000)], [ALLOW, 'errno 1']);
  });
}

test('calls under another numbering are killed or refused', () => {
  assert.equal(judge('x64', { arch: 0x40000003, number: 11 }), 'kill');
  assert.equal(judge('arm64', { arch: 0x40000028, number: 11 }), 'kill');
  assert.equal(judge('x64', { number: 0x4000_0000 + 59 }), 'errno 1');
  assert.equal(seccompFilter('riscv64'), undefined);
});
