// Drawing on the map of a page.

/** Draws a lasso around the centre of the map of `page`, wider until it holds at least `least` images; says how many it holds, and how long the last
 * one took from the release of the pointer until the selection was on the screen. */
export const lasso = async (page, least) => {
  const canvas = page.locator('.map canvas');
  await canvas.scrollIntoViewIfNeeded();
  const button = page.locator('.map [data-act=lasso]');
  if (await button.getAttribute('aria-pressed') !== 'true') await button.click();
  const box = await canvas.boundingBox();
  const [cx, cy, most] = [box.x + box.width / 2, box.y + box.height / 2, Math.min(box.width, box.height) / 2 - 4];
  await page.evaluate(() => {
    if (window.twistLasso) return;
    window.twistLasso = {};
    document.addEventListener('pointerup', () => {
      const start = performance.now();
      requestAnimationFrame(() => requestAnimationFrame(() => { window.twistLasso.took = performance.now() - start; }));
    }, true);
  });
  for (let part = 1; part <= 24; part++) {
    const radius = most * part / 24;
    const corner = (i) => [cx + radius * Math.cos(i / 60 * 2 * Math.PI), cy + radius * Math.sin(i / 60 * 2 * Math.PI)];
    await page.evaluate(() => { delete window.twistLasso.took; });
    await page.mouse.move(...corner(0));
    await page.mouse.down();
    for (let i = 1; i <= 60; i++) await page.mouse.move(...corner(i));
    await page.mouse.up();
    await page.waitForFunction(() => window.twistLasso.took !== undefined);
    const [picked, milliseconds] = await page.evaluate(() => [Number(document.querySelector('.map').dataset.picked), window.twistLasso.took]);
    if (picked >= least) return { picked, milliseconds };
  }
  throw new Error(`no lasso holds ${least} images`);
};
