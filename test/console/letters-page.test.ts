import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { compactJson, prettyJson } from '../../console/src/letters/json-text.ts';
import { openBrowser, skip } from './browser.ts';
import { badDay } from './fixture.ts';

const opened = openBrowser();
const { onPage } = opened;
const wide = { viewport: { width: 1440, height: 900 } } as const;
const letters = { ...wide, hash: '#dead-letters' } as const;

test('JSON is laid out anew without a digit, a key or an escape being changed', () => {
  const texts = [
    '{"a":12345678901234567890,"b":[1.10,1e400,{"c":"x, {y}: \\"z\\" \\u00e9"}],"a":null,"e":{},"f":[]}',
    '[true,false,null,-0.0]',
    '"text"',
  ];
  for (const text of texts) {
    assert.equal(compactJson(prettyJson(text)), text);
    assert.equal(prettyJson(compactJson(prettyJson(text))), prettyJson(text));
  }
  assert.equal(prettyJson('{"a":[1,2],"b":{}}'), '{\n  "a": [\n    1,\n    2\n  ],\n  "b": {}\n}');
});

test('what fails, falls behind or is held back says so in words, on its edge and on its card', { skip }, async () => {
  opened.fixture.reading = badDay;
  await onPage(wide, async (page) => {
    const failing = page.getByRole('button', {
      name: /^orders to crm\.example, fails, .*: ECONNREFUSED/,
    });
    await failing.waitFor();
    assert.match((await failing.textContent())!, /fails, 340 wait/);
    await page.getByRole('button', { name: /^Webhook crm\.example, fails/ }).waitFor();
    await page.getByRole('button', { name: /^Queue orders, falls behind, (backlog grows|the oldest waits)/ }).waitFor();
    await page.getByRole('button', { name: /^telemetry to detector, paused, held back by admin, 880 wait/ }).waitFor();
    // Whether they have just come depends on whether the page was read before the bad day began.
    await page
      .getByRole('button', {
        name: /^Queue orders-dead-letters, (falls behind|fails), 214 dead letters (wait|just came)/,
      })
      .waitFor();
    assert.equal(await page.locator('path.edge.dead-letter').count(), 1);
    const dash = await page.evaluate(
      "getComputedStyle(document.querySelector('path.edge.dead-letter')).strokeDasharray",
    );
    assert.notEqual(dash, 'none');
    await failing.click();
    const details = page.getByRole('region', { name: 'Details of orders to crm.example' });
    const text = (await details.textContent())!;
    for (const part of [/waiting340/, /oldest1 min/, /in flight1/, /retries\d+/, /lost2/, /last error ?ECONNREFUSED/]) {
      assert.match(text, part);
    }
    await page.getByRole('link', { name: /Dead letters ?216/ }).waitFor();
  });
});

test('a mapping is paused, resumed and replayed from its edge', { skip }, async () => {
  opened.fixture.reading = badDay;
  await onPage(wide, async (page) => {
    await page.getByRole('button', { name: /^orders to billing/ }).click();
    await page.getByRole('button', { name: 'Pause', exact: true }).click();
    await page.getByText('It is paused').waitFor();
    assert.equal(await page.getByRole('button', { name: /Replay/ }).count(), 0, 'a queue cannot be read again');
    await page.getByRole('button', { name: /^telemetry to detector/ }).click();
    await page.getByRole('button', { name: 'Replay from…' }).click();
    await page.getByLabel('From (local time)').fill('2026-11-28T08:30:00');
    await page.getByRole('button', { name: 'Replay', exact: true }).click();
    await page.getByText('It reads again from').waitFor();
    await page.getByRole('button', { name: 'Resume' }).click();
    await page.getByText('It goes on.').waitFor();
    const { commands } = opened.fixture;
    assert.deepEqual(
      commands.map(({ path }) => path.replace('/_millrace/mappings/c0ffee00-', '')),
      ['aaaa/pause', 'bbbb/replay', 'bbbb/resume'],
    );
    assert.match(commands[1]!.input.from, /^2026-11-2\dT\d\d:30:00\.000Z$/);
  });
});

test('a dead letter is found by a filter, shown with its trace, edited and sent back', { skip }, async () => {
  await onPage(letters, async (page) => {
    await page.locator('.letter').nth(99).waitFor();
    await page.getByRole('button', { name: 'Show more' }).click();
    await page.locator('.letter').nth(199).waitFor();
    await page.getByRole('searchbox', { name: 'Reason' }).fill('typeerror');
    await page.locator('.letter').filter({ hasText: 'MaxReceives' }).first().waitFor({ state: 'detached' });
    await page.locator('.letter').nth(71).waitFor();
    await page.locator('.letter').nth(72).waitFor({ state: 'detached' });
    await page.locator('.letter').first().click();
    const pane = page.getByRole('article', { name: 'Dead letter' });
    const text = (await pane.getByRole('region', { name: 'Trace' }).textContent())!;
    assert.match(text, /0af7651916cd43dd8448eb211c80319c.*sns\.Publish.*deliver orders.*billing TypeError/);
    const body = (await pane.locator('pre').textContent())!;
    assert.match(body, /"order": 9007199254740993,\n/);
    await pane.getByRole('button', { name: 'Edit' }).click();
    const editor = pane.getByRole('textbox', { name: 'Edited body' });
    await editor.fill(body.replace('"c-0"', '"c-fixed"'));
    await pane.getByRole('button', { name: 'Redrive edited to billing' }).click();
    await page
      .getByRole('status')
      .filter({ hasText: 'It went edited to billing and is no dead letter any more.' })
      .waitFor();
    await page.locator('.letter').nth(71).waitFor({ state: 'detached' });
    const [sent] = opened.fixture.letters.redriven;
    assert.equal(sent!.body, '{"order":9007199254740993,"customer":"c-fixed","lines":[{"sku":"A-0","quantity":2}]}');
  });
});

test('what was not edited goes back as it was, and a body that is no JSON any more is pointed at', {
  skip,
}, async () => {
  await onPage(letters, async (page) => {
    await page.locator('.letter').first().click();
    await page.getByRole('button', { name: 'Edit' }).click();
    await page.getByRole('textbox', { name: 'Edited body' }).fill('{"order":');
    await page.getByText('This is no JSON any more.').waitFor();
    await page.getByRole('button', { name: 'Undo edits' }).click();
    await page.getByRole('button', { name: 'Redrive to billing' }).click();
    await page.getByText('It went to billing').waitFor();
    assert.equal(opened.fixture.letters.redriven[0]!.body, undefined);
  });
});

test('discarding asks first; Escape keeps the letter', { skip }, async () => {
  await onPage(letters, async (page) => {
    const kept = () => opened.fixture.letters.places().reduce((sum, { waiting }) => sum + waiting, 0);
    await page.locator('.letter').first().click();
    await page.getByRole('button', { name: 'Discard…' }).click();
    const dialog = page.getByRole('dialog', { name: 'Discard this dead letter?' });
    await dialog.waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    assert.equal(kept(), 216);
    await page.getByRole('button', { name: 'Discard…' }).click();
    await dialog.getByRole('button', { name: 'Discard' }).click();
    await page.getByText('It was discarded for good.').waitFor();
    assert.equal(kept(), 215);
  });
});

test('all that match go back together, after a question that says how many; what cannot is named', {
  skip,
}, async () => {
  opened.fixture.letters.refusing.add('0000003');
  await onPage(letters, async (page) => {
    await page.getByRole('combobox', { name: 'Place' }).selectOption({ label: 'orders-dead-letters (214)' });
    await page.getByRole('button', { name: 'Redrive all that match…' }).click();
    const dialog = page.getByRole('dialog', { name: 'Send these back?' });
    assert.match((await dialog.textContent())!, /All dead letters in orders-dead-letters: 214 now\./);
    await dialog.getByRole('button', { name: 'Redrive all' }).click();
    await page
      .getByText(
        '213 dead letters went back to where they were meant for. 1 could not be and is still here: nobody there',
      )
      .waitFor();
    await page.locator('.letter').nth(1).waitFor({ state: 'detached' });
    assert.equal(opened.fixture.letters.redriven.length, 213);
  });
});

test('a letter is reached, read and left by keyboard alone', { skip }, async () => {
  await onPage(letters, async (page) => {
    await page.locator('.letter').first().waitFor();
    const tabTo = async (selector: string) => {
      for (let step = 0; step < 40; step++) {
        if (await page.evaluate<boolean>(`document.activeElement.matches(${JSON.stringify(selector)})`)) return;
        await page.keyboard.press('Tab');
      }
      assert.fail(`${selector} cannot be reached by Tab`);
    };
    await tabTo('.letter');
    await page.keyboard.press('Enter');
    await page.locator('.letter-pane pre').waitFor();
    assert.equal(await page.evaluate('document.activeElement.textContent'), 'TypeError');
    await tabTo('.letter-head .plain');
    await page.keyboard.press('Enter');
    await page.locator('.letter-pane').waitFor({ state: 'detached' });
  });
});

test('a node that asks who calls gets a key, which the page forgets when it is closed', { skip }, async () => {
  opened.fixture.authorization = 'Bearer AKIA7:s3cret';
  await onPage(letters, async (page) => {
    await page.getByText('This node asks who you are.').waitFor();
    await page.getByRole('textbox', { name: 'Access key ID' }).fill('AKIA7');
    await page.getByLabel('Secret access key').fill('s3cret');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.locator('.letter').first().waitFor();
    assert.equal(await page.evaluate('JSON.stringify([{ ...localStorage }, { ...sessionStorage }])'), '[{},{}]');
    await page.reload();
    await page.getByText('This node asks who you are.').waitFor();
  });
});

test('a mapping of such a node is paused once a key was given', { skip }, async () => {
  opened.fixture.reading = badDay;
  opened.fixture.authorization = 'Bearer AKIA7:s3cret';
  await onPage(wide, async (page) => {
    await page.getByRole('button', { name: /^orders to billing/ }).click();
    await page.getByRole('button', { name: 'Pause', exact: true }).click();
    await page.getByRole('textbox', { name: 'Access key ID' }).fill('AKIA7');
    await page.getByLabel('Secret access key').fill('s3cret');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('button', { name: 'Pause', exact: true }).click();
    await page.getByText('It is paused').waitFor();
    assert.equal(opened.fixture.commands.length, 1);
  });
});

test('with no dead letters it says what would come here', { skip }, async () => {
  opened.fixture.letters.kept.clear();
  await onPage(letters, async (page) => {
    await page.getByText('No dead letters.').waitFor();
    assert.ok(await page.getByRole('button', { name: 'Discard all…' }).isDisabled());
  });
});

test('on a phone the list and the letter take turns, and nothing is wider than the screen', { skip }, async () => {
  const phone = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true } as const;
  opened.fixture.reading = badDay;
  await onPage({ ...phone, hash: '#dead-letters', colorScheme: 'dark' }, async (page) => {
    const isNarrow = async () => (await page.evaluate<number>('document.documentElement.scrollWidth')) <= 390;
    await page.locator('.letter').first().waitFor();
    assert.ok(await isNarrow());
    await page.locator('.letter').first().click();
    await page.locator('.trace li').first().waitFor();
    assert.ok(await isNarrow());
    assert.ok(!(await page.locator('.letter').first().isVisible()));
    await page.getByRole('button', { name: 'Close' }).click();
    await page.locator('.letter').first().waitFor();
    await page.getByRole('link', { name: 'Flow' }).click();
    await page.locator('.edge-label.error').waitFor();
    assert.ok(await isNarrow());
  });
});

test('text stands out from what is behind it, in light and in dark', { skip }, async () => {
  opened.fixture.reading = badDay;
  for (const colorScheme of ['light', 'dark'] as const) {
    await onPage({ ...wide, colorScheme }, async (page) => {
      await page.locator('.edge-label.error').waitFor();
      await readable(page, colorScheme, ['.edge-label.error', '.edge-label.waiting', '.card-problem', '.count']);
      await page.getByRole('link', { name: /Dead letters/ }).click();
      await page.locator('.letter').first().click();
      await page.locator('.trace li').first().waitFor();
      const parts = [
        '.letter-reason b',
        '.letter time',
        '.letter-preview',
        '.plain.main',
        '.plain.danger',
        '.story dt',
      ];
      await readable(page, colorScheme, [...parts, '.span-time', '.letter-head h3']);
    });
  }
});

/** WCAG 2.2, 1.4.3: 4.5 to 1 between text and the first background behind it that covers. */
async function readable(page: Page, scheme: string, selectors: readonly string[]): Promise<void> {
  for (const selector of selectors) {
    const ratio = await page.evaluate<number>(`(() => {
      const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
      const element = document.querySelector(${JSON.stringify(selector)});
      const layers = [];
      for (let at = element; at; at = at.parentElement) layers.unshift(getComputedStyle(at).backgroundColor);
      const shown = (colours) => {
        for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
        return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map((value) => {
          const part = value / 255;
          return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
        });
      };
      const light = ([r, g, b]) => 0.2126 * r + 0.7152 * g + 0.0722 * b;
      const behind = light(shown(layers));
      const text = light(shown([getComputedStyle(element).color]));
      return (Math.max(behind, text) + 0.05) / (Math.min(behind, text) + 0.05);
    })()`);
    assert.ok(ratio >= 4.5, `${selector} in ${scheme}: ${ratio.toFixed(2)}`);
  }
}
