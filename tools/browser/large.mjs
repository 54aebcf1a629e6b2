// Measures the served page and the report of a run with many images, and fails where they are slower than promised.
//
//   node large.mjs TWIST RUN
//
// RUN is a folder that large_run.py wrote; its labels.csv and report.html are replaced.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { openBrowser, startServer } from './browser.mjs';
import { lasso } from './map.mjs';

const [twist, run] = process.argv.slice(2);
if (!run) throw new Error('usage: node large.mjs TWIST RUN');
const labels = join(run, 'labels.csv');
rmSync(labels, { force: true });
const said = (what, value) => console.log(`${what.padEnd(58)} ${value}`);
const ms = (value) => `${Math.round(value)} ms`;

const server = await startServer(twist, run);
const browser = await openBrowser();
/** Memory of the server now and at most so far, in MiB. */
const memory = () => ['VmRSS', 'VmHWM'].map((key) => Math.round(Number(readFileSync(`/proc/${server.pid}/status`, 'utf8').match(new RegExp(`${key}:\\s+(\\d+)`))[1]) / 1024));
const pause = (milliseconds) => new Promise((done) => { setTimeout(done, milliseconds); });

try {
  said('memory of the server at its start', `${memory()[0]} MiB`);
  const began = performance.now();
  let state;
  do {
    state = await (await fetch(`${server.address}api/map`)).json();
    if (state.state === 'working') await pause(200);
  } while (state.state === 'working');
  assert.equal(state.state, 'ready', JSON.stringify(state));
  said('the map was ready after', `${((performance.now() - began) / 1000).toFixed(1)} s (${state.scope})`);
  said('memory of the server with the map, and at most before', memory().map((value) => `${value} MiB`).join(', '));

  const page = await browser.newPage({ viewport: { width: 1200, height: 900 } });
  const problems = [];
  page.on('pageerror', (error) => problems.push(error.message));
  await page.goto(server.address);
  await page.locator('.class').first().waitFor();
  const classes = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0].startTime);
  said('classes: first paint', ms(classes));
  await page.goto('about:blank');
  await page.goto(`${server.address}#/map`);
  await page.locator('#map[data-ready]').waitFor();
  const [first, map] = await page.evaluate(() => ['first-contentful-paint', 'map-painted'].map((name) => performance.getEntriesByName(name)[0].startTime));
  said('map: first paint, and paint of all points', `${ms(first)}, ${ms(map)}`);
  assert.ok(classes < 2000 && map < 2000, 'first paint within two seconds');

  const found = await lasso(page, 10_000);
  said(`lasso of ${found.picked} images, from release to paint`, ms(found.milliseconds));
  assert.ok(found.picked >= 10_000 && found.milliseconds < 1000, 'a lasso of 10,000 within a second');

  const frames = await page.evaluate(async () => {
    const canvas = document.querySelector('#map canvas');
    const times = [];
    for (let i = 0; i < 20; i++) {
      const start = performance.now();
      canvas.dispatchEvent(new KeyboardEvent('keydown', { key: i % 2 ? '-' : '+', bubbles: true }));
      await new Promise((done) => { requestAnimationFrame(() => requestAnimationFrame(done)); });
      times.push(performance.now() - start);
    }
    return times.sort((a, b) => a - b)[10];
  });
  said('a step of zoom, median of 20 (two frames)', ms(frames));

  const label = async (words) => {
    await page.fill('#map form input', words);
    const turn = await page.locator('#main').getAttribute('data-turn');
    const start = performance.now();
    await page.click('#map [data-act=label]');
    await page.waitForFunction((before) => document.querySelector('#main').dataset.turn !== before, turn);
    return performance.now() - start;
  };
  const undo = async () => {
    const turn = await page.locator('#main').getAttribute('data-turn');
    await page.click('#undo');
    await page.waitForFunction((before) => document.querySelector('#main').dataset.turn !== before, turn);
  };
  said(`a label for ${found.picked} images, until the page has it`, ms(await label('chosen')));
  assert.equal(readFileSync(labels, 'utf8').trim().split('\n').length, found.picked + 1);
  await undo();
  assert.equal(readFileSync(labels, 'utf8').trim().split('\n').length, 1, 'all labels are taken back');

  // A row in 25 has a thumbnail.
  const seen = Array.from({ length: 2000 }, (_, i) => i * 25);
  assert.ok((await fetch(`${server.address}picture/${seen[7]}`)).ok, 'thumbnails are where they are expected');
  // Memory: once warm, it stays what it is, however often pictures, the map and labels are asked for.
  const work = async () => {
    for (let i = 0; i < 5; i++) { await label(`label ${i}`); await undo(); }
    for (let i = 0; i < 20; i++) await (await fetch(`${server.address}map.bin`)).arrayBuffer();
    for (const row of seen) await (await fetch(`${server.address}picture/${row}`)).arrayBuffer();
    for (const path of ['api/next', 'api/classes', 'api/image/7']) await (await fetch(server.address + path)).arrayBuffer();
  };
  await work();
  const [warm] = memory();
  await work();
  await work();
  const [after] = memory();
  said('memory of the server, warm and after twice the same work', `${warm} MiB, ${after} MiB`);
  assert.ok(after < warm + 24, 'the memory of the server is flat');
  assert.deepEqual(problems, []);
  await page.close();
} finally {
  await server.stop();
}

try {
  const report = resolve(run, 'report.html');
  const start = performance.now();
  execFileSync(twist, ['report', run], { stdio: ['ignore', 'ignore', 'inherit'] });
  said('twist report', `${((performance.now() - start) / 1000).toFixed(1)} s, ${(statSync(report).size / 2 ** 20).toFixed(1)} MiB`);
  const page = await browser.newPage({ viewport: { width: 1200, height: 900 } });
  await page.goto(pathToFileURL(report).href);
  const first = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0].startTime);
  said('report: first paint', ms(first));
  assert.ok(first < 2000, 'first paint of the report within two seconds');
  const began = await page.evaluate(() => { document.getElementById('r1-map').scrollIntoView({ behavior: 'instant' }); return performance.now(); });
  await page.locator('.map[data-ready]').waitFor();
  said('report: from scrolling to the map to all points', ms(await page.evaluate((from) => performance.getEntriesByName('map-painted')[0].startTime - from, began)));
  const found = await lasso(page, 10_000);
  said(`report: lasso of ${found.picked} images, from release to paint`, ms(found.milliseconds));
  assert.ok(found.picked >= 10_000 && found.milliseconds < 1000, 'a lasso of 10,000 within a second');
} finally {
  await browser.close();
}
