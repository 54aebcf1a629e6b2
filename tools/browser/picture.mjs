// Takes the picture of the served page for the documentation: node picture.mjs TWIST RUN OUT.png [light|dark] [#/view]

import { openBrowser, startServer } from './browser.mjs';

const [twist, run, out, theme = 'light', view = '#/classes'] = process.argv.slice(2);
const server = await startServer(twist, run);
const browser = await openBrowser();
try {
  const page = await browser.newPage({ viewport: { width: 1200, height: 900 }, colorScheme: theme });
  await page.goto(server.address + view);
  await page.locator('.thumb img, .drop, .map[data-ready]').first().waitFor();
  await page.waitForLoadState('networkidle');
  await page.screenshot({ path: out });
} finally {
  await browser.close();
  await server.stop();
}
