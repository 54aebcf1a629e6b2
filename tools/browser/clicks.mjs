// Does on the page of `twist report RUN --serve` what a person would do, and looks at the files that it leaves.
//
//   node clicks.mjs TWIST RUN [PICTURE]
//
// TWIST is the binary. RUN is a finished run with labels, whose clusters.json and labels.csv are removed first. PICTURE is an image file to search by.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { openBrowser, startServer } from './browser.mjs';
import { lasso } from './map.mjs';

const [twist, run, picture] = process.argv.slice(2);
if (!run) throw new Error('usage: node clicks.mjs TWIST RUN [PICTURE]');
const file = (name) => join(run, name);
for (const name of ['clusters.json', 'labels.csv']) rmSync(file(name), { force: true });
const clusters = () => JSON.parse(readFileSync(file('clusters.json'), 'utf8'));
const done = (what) => console.log(`ok  ${what}`);

const server = await startServer(twist, run);
const browser = await openBrowser();
const page = await browser.newPage({ viewport: { width: 1200, height: 900 } });
const problems = [];
const origin = new URL(server.address).origin;
page.on('pageerror', (error) => problems.push(`script: ${error.message}`));
page.on('console', (message) => { if (message.type() === 'error') problems.push(`console: ${message.text()}`); });
page.on('request', (request) => {
  const { protocol, origin: asked } = new URL(request.url());
  if (asked !== origin && !['data:', 'blob:'].includes(protocol)) problems.push(`asked ${request.url()}`);
});
/** Waits until the page has been drawn anew after `act`. */
const redrawn = async (act) => {
  const before = await page.locator('#main').getAttribute('data-turn');
  await act();
  await page.waitForFunction((turn) => document.querySelector('#main').dataset.turn !== turn, before);
};
const titles = () => page.locator('.class h2 a').allTextContents();

try {
  await page.goto(server.address);
  await page.locator('.class').first().waitFor();
  const numbers = await page.locator('.class').evaluateAll((cards) => cards.map((card) => Number(card.dataset.number)));
  assert.ok(numbers.length >= 4, 'the run has four classes or more');
  const [first, second, third] = numbers;
  await page.waitForFunction(() => [...document.querySelectorAll('.thumb img')].slice(0, 8).every((image) => image.naturalWidth > 0));
  done(`${numbers.length} classes, with pictures`);

  // The slider, by keyboard: what joins is shown first, then made, then taken apart again.
  const classes = Number(await page.getAttribute('#cut', 'max'));
  assert.equal(await page.inputValue('#cut'), String(classes), 'nothing is cut yet');
  assert.ok(await page.isDisabled('#cut-now'));
  await page.focus('#cut');
  await page.keyboard.press('ArrowLeft');
  await page.locator('#cut-now:enabled').waitFor();
  assert.match(await page.textContent('#cut-now'), new RegExp(`Apply: ${classes - 1} classes`));
  assert.match(await page.locator('.changes li').first().textContent(), /is made of/);
  assert.ok(!existsSync(file('clusters.json')), 'a look at a cut changes nothing');
  await page.keyboard.press('Tab');
  await redrawn(() => page.keyboard.press('Enter'));
  assert.match(await page.textContent('#status'), new RegExp(`${classes - 1} classes now, ${classes} before`));
  assert.equal(clusters().merges.length, 1);
  assert.equal(clusters().merges[0].of.length, 2);
  assert.equal(await page.locator('.class').count(), numbers.length - 1);
  await page.waitForFunction(() => document.activeElement?.id === 'cut');
  await page.keyboard.press('End');
  await page.locator('#cut-now:enabled').waitFor();
  assert.match(await page.locator('.changes li').first().textContent(), /comes apart/);
  await page.keyboard.press('Tab');
  await redrawn(() => page.keyboard.press('Enter'));
  assert.deepEqual(clusters().merges, []);
  assert.equal(await page.locator('.class').count(), numbers.length);
  if (await page.locator('#cut-auto').count()) {
    await page.click('#cut-auto');
    await page.waitForFunction(() => /→|as they are/.test(document.querySelector('#cut-said').textContent));
    assert.deepEqual(clusters().merges, [], 'the estimate is looked at like any other cut');
  }
  done('the slider shows which classes a cut joins, cuts, and takes the cut apart again, by keyboard');

  await page.click(`[data-rename="${first}"]`);
  await page.keyboard.type('first <b>of</b> all');
  await redrawn(() => page.keyboard.press('Enter'));
  assert.ok((await titles()).includes('first <b>of</b> all'));
  assert.equal(clusters().names[first], 'first <b>of</b> all');
  done('a class renamed, by click and keyboard; markup in a name stays text');

  await page.click(`[data-rename="${second}"]`);
  await page.keyboard.type('first <b>of</b> all');
  await page.keyboard.press('Enter');
  await page.locator('#alert').waitFor();
  assert.match(await page.locator('#alert').textContent(), /is already the name of class/);
  assert.equal(clusters().names[second], undefined);
  await page.keyboard.press('Escape');
  done('a name that is taken is refused with a reason');

  await page.check(`[data-choose="${second}"]`);
  assert.equal(await page.isDisabled('#merge'), true);
  await page.check(`[data-choose="${third}"]`);
  assert.equal(await page.locator('#alert').isVisible(), true, 'the refusal is still there');
  await page.click('#merge');
  assert.equal(await page.locator('.merge .member').count(), 2);
  for (const member of await page.locator('.merge .member').all()) assert.ok(await member.locator('.thumb').count() > 0, 'each class shows its images');
  await page.locator('#merge-moves', { hasText: /Together: [\d,]+ images/ }).waitFor();
  assert.ok(!existsSync(file('clusters.json')) || clusters().merges.length === 0, 'nothing is merged before it is confirmed');
  await redrawn(() => page.click('#merge-now'));
  assert.deepEqual([...clusters().merges[0].of].sort(), [second, third].sort());
  assert.equal(await page.locator('#alert').isVisible(), false, 'the old refusal is gone');
  assert.match(await page.locator('#status').textContent(), /2 classes merged: [\d,]+ images/);
  assert.equal(await page.locator('.class').count(), numbers.length - 1);
  const merged = Math.min(second, third);
  await redrawn(() => page.click(`[data-unmerge="${merged}"]`));
  assert.deepEqual(clusters().merges, []);
  await page.check(`[data-choose="${second}"]`);
  await page.check(`[data-choose="${third}"]`);
  await page.click('#merge');
  await page.keyboard.type('two in one');
  await redrawn(() => page.click('#merge-now'));
  assert.equal(clusters().merges[0].name, 'two in one');
  done('two classes merged after a look at both, taken back, merged again and named');

  // Another tab that does not know the merge yet: what it shows is not what it would merge.
  const fourth = numbers.find((number) => ![first, second, third].includes(number));
  const other = await browser.newPage();
  await other.goto(server.address);
  await other.locator('.class').first().waitFor();
  await redrawn(() => page.click(`[data-unmerge="${merged}"]`));
  await other.check(`[data-choose="${merged}"]`);
  await other.check(`[data-choose="${fourth}"]`);
  await other.click('#merge');
  await other.click('#merge-now');
  await other.locator('#alert').waitFor();
  assert.match(await other.locator('#alert').textContent(), /has changed since you saw it/);
  assert.deepEqual(clusters().merges, []);
  await other.close();
  await page.check(`[data-choose="${second}"]`);
  await page.check(`[data-choose="${third}"]`);
  await page.click('#merge');
  await page.keyboard.type('two in one');
  await redrawn(() => page.click('#merge-now'));
  done('a merge of what another tab changed meanwhile is refused, with a reason');

  const some = (await (await page.request.get(`${server.address}api/images?class=${first}`)).json()).images[0].title;
  await page.fill('#find', some);
  await page.locator('#found-files .thumb').first().waitFor();
  assert.match(await page.locator('#found-files h2').textContent(), /in the file name/);
  await page.fill('#find', '');
  await page.fill('#threshold', '0.3');
  await redrawn(() => page.press('#threshold', 'Tab'));
  assert.match(await page.locator('#status').textContent(), /unsure and in no class now \(0 before\)/);
  await page.fill('#threshold', '');
  await redrawn(() => page.press('#threshold', 'Tab'));
  done('an image is found by its file; the threshold says how many images it moves');

  await redrawn(() => page.click('.class h2 a:has-text("two in one")'));
  assert.match(await page.locator('h1').textContent(), /two in one/);
  assert.ok(await page.locator('.grid .thumb').count() > 8);
  await redrawn(() => page.selectOption('select', 'border'));
  await redrawn(() => page.click('.grid .thumb a >> nth=0'));
  assert.equal(await page.locator('.grid .thumb').count(), 24);
  await redrawn(() => page.click('.grid .thumb a >> nth=0'));
  done('from a class to an image to its neighbour');

  if (picture) {
    await redrawn(() => page.click('.bar nav a:has-text("Search")'));
    await redrawn(() => page.setInputFiles('#example', picture));
    const alike = await page.locator('.grid .thumb i').allTextContents();
    assert.equal(alike.length, 24);
    const similarities = alike.map((text) => parseFloat(text));
    assert.ok(similarities.every((value, i) => value <= 1.0005 && (i === 0 || value <= similarities[i - 1])), String(similarities));
    done(`a file is searched by: ${alike[0]} is nearest`);
    const own = await (await page.request.get(`${server.address}picture/0`)).body();
    await redrawn(() => page.setInputFiles('#example', { name: 'own.png', mimeType: 'image/png', buffer: own }));
    assert.equal(await page.locator('.grid .thumb').first().getAttribute('data-row'), '0');
    assert.ok(parseFloat(await page.locator('.grid .thumb i').first().textContent()) > 0.995);
    done('an image of the run finds itself: the model embeds it as the evaluation did');
    await redrawn(() => page.setInputFiles('#example', { name: 'no-image.png', mimeType: 'image/png', buffer: Buffer.from('no image') }));
    assert.match(await page.locator('#alert').textContent(), /not an image that Twist reads/);
    problems.splice(0, problems.length, ...problems.filter((text) => !text.includes('422') && !text.includes('409')));
    done('what is not an image is refused with a reason');
  }

  await redrawn(() => page.click('.bar nav a:has-text("Label")'));
  await page.locator('.grid .thumb a').first().focus();
  await page.keyboard.press('Space');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Space');
  await page.fill('.labeller input[type=text]', 'a label, "quoted"');
  await redrawn(() => page.click('#apply-label'));
  assert.equal(readFileSync(file('labels.csv'), 'utf8').trim().split('\n').length, 3);
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('#export')]);
  const table = readFileSync(await download.path(), 'utf8').trim().split('\n');
  assert.equal(table[0], 'path,cluster,name,label,probability');
  assert.equal(table.length, 3);
  assert.ok(table.slice(1).every((line) => line.includes('"a label, ""quoted"""')), table.join('\n'));
  done('two images labelled with the keyboard alone, and the labels exported');

  // Undo, the list, and what others write meanwhile.
  await page.locator('.grid .thumb .pick').first().click();
  await page.fill('.labeller input[type=text]', 'a mistake');
  await redrawn(() => page.click('#apply-label'));
  assert.ok(readFileSync(file('labels.csv'), 'utf8').includes('a mistake'));
  await redrawn(() => page.click('#undo'));
  assert.ok(!readFileSync(file('labels.csv'), 'utf8').includes('a mistake'));
  writeFileSync(file('labels.csv'), readFileSync(file('labels.csv'), 'utf8').replace('path,label', 'path,label,by').replaceAll('""quoted"""', '""quoted""",Ann') + 'elsewhere.png,cat,Ann\n');
  await redrawn(() => page.click('#all-labelled'));
  assert.equal(await page.locator('.grid .thumb').count(), 2);
  assert.match(await page.locator('.lead').textContent(), /1 more label/);
  await page.locator('.grid .thumb .pick').first().click();
  await redrawn(() => page.click('#remove-label'));
  const kept = readFileSync(file('labels.csv'), 'utf8').trim().split('\n');
  assert.ok(kept.length === 4 && kept[0] === 'path,label,by' && kept.includes('elsewhere.png,cat,Ann'), kept.join('\n'));
  await redrawn(() => page.goBack());
  await page.locator('.tally button').first().click();
  assert.ok((await page.inputValue('.labeller input[type=text]')).length > 0, 'a chip writes its label into the field');
  done('labels are undone, listed and taken away; columns and rows of others stay');

  // The map: what is drawn around is selected, labelled in one request, exported, and taken back.
  await redrawn(() => page.click('.bar nav a:has-text("Map")'));
  await page.locator('#map[data-ready]').waitFor();
  const all = (await (await page.request.get(`${server.address}api/run`)).json()).images;
  const before = readFileSync(file('labels.csv'), 'utf8');
  const { picked } = await lasso(page, 20);
  assert.match(await page.locator('.picked h3').textContent(), new RegExp(`^${picked.toLocaleString('en')} images selected`));
  assert.ok(await page.locator('.picked .thumb img').count() > 0, 'some of them are shown');
  let asked = 0;
  const counting = (request) => { asked += request.url().endsWith('api/label') ? 1 : 0; };
  page.on('request', counting);
  await page.fill('#map form input', 'around here');
  await redrawn(() => page.click('#map [data-act=label]'));
  assert.equal(asked, 1, 'one request labels all of them');
  assert.equal(readFileSync(file('labels.csv'), 'utf8').split('around here').length - 1, picked);
  await page.locator('#map[data-ready]').waitFor();
  assert.equal(Number(await page.getAttribute('#map', 'data-picked')), picked, 'the selection is still there');
  await page.selectOption('#map .map-tools select', 'mine');
  assert.match(await page.locator('#map .keys ul').textContent(), /around here/);
  const [selection] = await Promise.all([page.waitForEvent('download'), page.click('#map [data-act=export]')]);
  const selected = readFileSync(await selection.path(), 'utf8').trim().split('\n');
  assert.equal(selected[0], 'path,index,cluster,name,label,probability,your_label');
  assert.ok(selected.length === picked + 1 && selected.slice(1).every((line) => line.endsWith(',around here')), selected.slice(0, 3).join('\n'));
  await redrawn(() => page.click('#undo'));
  assert.deepEqual(readFileSync(file('labels.csv'), 'utf8').trim().split('\n').sort(), before.trim().split('\n').sort(), 'the labels are those of before');
  page.off('request', counting);
  done(`a lasso around ${picked} images: labelled in one request, exported, taken back`);

  // The same with keys alone: zoom, select what is in view, walk to an image and open it.
  await page.locator('#map[data-ready]').waitFor();
  await page.click('#map [data-act=clear]');
  assert.equal(await page.locator('.picked').isVisible(), false);
  await page.selectOption('#map .map-tools select', 'class');
  await page.focus('#map [data-act=view]');
  await page.keyboard.press('Enter');
  assert.equal(Number(await page.getAttribute('#map', 'data-picked')), all, 'everything is in view');
  await page.focus('#map canvas');
  for (let i = 0; i < 3; i++) await page.keyboard.press('+');
  await page.keyboard.press('Shift+ArrowRight');
  await page.focus('#map [data-act=view]');
  await page.keyboard.press('Enter');
  const some_in_view = Number(await page.getAttribute('#map', 'data-picked'));
  assert.ok(some_in_view > 0 && some_in_view < all, `${some_in_view} in view`);
  await page.locator('#map .keys button').first().click();
  await page.focus('#map canvas');
  await page.keyboard.press('0');
  await page.click('#map [data-act=view]');
  const listed = Number((await page.locator('#map .keys button i').first().textContent()).replace(',', ''));
  assert.equal(Number(await page.getAttribute('#map', 'data-picked')), listed, 'only the images of the class that is shown are selected');
  await page.focus('#map canvas');
  await page.keyboard.press('ArrowRight');
  assert.match(await page.locator('.map-tip').textContent(), /%/);
  await page.locator('.map-tip img').waitFor();
  await page.keyboard.press(' ');
  assert.equal(Number(await page.getAttribute('#map', 'data-picked')), listed - 1, 'the space bar takes one out');
  await redrawn(() => page.keyboard.press('Enter'));
  assert.match(page.url(), /#\/image\/\d+$/);
  done('images selected, shown by class and opened on the map with the keyboard');

  // The report has the same map, and no server.
  const still = await browser.newPage();
  still.on('pageerror', (error) => problems.push(`script of the report: ${error.message}`));
  still.on('request', (request) => { if (!/^(data|blob|file):/.test(request.url())) problems.push(`the report asked ${request.url()}`); });
  await still.goto(pathToFileURL(resolve(file('report.html'))).href);
  await still.evaluate(() => document.getElementById('r1-map').scrollIntoView({ behavior: 'instant' }));
  await still.locator('.map[data-ready]').waitFor();
  const around = await lasso(still, 20);
  const [saved] = await Promise.all([still.waitForEvent('download'), still.click('.map [data-act=export]')]);
  const rows = readFileSync(await saved.path(), 'utf8').trim().split('\n');
  assert.equal(rows[0], 'path,index,cluster,name,label,probability');
  assert.equal(rows.length, around.picked + 1);
  assert.ok(await still.locator('.picked .tile-shot').count() > 0, 'the report shows the thumbnails that it has');
  // The pure parts.
  const pure = await still.evaluate(() => ({
    shown: twistMap.shown('a\u202eb\n\u0007'),
    cells: ['=1', "'=1", 'a,"b"', "'tis", '-2.png'].map(twistMap.cell),
    enclosed: [...twistMap.enclosed([1, 5, 2, 9], [1, 5, 8, 9], [0, 0, 4, 0, 4, 4, 2, 4, 2, 9, 0, 9])],
  }));
  assert.deepEqual(pure, { shown: 'a\\u{202e}b\\n\\u{7}', cells: ["'=1", "''=1", '"a,""b"""', "'tis", "'-2.png"], enclosed: [1, 0, 0, 0] });
  await still.close();
  done('the map of the report selects and exports without a server');

  const touch = await browser.newContext({ viewport: { width: 400, height: 800 }, hasTouch: true, isMobile: true });
  const phone = await touch.newPage();
  await phone.goto(`${server.address}#/label`);
  const pick = phone.locator('.grid .thumb .pick').first();
  await pick.waitFor();
  const box = await pick.boundingBox();
  assert.ok(box.width >= 36 && box.height >= 36, 'a box is as large as a finger');
  assert.equal(await pick.locator('input').evaluate((input) => getComputedStyle(input).opacity), '1');
  await pick.tap();
  assert.ok(await pick.locator('input').isChecked());
  assert.ok(phone.url().endsWith('#/label'), 'a tap on a box does not open the image');
  assert.ok(await phone.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing is wider than the phone');
  await touch.close();
  done('boxes are visible and work by touch');

  await page.reload();
  await redrawn(() => page.click('.bar nav a:has-text("Classes")'));
  // The view before the click may be drawn only now.
  await page.locator('.class').first().waitFor();
  assert.ok((await titles()).includes('two in one'));
  problems.splice(0, problems.length, ...problems.filter((text) => !text.includes('409')));
  assert.deepEqual(problems, []);
  done('no error of a script, and nothing asked of another server');

  // What was clicked is what the command line shows.
  const shown = execFileSync(twist, ['clusters', run, 'show'], { encoding: 'utf8' });
  assert.ok(shown.includes('two in one') && shown.includes('first <b>of</b> all'), shown);
  done('twist clusters show has the names');
} finally {
  await browser.close();
  const code = await server.stop();
  assert.equal(code, 0, `Ctrl-C ends the server with ${code}`);
}
assert.ok(existsSync(file('clusters.json')));
done('Ctrl-C ends the server with exit code 0');
