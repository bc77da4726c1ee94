import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, beforeEach } from 'node:test';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { type Fixture, startFixture } from './fixture.ts';

/** The one without windows draws the same and takes half the processor time; the whole one does where that is what there is. */
const BROWSERS = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'];
const BROWSER = BROWSERS.find((path) => existsSync(path));

/** Why tests in a browser do not run here; `false` when they do. */
export const skip = BROWSER === undefined ? 'chromium is not installed' : false;

/** A browser and a fixture for the tests of one file. */
export function openBrowser(): {
  readonly fixture: Fixture;
  /** Opens the console of the fixture, or the one at `url`, at `hash`; whatever the page complains about fails the test. */
  onPage(
    options: BrowserContextOptions & { readonly hash?: string; readonly url?: string },
    body: (page: Page) => Promise<void>,
    watch?: (page: Page) => void,
  ): Promise<void>;
} {
  let fixture: Fixture;
  let browser: Browser;
  if (!skip) {
    before(async () => {
      fixture = await startFixture();
      browser = await chromium.launch({
        executablePath: BROWSER!,
        args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'],
      });
    });
    beforeEach(() => fixture.reset());
    after(async () => {
      await browser.close();
      await fixture[Symbol.asyncDispose]();
    });
  }
  return {
    get fixture() {
      return fixture;
    },
    onPage: async ({ hash = '', url = fixture.url, ...options }, body, watch = () => {}) => {
      const context = await browser.newContext(options);
      context.setDefaultTimeout(8000);
      const page = await context.newPage();
      const complaints: string[] = [];
      page.on('pageerror', (error) => complaints.push(error.message));
      page.on('console', (message) => {
        // The browser reports every failed request by itself; the page's own handling of them is what is tested.
        if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
          complaints.push(message.text());
      });
      watch(page);
      try {
        await page.goto(`${url}${hash}`);
        await body(page);
        assert.deepEqual(complaints, []);
      } finally {
        await context.close();
      }
    },
  };
}
