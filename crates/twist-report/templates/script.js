'use strict';
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const make = (tag, name, text) => {
    const node = document.createElement(tag);
    if (name) node.className = name;
    if (text !== undefined) node.textContent = text;
    return node;
  };

  // Theme: as the system, light, dark.
  const themes = { auto: '◐', light: '☀', dark: '☾' };
  const button = document.getElementById('theme');
  const remembered = () => { try { return localStorage.getItem('twist-theme'); } catch { return null; } };
  const setTheme = (theme) => {
    if (theme === 'auto') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    button.textContent = themes[theme] + ' ' + theme;
    button.setAttribute('aria-label', 'Theme: ' + (theme === 'auto' ? 'as the system' : theme));
    button.dataset.now = theme;
    try { localStorage.setItem('twist-theme', theme); } catch { /* a page from a file may have no storage */ }
  };
  setTheme(remembered() in themes ? remembered() : 'auto');
  button.addEventListener('click', () => {
    const names = Object.keys(themes);
    setTheme(names[(names.indexOf(button.dataset.now) + 1) % names.length]);
  });

  // One tooltip for everything.
  const tip = document.getElementById('tip');
  const hide = () => { tip.hidden = true; };
  const show = (x, y, ...nodes) => {
    tip.replaceChildren(...nodes);
    tip.hidden = false;
    const { width, height } = tip.getBoundingClientRect();
    const left = x + 16 + width > innerWidth - 8 ? x - 16 - width : x + 16;
    const top = y + 16 + height > innerHeight - 8 ? y - 16 - height : y + 16;
    tip.style.left = Math.max(8, left) + 'px';
    tip.style.top = Math.max(8, top) + 'px';
  };
  const near = (node) => {
    const box = node.getBoundingClientRect();
    return [box.left + box.width / 2, box.top + box.height / 2];
  };
  addEventListener('scroll', hide, { passive: true, capture: true });
  addEventListener('keydown', (event) => { if (event.key === 'Escape') hide(); });

  // Images: enlarged, with what is known of them.
  const showImage = (node, x, y) => {
    const picture = node.querySelector('svg')?.cloneNode(true);
    const nodes = [make('p', 'lines', node.dataset.tip)];
    if (picture) { picture.removeAttribute('role'); nodes.unshift(picture); }
    show(x, y, ...nodes);
  };
  document.addEventListener('pointerover', (event) => {
    const node = event.target.closest?.('[data-tip]');
    if (node) showImage(node, event.clientX, event.clientY);
  });
  document.addEventListener('pointerout', (event) => { if (event.target.closest?.('[data-tip]')) hide(); });
  document.addEventListener('focusin', (event) => {
    const node = event.target.closest?.('[data-tip]');
    if (node) showImage(node, ...near(node));
  });
  document.addEventListener('focusout', hide);

  // A strip of images is one stop of the tab key; arrows walk inside it.
  for (const strip of all('.strip')) {
    const items = all('.thumb', strip);
    if (items[0]) items[0].tabIndex = 0;
    strip.addEventListener('keydown', (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const at = items.indexOf(document.activeElement);
      const next = items[at + step];
      if (at < 0 || !next) return;
      event.preventDefault();
      items[at].tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    });
  }

  // Filter and order of the classes.
  for (const form of all('form[data-gallery]')) {
    const holder = document.getElementById(form.dataset.gallery + '-cards');
    const cards = all('.class', holder);
    const [search, order, output] = [form.querySelector('input'), form.querySelector('select'), form.querySelector('output')];
    const apply = () => {
      const wanted = search.value.trim().toLowerCase();
      const by = { size: (a, b) => b.dataset.size - a.dataset.size, number: (a, b) => a.dataset.number - b.dataset.number,
        purity: (a, b) => a.dataset.purity - b.dataset.purity }[order.value];
      holder.append(...cards.toSorted ? cards.toSorted(by) : [...cards].sort(by));
      let shown = 0;
      for (const card of cards) {
        // The first line of what is known of an image is its file's name.
        let files = 0;
        for (const image of all('.thumb', card)) {
          const fits = wanted.length > 1 && image.dataset.tip.split('\n')[0].toLowerCase().includes(wanted);
          image.classList.toggle('found', fits);
          files += fits;
        }
        card.hidden = !files && !card.dataset.name.toLowerCase().includes(wanted);
        shown += !card.hidden;
      }
      output.textContent = wanted ? shown + ' of ' + cards.length + ' classes' : '';
    };
    form.addEventListener('input', apply);
    form.addEventListener('submit', (event) => event.preventDefault());
  }

  // Charts: values under the pointer, or by arrow keys.
  const format = (value, percent) => {
    if (percent) return (value * 100).toFixed(1) + '\u202f%';
    const size = Math.abs(value);
    if (size >= 1e15 || (value !== 0 && size < 1e-3)) return value.toExponential(2);
    return size >= 1000 ? Math.round(value).toLocaleString('en') : String(+value.toPrecision(4));
  };
  for (const figure of all('.chart')) {
    const data = JSON.parse(figure.querySelector('script').textContent);
    const plot = figure.querySelector('.plot');
    const cross = make('div', 'cross');
    cross.hidden = true;
    plot.append(cross);
    const xs = [...new Set(data.lines.flatMap((line) => line.x))].sort((a, b) => a - b);
    const closest = (list, value) => list.reduce((best, x, i) => (Math.abs(x - value) < Math.abs(list[best] - value) ? i : best), 0);
    let at = xs.length - 1;
    const place = (i) => {
      at = i;
      const x = xs[i];
      const across = (x - data.x[0]) / (data.x[1] - data.x[0]);
      cross.hidden = false;
      cross.style.left = across * 100 + '%';
      cross.replaceChildren();
      const lines = [make('p', 'lines', data.name + ' ' + format(x))];
      const reach = (data.x[1] - data.x[0]) / 20;
      for (const line of data.lines) {
        const j = closest(line.x, x);
        if (Math.abs(line.x[j] - x) > reach) continue;
        const dot = make('i', 's' + line.color);
        dot.style.top = (1 - (line.y[j] - data.y[0]) / (data.y[1] - data.y[0])) * 100 + '%';
        cross.append(dot);
        const row = make('p', 'value');
        row.append(make('b', 's' + line.color), make('span', '', line.name), make('strong', '', format(line.y[j], data.percent)));
        lines.push(row);
      }
      const box = plot.getBoundingClientRect();
      show(box.left + across * box.width, box.top + box.height / 3, ...lines);
    };
    const leave = () => { cross.hidden = true; hide(); };
    plot.addEventListener('pointermove', (event) => {
      const box = plot.getBoundingClientRect();
      const share = (event.clientX - box.left) / box.width;
      place(closest(xs, data.x[0] + share * (data.x[1] - data.x[0])));
    });
    plot.addEventListener('pointerleave', leave);
    plot.addEventListener('blur', leave);
    plot.addEventListener('keydown', (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1, Home: -xs.length, End: xs.length }[event.key];
      if (!step) return;
      event.preventDefault();
      place(Math.min(xs.length - 1, Math.max(0, at + step)));
    });
  }

  // Confusion: names of the cell under the pointer.
  for (const heat of all('.heat')) {
    const [rows, columns] = [heat.dataset.rows.split('\u001f'), heat.dataset.columns.split('\u001f')];
    const totals = {};
    const cells = all('[data-at]', heat);
    const parts = (cell) => cell.dataset.at.split(',').map(Number);
    for (const cell of cells) { const [row, , count] = parts(cell); totals[row] = (totals[row] || 0) + count; }
    heat.addEventListener('pointermove', (event) => {
      const cell = event.target.closest('[data-at]');
      if (!cell) { hide(); return; }
      const [row, column, count] = parts(cell);
      const share = format(count / totals[row], true);
      show(event.clientX, event.clientY, make('p', 'lines', rows[row] + ' → ' + columns[column] + '\n' + count.toLocaleString('en') + ' images, ' + share + ' of the row'));
    });
    heat.addEventListener('pointerleave', hide);
  }

  // The map: the closest point, colours by class or label, one class alone.
  for (const atlas of all('.atlas')) {
    const data = JSON.parse(atlas.querySelector('script').textContent);
    const plane = atlas.querySelector('.plane svg');
    const dots = all('circle', plane);
    const spots = dots.map((dot) => [+dot.getAttribute('cx'), +dot.getAttribute('cy')]);
    const [columns, rows] = (atlas.dataset.sheet || '0,0').split(',').map(Number);
    // Nearer than half a point, images cannot be told apart.
    const reach = parseFloat(plane.style.getPropertyValue('--r')) / 2;
    let now = -1;
    const describe = (i) => {
      const lines = [data.path[i] || 'image ' + data.image[i]];
      if (data.label[i] !== null) lines.push('label: ' + data.names[data.label[i]]);
      const here = spots.reduce((number, [x, y]) => number + (Math.hypot(x - spots[i][0], y - spots[i][1]) < reach), 0);
      lines.push((data.titles[data.class[i]] || 'class ' + data.class[i]) + ': ' + format(data.sure[i], true));
      if (here > 1) lines.push('one of ' + here + ' images here');
      return lines.join('\n');
    };
    const mark = (i) => {
      if (now >= 0) dots[now].classList.remove('now');
      now = i;
      if (i < 0) { hide(); return; }
      dots[i].classList.add('now');
      const nodes = [make('p', 'lines', describe(i))];
      if (data.seen[i]) {
        const tile = make('div', 'tile-shot');
        tile.style.backgroundImage = getComputedStyle(atlas).getPropertyValue('--sheet');
        tile.style.backgroundSize = columns * 100 + '% ' + rows * 100 + '%';
        const part = (at, of) => (of > 1 ? at / (of - 1) * 100 : 0) + '%';
        tile.style.backgroundPosition = part(i % columns, columns) + ' ' + part(Math.floor(i / columns), rows);
        nodes.unshift(tile);
      }
      show(...near(dots[i]), ...nodes);
    };
    const visible = (i) => !dots[i].classList.contains('faded');
    const best = (score) => {
      let [found, low] = [-1, Infinity];
      spots.forEach((spot, i) => {
        const value = visible(i) ? score(spot, i) : Infinity;
        if (value < low) [found, low] = [i, value];
      });
      return found;
    };
    plane.addEventListener('pointermove', (event) => {
      const box = plane.getBoundingClientRect();
      const side = Math.min(box.width, box.height);
      const scale = 1000 / side;
      const x = (event.clientX - box.left - (box.width - side) / 2) * scale;
      const y = (event.clientY - box.top - (box.height - side) / 2) * scale;
      const i = best(([a, b]) => Math.hypot(a - x, b - y));
      const close = i >= 0 && Math.hypot(spots[i][0] - x, spots[i][1] - y) < 14 * scale;
      if ((close ? i : -1) !== now || !close) mark(close ? i : -1);
    });
    plane.addEventListener('pointerleave', () => mark(-1));
    plane.addEventListener('blur', () => mark(-1));
    plane.addEventListener('keydown', (event) => {
      const way = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key];
      if (!way) return;
      event.preventDefault();
      const from = now >= 0 ? spots[now] : [500, 500];
      const next = best(([x, y], i) => {
        const [dx, dy] = [x - from[0], y - from[1]];
        const along = dx * way[0] + dy * way[1];
        return i === now || along <= 0 ? Infinity : along + 3 * Math.abs(dx * way[1] + dy * way[0]);
      });
      if (next >= 0) mark(next);
    });
    const keys = all('button[data-key]', atlas);
    atlas.querySelector('.keys input[type=search]')?.addEventListener('input', (event) => {
      const wanted = event.target.value.trim().toLowerCase();
      for (const entry of keys) entry.closest('li').hidden = !entry.textContent.toLowerCase().includes(wanted);
    });
    const only = (field, key) => dots.forEach((dot, i) => dot.classList.toggle('faded', key !== null && data[field][i] !== key));
    for (const entry of keys) {
      entry.addEventListener('click', () => {
        const pressed = entry.getAttribute('aria-pressed') === 'true';
        for (const other of keys) other.setAttribute('aria-pressed', 'false');
        entry.setAttribute('aria-pressed', String(!pressed));
        only(entry.closest('ul').dataset.by, pressed ? null : +entry.dataset.key);
      });
    }
    for (const choice of all('input[type=radio]', atlas)) {
      choice.addEventListener('change', () => {
        atlas.classList.toggle('by-class', choice.value === 'class');
        atlas.classList.toggle('by-label', choice.value === 'label');
        for (const list of all('ul[data-by]', atlas)) list.hidden = list.dataset.by !== choice.value;
        for (const other of keys) other.setAttribute('aria-pressed', 'false');
        only('class', null);
      });
    }
  }

  // Which section is being read.
  const links = new Map(all('.bar nav a').map((link) => [link.hash.slice(1), link]));
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const link = links.get(entry.target.id);
      link?.classList.toggle('here', entry.isIntersecting);
      if (entry.isIntersecting && link) link.parentNode.scrollLeft = link.offsetLeft - link.parentNode.offsetLeft - 40;
    }
  }, { rootMargin: '-45% 0px -50% 0px' });
  for (const id of links.keys()) { const target = document.getElementById(id); if (target) watcher.observe(target); }

  // Paper shows what is folded away, except in cells, which are too narrow for it.
  addEventListener('beforeprint', () => all('details').forEach((node) => { node.open = !node.closest('td'); }));
})();
