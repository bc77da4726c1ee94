import assert from 'node:assert/strict';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import { type ParsedMail, simpleParser } from 'mailparser';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { SimulatedClock } from '../../src/base/index.ts';
import type { SmtpOptions } from '../../src/delivery/index.ts';
import { eventually, gate } from '../pollers/fakes.ts';
import { delivery, openHouse, POLICY, selfSigned } from './support.ts';

interface Mailbox extends AsyncDisposable {
  readonly mails: readonly ParsedMail[];
  /** Envelopes as the server was told them. */
  readonly recipients: readonly string[];
  readonly connections: () => number;
  readonly options: SmtpOptions;
}

/** A real SMTP server at the far edge. */
async function mailbox(options: SMTPServerOptions = {}, more: Partial<SmtpOptions> = {}): Promise<Mailbox> {
  const mails: ParsedMail[] = [];
  const recipients: string[] = [];
  let connections = 0;
  const server = new SMTPServer({
    authOptional: true,
    disableReverseLookup: true,
    hideSTARTTLS: true,
    onConnect: (_session, callback) => {
      connections++;
      callback();
    },
    onData: (stream, session, callback) => {
      void simpleParser(stream).then((mail) => {
        mails.push(mail);
        recipients.push(...session.envelope.rcptTo.map(({ address }) => address));
        callback();
      });
    },
    ...options,
  });
  server.on('error', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.server.address() as AddressInfo;
  return {
    mails,
    recipients,
    connections: () => connections,
    options: { host: '127.0.0.1', port, security: 'none', from: 'Millrace <alerts@example.com>', ...more },
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

const failing = (responseCode: number, message: string) => Object.assign(new Error(message), { responseCode });

test('a delivery to a mail address is a mail: sender, subject, text, and an id that a repetition keeps', async () => {
  await using box = await mailbox();
  await using house = await openHouse({ smtp: box.options });
  const attributes = { subject: 'Überhitzt: Ofen 3' };
  await house.outbox.send([
    delivery('mailto:ops@example.com', 'Temperature 91 °C\n.\nsecond line', { attributes }),
    delivery('mailto:dev%2Balerts@example.com', '<b>hot</b>', { attributes: { contentType: 'text/html' } }),
  ]);
  await eventually(() => box.mails.length === 2);
  const mail = box.mails.find(({ subject }) => subject !== undefined)!;
  assert.equal(mail.subject, 'Überhitzt: Ofen 3');
  assert.equal(mail.text?.trimEnd(), 'Temperature 91 °C\n.\nsecond line');
  assert.equal(mail.from?.text, '"Millrace" <alerts@example.com>');
  assert.equal(mail.headers.get('auto-submitted'), 'auto-generated');
  assert.match(mail.messageId!, /^<\d+\.[0-9a-f]{32}@millrace>$/);
  assert.deepEqual([...box.recipients].sort(), ['dev+alerts@example.com', 'ops@example.com']);
  const html = box.mails.find((one) => one.html)?.html;
  assert.equal(String(html).trim(), '<b>hot</b>');
});

test('nothing that is sent can add a header, a recipient or a line of the protocol', async () => {
  await using box = await mailbox();
  await using house = await openHouse({ smtp: box.options });
  const subject = 'a\r\nBcc: victim@example.com\r\n\r\nbody';
  await house.outbox.send([
    delivery('mailto:ops@example.com', 'x\r\n.\r\nRCPT TO:<victim@example.com>', { attributes: { subject } }),
  ]);
  const addresses = [
    'mailto:a@example.com,victim@example.com',
    'mailto:a@example.com%0D%0ARCPT%20TO:<victim@example.com>',
    'mailto:a@example.com?bcc=victim@example.com&x=b@c',
    'mailto:"a" <victim@example.com>',
    'mailto:group:a@example.com;',
    'mailto:nobody',
    'mailto:',
  ];
  await house.outbox.send(addresses.map((arn) => delivery(arn, 'x')));
  await eventually(() => house.outbox.edges().every(({ pending }) => pending === 0));
  assert.deepEqual(box.recipients, ['ops@example.com']);
  assert.equal(box.mails[0]?.subject, 'a Bcc: victim@example.com body');
  assert.deepEqual([box.mails[0]?.bcc, box.mails[0]?.cc], [undefined, undefined]);
  const { letters } = await house.outbox.letters({ limit: 100 });
  assert.deepEqual(new Set(letters.map(({ origin }) => origin.errorCode)), new Set(['address-invalid']));
  assert.equal(letters.length, addresses.length);
});

test('what the server refuses for good is given up, what it puts off is tried again', async () => {
  let deferrals = 2;
  await using box = await mailbox({
    onRcptTo: ({ address }, _session, callback) => {
      if (address.startsWith('unknown')) return callback(failing(550, 'no such user'));
      if (address.startsWith('grey') && deferrals-- > 0) return callback(failing(451, 'greylisted'));
      callback();
    },
  });
  await using house = await openHouse({ smtp: box.options });
  await house.outbox.send(['unknown', 'grey', 'good'].map((name) => delivery(`mailto:${name}@example.com`, name)));
  await eventually(() => box.mails.length === 2);
  assert.deepEqual([...box.recipients].sort(), ['good@example.com', 'grey@example.com']);
  await eventually(() => house.outbox.edges().every(({ pending }) => pending === 0));
  const { letters } = await house.outbox.letters({ limit: 100 });
  assert.deepEqual(
    letters.map(({ origin }) => [origin.arn, origin.errorCode, origin.attempts]),
    [['mailto:unknown@example.com', 'smtp-rejected', 1]],
  );
});

test('STARTTLS and a password, with an authority of the configuration; a server without it is not told the password', async () => {
  const tls = await selfSigned();
  const users: string[] = [];
  const auth: SMTPServerOptions = {
    authOptional: false,
    onAuth: ({ username, password }, _session, callback) => {
      users.push(`${username}:${password}`);
      callback(password === 'right' ? null : failing(535, 'bad password'), { user: username });
    },
  };
  const secure = { security: 'starttls', user: 'millrace', ca: tls.cert } as const;
  {
    await using box = await mailbox({ ...tls, ...auth, hideSTARTTLS: false }, { ...secure, password: 'right' });
    await using house = await openHouse({ smtp: box.options });
    await house.outbox.send([delivery('mailto:ops@example.com', 'x')]);
    await eventually(() => box.mails.length === 1);
    assert.deepEqual(users, ['millrace:right']);
  }
  {
    await using box = await mailbox({ ...tls, ...auth, hideSTARTTLS: false }, { ...secure, password: 'wrong' });
    await using house = await openHouse({ smtp: box.options });
    const policy = { ...POLICY, attemptsMax: 100 };
    await house.outbox.send([delivery('mailto:ops@example.com', 'x', { policy })]);
    await eventually(() => house.edge('mailto:')?.lastError?.code === 'smtp-not-authenticated');
    assert.equal(house.edge('mailto:')?.pending, 1);
  }
  users.length = 0;
  await using box = await mailbox({ ...auth, allowInsecureAuth: true }, { ...secure, password: 'right' });
  await using house = await openHouse({ smtp: box.options });
  await house.outbox.send([delivery('mailto:ops@example.com', 'x', { policy: { ...POLICY, attemptsMax: 100 } })]);
  await eventually(() => house.edge('mailto:')?.lastError !== undefined);
  assert.deepEqual(users, []);
});

test('many mails share a few connections', async () => {
  await using box = await mailbox();
  await using house = await openHouse({ smtp: box.options });
  const mails = Array.from({ length: 60 }, (_, n) => delivery(`mailto:user${n}@example.com`, String(n)));
  await house.outbox.send(mails);
  await eventually(() => box.mails.length === 60);
  assert.ok(box.connections() <= 4, `${box.connections()} connections`);
});

test('no mail waits for a connection within its attempt', async () => {
  const held = gate();
  let arrived = 0;
  await using box = await mailbox({
    onData: (stream, _session, callback) => {
      arrived++;
      stream.resume();
      void held.opened.then(() => callback());
    },
  });
  await using house = await openHouse({ smtp: box.options });
  await house.outbox.send(Array.from({ length: 12 }, (_, n) => delivery(`mailto:m${n}@example.com`, 'a')));
  await eventually(() => arrived === 4);
  assert.equal(house.edge('mailto:')?.inFlight, 4);
  held.open();
  await eventually(() => house.edge('mailto:')?.pending === 0);
  assert.equal(arrived, 12);
});

test('a server that trickles its answer to a mail loses its connection when the attempt is over', async () => {
  const clock = new SimulatedClock();
  const { opened: isThere, open: arrived } = gate();
  const { opened: isClosed, open: closed } = gate();
  const server = createServer((socket) => {
    socket.on('error', () => {}).write('220 slow\r\n');
    let trickle: NodeJS.Timeout | undefined;
    socket.setEncoding('latin1').on('data', (text: string) => {
      if (text.endsWith('\r\n.\r\n')) {
        trickle = setInterval(() => socket.write('250-wait\r\n'), 1000);
        arrived();
      } else socket.write(text.startsWith('DATA') ? '354 go on\r\n' : '250 well\r\n');
    });
    socket.on('close', () => {
      clearInterval(trickle);
      closed();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const smtp = { host: '127.0.0.1', port, security: 'none', from: 'alerts@example.com' } as const;
  await using house = await openHouse({ clock, smtp });
  await house.outbox.send([delivery('mailto:ops@example.com', 'x', { policy: { ...POLICY, attemptsMax: 1 } })]);
  await isThere;
  await clock.advance(60_000);
  await eventually(() => house.outbox.letterCount === 1);
  await isClosed;
  await new Promise((resolve) => server.close(resolve));
});

test('mail waits while no server is configured, and while it is away', async () => {
  const policy = { ...POLICY, attemptsMax: 100_000 };
  await using house = await openHouse();
  await house.outbox.send([delivery('mailto:ops@example.com', 'x', { policy })]);
  await eventually(() => house.edge('mailto:')?.isBroken === true);
  assert.match(house.edge('mailto:')!.lastError!.message, /set smtp.host and smtp.from/);
  assert.equal(house.edge('mailto:')?.pending, 1);
  await using away = await openHouse({
    smtp: { host: '127.0.0.1', port: 9, security: 'none', from: 'a@example.com' },
  });
  await away.outbox.send([delivery('mailto:ops@example.com', 'x', { policy })]);
  await eventually(() => away.edge('mailto:')?.lastError?.code === 'smtp-unreachable');
  assert.equal(away.edge('mailto:')?.pending, 1);
});
