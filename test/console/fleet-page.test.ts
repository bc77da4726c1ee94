import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { NO_NUMBERS, withMessage } from '../../console/src/fleet/live-numbers.ts';
import { openBrowser, skip } from './browser.ts';

const opened = openBrowser();
const { onPage } = opened;
const wide = { viewport: { width: 1440, height: 900 } } as const;
const fleet = { ...wide, hash: '#fleet' } as const;

test('numbers in messages become columns, with gaps where a field is missing', () => {
  const messages = ['{"a":1,"t":5,"x":"y"}', 'not JSON', '{"b":2.5}', '7'];
  const { times, fields } = messages
    .map((text, index) => ({ at: index * 1000, text, isText: true }))
    .reduce(withMessage, NO_NUMBERS);
  assert.deepEqual(times, [0, 2, 3]);
  assert.deepEqual(
    [...fields],
    [
      ['a', [1, null, null]],
      ['b', [null, 2.5, null]],
      ['value', [null, null, 7]],
    ],
  );
});

describe('the fleet table', { skip }, () => {
  test('holds 20,000 devices with some dozens of rows in the page, wherever it is scrolled to', async () => {
    await onPage(fleet, async (page) => {
      await page.getByText('20,000 devices').waitFor();
      await page.getByRole('link', { name: 'gateway-10049' }).waitFor();
      const rows = () => page.locator('.fleet-row').count();
      assert.ok((await rows()) < 60, `${await rows()} rows`);
      assert.equal(await page.getByRole('table', { name: 'Devices' }).getAttribute('aria-rowcount'), '20001');
      await page.evaluate("document.querySelector('.fleet-table').scrollTop = 1e9");
      await page.getByRole('link', { name: 'press-19998' }).waitFor();
      assert.ok((await rows()) < 60);
      const asked = opened.fixture.requests.filter((url) => url.startsWith('/_millrace/fleet?'));
      assert.ok(asked.every((url) => /limit=200/.test(url)));
      // A screen is asked for at a time, and again while it is looked at: never the whole fleet.
      assert.ok(new Set(asked.map((url) => /offset=(\d+)/.exec(url)![1])).size <= 4, asked.join('\n'));
    });
  });

  test('scrolls without long frames', async (t) => {
    await onPage(fleet, async (page) => {
      await page.getByRole('link', { name: 'gateway-10049' }).waitFor();
      const frames = await page.evaluate<number[]>(`new Promise((resolve) => {
        const box = document.querySelector('.fleet-table');
        const frames = [];
        let before = performance.now();
        const step = (now) => {
          frames.push(now - before);
          before = now;
          box.scrollTop += 900;
          if (frames.length < 120) requestAnimationFrame(step);
          else resolve(frames);
        };
        requestAnimationFrame(step);
      })`);
      const sorted = frames.toSorted((a, b) => a - b);
      const median = sorted[60]!;
      t.diagnostic(`frames while scrolling: median ${median.toFixed(1)} ms, longest ${sorted.at(-1)!.toFixed(0)} ms`);
      assert.ok(median < 50, `${median} ms`);
    });
  });

  test('is searched, filtered and sorted by the node', async () => {
    await onPage(fleet, async (page) => {
      await page.getByRole('searchbox', { name: 'Search devices' }).fill('press-0021');
      await page.getByText('10 of 20,000 devices').waitFor();
      await page.getByRole('searchbox', { name: 'Search devices' }).fill('');
      await page.locator('.health-choice label', { hasText: 'lost' }).click();
      await page.getByText(/^3\d\d of 20,000 devices$/).waitFor();
      await page.locator('.fleet-row td .health-mark.connected').waitFor({ state: 'detached' });
      await page.getByRole('combobox', { name: 'Type' }).selectOption('pump');
      await page.getByRole('button', { name: 'Last seen' }).click();
      await page.locator('th[aria-sort="ascending"]', { hasText: 'Last seen' }).waitFor();
      assert.match((await page.locator('.fleet-row td.why').first().textContent())!, /lost|silent/);
    });
  });

  test('is walked through with the arrow keys, and opens a device', async () => {
    await onPage(fleet, async (page) => {
      await page.getByRole('link', { name: 'gateway-10049' }).focus();
      await page.keyboard.press('ArrowDown');
      await page.locator('a:focus', { hasText: 'gateway-10099' }).waitFor();
      await page.keyboard.press('End');
      await page.locator('a:focus', { hasText: 'press-19998' }).waitFor();
      await page.keyboard.press('Home');
      await page.locator('a:focus', { hasText: 'gateway-10049' }).waitFor();
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: 'gateway-10049' }).waitFor();
    });
  });

  test('says what to do when there is nothing yet, and asks for a key where the node does', async () => {
    opened.fixture.authorization = 'Bearer AKIA:secret';
    await onPage(fleet, async (page) => {
      await page.getByLabel('Access key ID').fill('AKIA');
      await page.getByLabel('Secret access key').fill('secret');
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByText('20,000 devices').waitFor();
    });
  });
});

describe('a device page', { skip }, () => {
  const press = { ...wide, hash: '#fleet/press-00021' } as const;

  test('shows readings, live messages, certificate, connections and what it is', async () => {
    await onPage(press, async (page) => {
      await page.locator('#device-chart canvas').waitFor();
      await page.getByText('machines.machine').waitFor();
      const messages = page.locator('.messages li');
      await messages.first().waitFor();
      const first = await messages.first().textContent();
      await messages.first().filter({ hasNotText: first! }).waitFor();
      await messages.first().getByRole('button').click();
      assert.match((await page.locator('.messages pre').first().textContent())!, /\n {2}"pressure_bar": /);
      const text = (await page.locator('.device-page').textContent())!;
      for (const part of [
        /hall-south/,
        /CN=Millrace device CA/,
        /valid until/,
        /22 so far/,
        /connection lost/,
        /SN-70021/,
      ]) {
        assert.match(text, part);
      }
    });
  });

  test('charts what is published where no series has the device, and stands still when it is told to', async () => {
    await onPage({ ...wide, hash: '#fleet/gateway-49' }, async (page) => {
      await page.getByText('as they are published').waitFor();
      await page.locator('#device-chart canvas').waitFor();
      assert.deepEqual(await page.getByRole('combobox', { name: 'Field' }).locator('option').allTextContents(), [
        'pressure_bar',
        'temperature_c',
      ]);
      await page.getByRole('checkbox', { name: 'Live' }).uncheck();
      const asked = () => opened.fixture.requests.filter((url) => url.includes('/messages')).length;
      const before = asked();
      // The page goes on asking for the device itself.
      const device = () => opened.fixture.requests.filter((url) => url === '/_millrace/fleet/gateway-49').length;
      const devices = device();
      while (device() < devices + 2) await page.waitForResponse((one) => one.url().endsWith('/gateway-49'));
      assert.ok(asked() <= before + 1);
    });
  });

  test('disconnects after it has asked', async () => {
    await onPage(press, async (page) => {
      await page.getByRole('button', { name: 'Disconnect' }).click();
      const dialog = page.getByRole('dialog', { name: 'Disconnect press-00021?' });
      await dialog.getByRole('button', { name: 'Cancel' }).click();
      assert.deepEqual(opened.fixture.fleet.disconnected, []);
      await page.getByRole('button', { name: 'Disconnect' }).click();
      await dialog.getByRole('button', { name: 'Disconnect' }).click();
      await page.getByText('disconnected by an operator').first().waitFor();
      assert.deepEqual(opened.fixture.fleet.disconnected, ['press-00021']);
    });
  });

  test('asks its policies, also about what it was refused', async () => {
    await onPage(press, async (page) => {
      await page.getByRole('button', { name: /plants\/south\/all\/stop/ }).click();
      await page.getByText('Not allowed').waitFor();
      assert.match((await page.locator('.verdict').textContent())!, /none of its resources matches plants\/south/);
      await page.getByRole('searchbox', { name: 'Topic', exact: true }).fill('plants/north/press-00021/telemetry');
      await page.getByRole('button', { name: 'Check' }).click();
      await page.locator('.verdict.good').waitFor();
      assert.match(
        (await page.locator('.verdict li.applies').textContent())!,
        /Allow presses, statement 1 \(Telemetry\)/,
      );
    });
  });

  test('of a name that nobody has says so', async () => {
    await onPage({ ...wide, hash: '#fleet/nobody' }, async (page) => {
      await page.getByText('There is no device nobody.').waitFor();
    });
  });

  test('fits a phone, in dark too', async () => {
    const phone = {
      viewport: { width: 360, height: 740 },
      isMobile: true,
      hasTouch: true,
      colorScheme: 'dark',
    } as const;
    for (const hash of ['#fleet', press.hash]) {
      await onPage({ ...phone, hash }, async (page) => {
        await page
          .locator(hash === '#fleet' ? '.fleet-row td' : '.messages li')
          .first()
          .waitFor();
        assert.ok((await page.evaluate<number>('document.documentElement.scrollWidth')) <= 360);
      });
    }
  });
});
