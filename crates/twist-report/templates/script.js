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

  // The map: the thumbnails that this page has lie on one sheet.
  const bytesOf = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)).buffer;
  const drawMap = (atlas) => {
    const data = twistMap.decode(bytesOf(atlas.querySelector('script').textContent.trim()));
    const sheet = getComputedStyle(atlas).getPropertyValue('--sheet');
    const tiles = new Map([...data.tiles].map((place, tile) => [place, tile]));
    const tile = (place) => {
      if (!tiles.has(place)) return null;
      const node = make('div', 'tile-shot');
      const [columns, rows] = data.sheet;
      const at = tiles.get(place);
      const part = (at, of) => (of > 1 ? at / (of - 1) * 100 : 0) + '%';
      node.style.backgroundImage = sheet;
      node.style.backgroundSize = columns * 100 + '% ' + rows * 100 + '%';
      node.style.backgroundPosition = part(at % columns, columns) + ' ' + part(Math.floor(at / columns), rows);
      return node;
    };
    twistMap.mount(atlas.querySelector('.map'), data, {
      dot: (slot) => make('b', 'dot k' + (slot ?? 'x')),
      picture: tile,
      sample: (place) => {
        const node = tile(place);
        if (!node) return null;
        const name = data.path[place] ? twistMap.shown(data.path[place]) : 'image ' + data.index[place];
        node.setAttribute('role', 'img');
        node.setAttribute('aria-label', name);
        node.title = name;
        const item = make('li', 'thumb');
        item.append(node);
        return item;
      },
    });
  };
  // A map is read when it comes near: the page is there first.
  const nearby = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) { nearby.unobserve(entry.target); drawMap(entry.target); }
  }, { rootMargin: '600px' });
  for (const atlas of all('.atlas')) nearby.observe(atlas);

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
