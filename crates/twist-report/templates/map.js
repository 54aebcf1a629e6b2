// The map: every image is a point on a canvas. The bytes that it reads are described in `atlas/packed.rs`.
//
// The points are written into the pixels of the canvas by hand: of the ways to draw a hundred thousand discs this is the fastest
// one that needs no graphics card.
const twistMap = (() => {
  // === The bytes ===

  const KINDS = { u8: Uint8Array, u16: Uint16Array, u32: Uint32Array };
  const STEPS = 65535;
  const text = new TextDecoder();

  /** Texts of which each begins with as many letters of the one before as its first character says. */
  const texts = (bytes) => {
    let before = '';
    return text.decode(bytes).split('\0').map((part) => { before = before.slice(0, part.charCodeAt(0) - 33) + part.slice(1); return before; });
  };

  /** The header, with each column by its name: numbers in place, texts when they are asked for. */
  const decode = (buffer) => {
    const bytes = new Uint8Array(buffer);
    if (text.decode(bytes.subarray(0, 8)) !== 'TWISTMAP') throw new Error('the map cannot be read: its bytes are those of something else');
    const begin = 12 + new DataView(buffer).getUint32(8, true);
    const data = JSON.parse(text.decode(bytes.subarray(12, begin)));
    for (const [name, [kind, at, count]] of Object.entries(data.columns)) {
      if (kind === 'text') {
        let known;
        Object.defineProperty(data, name, { get: () => { known ??= texts(bytes.subarray(begin + at, begin + at + count)); return known; } });
      } else {
        data[name] = new KINDS[kind](buffer, begin + at, count);
      }
    }
    return data;
  };

  // === Text ===

  // As `printable` of twist-io: what would turn the direction of writing or cannot be seen is written out.
  const ACTS = /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;
  const shown = (words) => words.replace(ACTS, (c) => ({ '\n': '\\n', '\r': '\\r', '\t': '\\t' })[c] ?? '\\u{' + c.codePointAt(0).toString(16) + '}');

  // As `text_to_cell` of twist-io: a spreadsheet takes no name for a formula.
  const cell = (words) => {
    const marked = /^'*[=+\-@\t\r\n]/.test(words) ? "'" + words : words;
    return /[",\r\n]/.test(marked) ? '"' + marked.replaceAll('"', '""') + '"' : marked;
  };

  // === Geometry ===

  /** Whether a point is inside a polygon of `[x, y, x, y, …]`, by the number of edges to its right. */
  const inside = (polygon, x, y) => {
    let odd = false;
    for (let i = 0, j = polygon.length - 2; i < polygon.length; j = i, i += 2) {
      const [xi, yi, xj, yj] = [polygon[i], polygon[i + 1], polygon[j], polygon[j + 1]];
      if ((yi > y) !== (yj > y) && x < (xj - xi) * (y - yi) / (yj - yi) + xi) odd = !odd;
    }
    return odd;
  };

  /** The points inside a polygon: 1 for each of them. Coordinates are those of the points. */
  const enclosed = (xs, ys, polygon) => {
    const found = new Uint8Array(xs.length);
    let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
    for (let i = 0; i < polygon.length; i += 2) {
      [left, right] = [Math.min(left, polygon[i]), Math.max(right, polygon[i])];
      [top, bottom] = [Math.min(top, polygon[i + 1]), Math.max(bottom, polygon[i + 1])];
    }
    for (let i = 0; i < xs.length; i++) {
      const [x, y] = [xs[i], ys[i]];
      if (x >= left && x <= right && y >= top && y <= bottom && inside(polygon, x, y)) found[i] = 1;
    }
    return found;
  };

  // === Colours ===

  // Viridis without its brightest tenth, which would vanish on white: told apart by lightness, whatever colours a reader sees.
  const RAMP = [[68, 1, 84], [71, 45, 123], [59, 82, 139], [44, 114, 142], [33, 145, 140], [40, 174, 128], [94, 201, 98], [173, 220, 48]];
  const ramp = (share, dark) => {
    // On a dark ground the darkest fifth would vanish.
    const at = Math.min((dark ? 0.2 + 0.8 * share : share) * (RAMP.length - 1), RAMP.length - 1.001);
    const [low, high] = [RAMP[Math.floor(at)], RAMP[Math.floor(at) + 1]];
    return low.map((value, i) => Math.round(value + (high[i] - value) * (at % 1)));
  };
  const packedColor = ([r, g, b]) => (255 << 24 | b << 16 | g << 8 | r) >>> 0;
  const mixed = (under, over, alpha) => {
    const [red, green] = [under & 0xff00ff, under & 0xff00];
    return (0xff000000 | (red + (((over & 0xff00ff) - red) * alpha >> 8)) & 0xff00ff | (green + (((over & 0xff00) - green) * alpha >> 8)) & 0xff00) >>> 0;
  };
  const brush = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  /** What the browser makes of a colour of the style sheet. */
  const asPixels = (color) => {
    brush.fillStyle = color;
    brush.fillRect(0, 0, 1, 1);
    return packedColor(brush.getImageData(0, 0, 1, 1).data);
  };

  const isDark = () => (asPixels(getComputedStyle(document.documentElement).getPropertyValue('--card')) & 255) < 128;

  /** Which pixels a disc covers, and how much of each, as offsets from its centre. */
  const disc = (radius) => {
    const reach = Math.ceil(radius);
    const [dx, dy, alpha] = [[], [], []];
    for (let y = -reach; y <= reach; y++) {
      for (let x = -reach; x <= reach; x++) {
        const part = Math.max(0, Math.min(1, radius + 0.5 - Math.hypot(x, y)));
        if (part > 0.02) { dx.push(x); dy.push(y); alpha.push(Math.round(part * 256)); }
      }
    }
    return { reach, dx: Int32Array.from(dx), dy: Int32Array.from(dy), alpha: Int32Array.from(alpha) };
  };

  const stamp = (pixels, width, height, x, y, shape, color) => {
    const { reach, dx, dy, alpha } = shape;
    const within = x >= reach && y >= reach && x < width - reach && y < height - reach;
    if (!within && (x < -reach || y < -reach || x >= width + reach || y >= height + reach)) return;
    for (let k = 0; k < dx.length; k++) {
      const [px, py] = [x + dx[k], y + dy[k]];
      if (!within && (px < 0 || py < 0 || px >= width || py >= height)) continue;
      const at = py * width + px;
      pixels[at] = alpha[k] > 255 ? color : mixed(pixels[at], color, alpha[k]);
    }
  };

  // === The map on the page ===

  const MOST_ENTRIES = 100;
  const SAMPLE = 24;
  /** Nearer than this to the pointer, in pixels, a point is meant. */
  const NEAR = 12;
  /** Room around the points, in pixels. */
  const EDGE = 14;
  const MOST_ZOOM = 400;

  /** What outlives the nodes: where one looks, what is shown, and what is selected. */
  const newState = () => ({ zoom: 1, x: 0.5, y: 0.5, by: null, only: null, low: 0, high: 1, picked: null, lasso: false, add: false });

  /**
   * Puts the map of `data` into `host`. `page` is what the page can do: `dot(slot, slots)` makes a mark of a colour, `picture(i)` and
   * `sample(i)` an image as the tooltip and the selection have it, or nothing; `actions(places)` gives nodes for what can be done with a
   * selection, `open(i)` shows one image; `wheel` says whether the wheel belongs to the map. Returns a function that lets go of the page.
   */
  const mount = (host, data, page, state = newState()) => {
    const count = data.points;
    const xs = Float32Array.from(data.x, (x) => x / STEPS);
    const ys = Float32Array.from(data.y, (y) => y / STEPS);
    const sure = (i) => data.sure[i] / STEPS;
    const image = (i) => (data.row ? data.row[i] : i);
    const title = (i) => (data.path[i] ? shown(data.path[i]) : 'image ' + data.index[i]);
    if (state.picked && state.picked.length !== count) state.picked = null;

    // What points can be coloured by: entries of the legend, and which of them each point is.
    const named = (entries, place) => ({ entries, place });
    const ways = { class: { name: 'class of the network', ...named(data.classes.map(({ name, note, color }) => ({ name: shown(name), note: note && shown(note), color })), (i) => (data.unsure[i] ? -1 : data.class[i])) } };
    if (data.labels.length > 1) ways.label = { name: 'label in the data', ...named(data.labels.map(({ name, color }) => ({ name: shown(name), color })), (i) => data.label[i] - 1) };
    if (data.own) ways.mine = { name: 'your label', ...named(data.own.map((name, color) => ({ name: shown(name), color })), (i) => data.mine[i] - 1) };
    ways.sure = { name: 'probability of the class', entries: null, place: (i) => data.sure[i] >> 8 };
    if (!ways[state.by]) state.by = 'class';
    for (const way of Object.values(ways)) {
      if (!way.entries) continue;
      way.sizes = new Uint32Array(way.entries.length);
      way.rest = 0;
      for (let i = 0; i < count; i++) { const place = way.place(i); if (place >= 0) way.sizes[place]++; else way.rest++; }
    }
    if (state.only && !(ways[state.only.by]?.entries?.length > state.only.key)) state.only = null;

    // === Nodes ===

    const canvas = make('canvas', { tabIndex: 0, 'aria-label': 'Map of ' + plural(count, 'image') + ' in two dimensions. Arrow keys go from image to image, with Shift they move the map; plus and minus zoom, 0 shows everything, Space selects the image'
      + (page.open ? ', Enter opens it' : '') + '.' });
    canvas.setAttribute('role', 'application');
    canvas.setAttribute('aria-roledescription', 'map');
    // The page has an SVG, which knows the namespace of its elements.
    const svg = (tag, name) => { const node = document.createElementNS(document.querySelector('svg').namespaceURI, tag); node.setAttribute('class', name); return node; };
    const overlay = svg('svg', 'over');
    overlay.setAttribute('aria-hidden', 'true');
    const [trail, ring] = [svg('path', 'trail'), svg('circle', 'now')];
    overlay.append(trail, ring);
    const tip = make('div', { class: 'map-tip', hidden: true });
    const spoken = make('p', { class: 'spoken', role: 'status' });
    const keys = make('div', { class: 'keys' });
    const panel = make('section', { class: 'picked', 'aria-label': 'Selected images', hidden: true });
    const tool = (name, words, does, traits = {}) => make('button', { class: 'tool', type: 'button', text: name, title: words, onclick: does, ...traits });
    const select = make('select', { onchange: () => { state.by = select.value; state.only = null; legend(); filter(); } },
      ...Object.entries(ways).map(([value, { name }]) => make('option', { value, text: name, selected: value === state.by })));
    const lasso = tool('Lasso', 'draw around images to select them; or hold Shift while you drag', () => { state.lasso = !state.lasso; arm(); }, { 'data-act': 'lasso' });
    const arm = () => { lasso.setAttribute('aria-pressed', String(state.lasso)); canvas.classList.toggle('draws', state.lasso); };
    const bound = (name, key, words) => make('input', { type: 'number', min: 0, max: 1, step: 0.05, value: state[key], 'aria-label': words,
      onchange: ({ target }) => { const value = Number(target.value); state[key] = target.value === '' || !(value >= 0 && value <= 1) ? (key === 'low' ? 0 : 1) : value; target.value = state[key]; filter(); } });
    const tools = make('div', { class: 'map-tools', role: 'group', 'aria-label': 'The map' },
      make('label', {}, 'Colour by ', select),
      make('span', { class: 'group' }, tool('+', 'zoom in', () => zoom(1.6), { 'data-act': 'in' }), tool('−', 'zoom out', () => zoom(1 / 1.6)), tool('Fit', 'show everything', () => fit(), { 'data-act': 'fit' })),
      make('span', { class: 'group' }, lasso, tool('Select all in view', 'select every image that is shown in the part of the map that you see', () => pick(inView()), { 'data-act': 'view' }),
        make('label', {}, make('input', { type: 'checkbox', checked: state.add, onchange: ({ target }) => { state.add = target.checked; } }), ' add to the selection')));
    const plane = make('div', { class: 'plane' }, canvas, overlay);
    host.replaceChildren(tools, make('div', { class: 'map-body' }, plane, keys), panel, tip, spoken);
    arm();

    // === Where a point is ===

    let [width, height, ratio] = [0, 0, 1];
    const scale = () => (Math.min(width, height) - 2 * EDGE) * state.zoom;
    const toScreen = (i) => [width / 2 + (xs[i] - state.x) * scale(), height / 2 + (ys[i] - state.y) * scale()];
    const toMap = (x, y) => [state.x + (x - width / 2) / scale(), state.y + (y - height / 2) / scale()];
    const clamp = () => {
      state.zoom = Math.max(1, Math.min(MOST_ZOOM, state.zoom));
      if (state.zoom === 1) [state.x, state.y] = [0.5, 0.5];
      [state.x, state.y] = [state.x, state.y].map((value) => Math.max(0, Math.min(1, value)));
    };
    const zoom = (by, x = width / 2, y = height / 2) => {
      const before = toMap(x, y);
      state.zoom = Math.max(1, Math.min(MOST_ZOOM, state.zoom * by));
      const after = toMap(x, y);
      state.x += before[0] - after[0];
      state.y += before[1] - after[1];
      clamp();
      mark(-1);
      draw();
    };
    const move = (x, y) => { state.x -= x / scale(); state.y -= y / scale(); clamp(); draw(); };
    const fit = () => { Object.assign(state, { zoom: 1, x: 0.5, y: 0.5 }); mark(-1); draw(); };

    // === Drawing ===

    const faded = new Uint8Array(count);
    let [frame, pixels, surface, palette, quiet, ground, washed] = [0, null, null, null, null, 0, 0];
    const context = canvas.getContext('2d', { alpha: false });
    const radius = () => Math.max(1.2, Math.min(5, 5 * (1000 / Math.max(count, 1000)) ** 0.28)) * Math.min(state.zoom, 12) ** 0.3;
    /** Colours as the theme has them now. */
    const colors = () => {
      const style = getComputedStyle(host);
      ground = asPixels(getComputedStyle(plane).getPropertyValue('--card') || '#fff');
      washed = asPixels(style.getPropertyValue('--line'));
      const way = ways[state.by];
      const none = asPixels(style.getPropertyValue('--faint'));
      if (way.entries) {
        const slots = state.by === 'mine' ? way.entries.length : data.colors;
        const known = new Map();
        const probe = (slot) => {
          if (!known.has(slot)) {
            const node = page.dot(slot, slots);
            host.append(node);
            known.set(slot, asPixels(getComputedStyle(node).backgroundColor));
            node.remove();
          }
          return known.get(slot);
        };
        palette = Uint32Array.from([none, ...way.entries.map(({ color }) => (color === null ? none : probe(color)))]);
      } else {
        const dark = isDark();
        palette = Uint32Array.from([none, ...Array.from({ length: 256 }, (_, i) => packedColor(ramp(i / 255, dark)))]);
      }
      quiet = palette.map((color) => mixed(ground, color, 70));
    };
    const paint = () => {
      frame = 0;
      const box = plane.getBoundingClientRect();
      ratio = Math.min(devicePixelRatio || 1, 2);
      [width, height] = [box.width, box.height];
      const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
      if (w < 2 || h < 2) return;
      if (canvas.width !== w || canvas.height !== h || !surface) {
        [canvas.width, canvas.height] = [w, h];
        surface = context.createImageData(w, h);
        pixels = new Uint32Array(surface.data.buffer);
      }
      if (!palette) colors();
      overlay.setAttribute('viewBox', `0 0 ${width} ${height}`);
      pixels.fill(ground);
      const way = ways[state.by];
      const { picked } = state;
      const size = scale() * ratio;
      const [left, top] = [w / 2 - state.x * size, h / 2 - state.y * size];
      const [shape, large] = [disc(radius() * ratio), disc((radius() + 0.6) * ratio)];
      // What is left out lies below, what is selected above.
      for (let pass = 0; pass < 3; pass++) {
        for (let i = 0; i < count; i++) {
          const level = faded[i] ? 0 : picked && picked[i] ? 2 : 1;
          if (level !== pass) continue;
          const [x, y] = [Math.round(left + xs[i] * size), Math.round(top + ys[i] * size)];
          const color = pass === 0 ? washed : (pass === 1 && picked ? quiet : palette)[way.place(i) + 1];
          stamp(pixels, w, h, x, y, pass === 2 ? large : shape, color);
        }
      }
      context.putImageData(surface, 0, 0);
      if (now >= 0) place();
      if (!host.dataset.ready) { host.dataset.ready = 'yes'; performance.mark('map-painted'); }
    };
    const draw = () => { frame ||= requestAnimationFrame(paint); };
    const recolor = () => { palette = null; legend(); draw(); };

    // === One image: under the pointer, or by arrow keys ===

    let [now, later] = [-1, 0];
    const place = () => {
      const [x, y] = toScreen(now);
      ring.setAttribute('cx', x);
      ring.setAttribute('cy', y);
      ring.setAttribute('r', radius() + 3);
    };
    const describe = (i) => {
      const lines = [title(i)];
      if (data.label[i]) lines.push('label: ' + shown(data.labels[data.label[i] - 1].name));
      if (data.own && data.mine[i]) lines.push('your label: ' + shown(data.own[data.mine[i] - 1]));
      lines.push(shown(data.classes[data.class[i]].name) + ': ' + percent(sure(i)) + (data.unsure[i] ? ', unsure' : ''));
      // Nearer than half a point, images cannot be told apart.
      const reach = radius() / 2 / scale();
      let here = 0;
      for (let j = 0; j < count; j++) here += !faded[j] && Math.abs(xs[j] - xs[i]) < reach && Math.abs(ys[j] - ys[i]) < reach;
      if (here > 1) lines.push('one of ' + whole(here) + ' images here');
      return lines.join('\n');
    };
    /** Puts the tooltip beside its image, inside the window. */
    const settle = () => {
      const box = plane.getBoundingClientRect();
      const [x, y] = toScreen(now);
      const { width: w, height: h } = tip.getBoundingClientRect();
      const [left, top] = [box.left + x, box.top + y];
      tip.style.left = Math.max(8, left + 16 + w > innerWidth - 8 ? left - 16 - w : left + 16) + 'px';
      tip.style.top = Math.max(8, top + 16 + h > innerHeight - 8 ? top - 16 - h : top + 16) + 'px';
    };
    const mark = (i, aloud = false) => {
      clearTimeout(later);
      now = i;
      ring.style.display = i < 0 ? 'none' : '';
      tip.hidden = i < 0;
      if (i < 0) return;
      place();
      const words = describe(i);
      if (aloud) spoken.textContent = words;
      tip.replaceChildren(make('p', { class: 'lines', text: words }));
      settle();
      // A pointer on its way over the map asks for no pictures.
      later = setTimeout(() => { const node = page.picture?.(i); if (node) { tip.prepend(node); settle(); } }, 60);
    };
    mark(-1);
    const closest = (x, y) => {
      const [mx, my] = toMap(x, y);
      let [found, low] = [-1, (NEAR / scale()) ** 2];
      for (let i = 0; i < count; i++) {
        if (faded[i]) continue;
        const distance = (xs[i] - mx) ** 2 + (ys[i] - my) ** 2;
        if (distance < low) [found, low] = [i, distance];
      }
      return found;
    };
    /** Goes to the next image in a direction; from none, to the one nearest to the middle. */
    const step = (dx, dy) => {
      const [x, y] = now >= 0 ? [xs[now], ys[now]] : [state.x, state.y];
      let [found, low] = [-1, Infinity];
      for (let i = 0; i < count; i++) {
        if (faded[i] || i === now) continue;
        const along = (xs[i] - x) * dx + (ys[i] - y) * dy;
        if (along <= 0 && now >= 0) continue;
        const score = now < 0 ? Math.hypot(xs[i] - x, ys[i] - y) : along + 3 * Math.abs((xs[i] - x) * dy + (ys[i] - y) * dx);
        if (score < low) [found, low] = [i, score];
      }
      if (found < 0) return;
      const [sx, sy] = toScreen(found);
      if (sx < 0 || sy < 0 || sx > width || sy > height) { [state.x, state.y] = [xs[found], ys[found]]; clamp(); draw(); }
      mark(found, true);
    };

    // === What is shown ===

    const filter = () => {
      const only = state.only && ways[state.only.by];
      for (let i = 0; i < count; i++) {
        const probability = sure(i);
        faded[i] = probability < state.low - 1e-5 || probability > state.high + 1e-5 || (only && only.place(i) !== state.only.key) ? 1 : 0;
      }
      palette = null;
      mark(-1);
      draw();
    };
    const legend = () => {
      const way = ways[state.by];
      const slots = state.by === 'mine' ? way.entries.length : data.colors;
      const range = make('p', { class: 'range' }, 'Probability ', bound('from', 'low', 'lowest probability shown'), ' to ', bound('to', 'high', 'highest probability shown'));
      if (!way.entries) {
        const bar = make('div', { class: 'ramp' });
        const dark = isDark();
        bar.style.background = 'linear-gradient(90deg,' + Array.from({ length: 9 }, (_, i) => `rgb(${ramp(i / 8, dark)})`).join() + ')';
        keys.replaceChildren(bar, make('p', { class: 'ends note' }, make('span', { text: '0' }), make('span', { text: 'probability of the class' }), make('span', { text: '1' })), range);
        return;
      }
      const list = make('ul', { 'aria-label': way.name });
      const more = make('p', { class: 'note' });
      const find = make('input', { type: 'search', autocomplete: 'off', placeholder: 'entry', oninput: () => fill() });
      const fill = () => {
        const wanted = find.value.trim().toLowerCase();
        const fits = way.entries.map((entry, key) => ({ ...entry, key })).filter(({ name, note, key }) => way.sizes[key] && (name + ' ' + (note || '')).toLowerCase().includes(wanted));
        list.replaceChildren(...fits.slice(0, MOST_ENTRIES).map(({ name, note, color, key }) => make('li', {},
          make('button', { type: 'button', 'aria-pressed': String(state.only?.key === key), 'data-key': key, onclick: () => {
            state.only = state.only?.key === key ? null : { by: state.by, key };
            for (const other of list.querySelectorAll('button')) other.setAttribute('aria-pressed', String(Number(other.dataset.key) === state.only?.key));
            filter();
          } }, page.dot(color, slots), make('b', { text: name }), note && make('span', { text: note }), make('i', { text: whole(way.sizes[key]) })))));
        more.textContent = fits.length > MOST_ENTRIES ? 'and ' + whole(fits.length - MOST_ENTRIES) + ' more: use Find' : '';
      };
      fill();
      const rest = way.rest > 0 && make('p', { class: 'note rest' }, page.dot(null, slots), ' ' + whole(way.rest) + (state.by === 'class' ? ' unsure, in no class' : ' without a label'));
      keys.replaceChildren(make('p', { class: 'note', text: 'Choose an entry to show only its images.' }),
        ...(way.entries.length > 15 ? [make('label', { class: 'note' }, 'Find ', find)] : []), list, more, ...(rest ? [rest] : []), range);
    };

    // === Selecting ===

    const inView = () => {
      const found = new Uint8Array(count);
      const [[left, top], [right, bottom]] = [toMap(0, 0), toMap(width, height)];
      for (let i = 0; i < count; i++) if (xs[i] >= left && xs[i] <= right && ys[i] >= top && ys[i] <= bottom) found[i] = 1;
      return found;
    };
    /** Selects the images in `found` that are shown; with those that were selected before, if that is wished. */
    const pick = (found, add = state.add) => {
      const before = add ? state.picked : null;
      for (let i = 0; i < count; i++) found[i] = (found[i] && !faded[i]) || (before && before[i]) ? 1 : 0;
      choose(found);
    };
    const choose = (found) => {
      state.picked = found.includes(1) ? found : null;
      tell();
      draw();
    };
    const clear = () => { state.picked = null; tell(); draw(); canvas.focus({ preventScroll: true }); };
    const places = () => {
      const found = [];
      if (state.picked) for (let i = 0; i < count; i++) if (state.picked[i]) found.push(i);
      return found;
    };
    /** The table of the selection, as those that Twist writes. */
    const table = (chosen) => {
      const lines = ['path,index,cluster,name,label,probability' + (data.own ? ',your_label' : '')];
      for (const i of chosen) {
        const { number, name } = data.classes[data.class[i]];
        const line = [cell(data.path[i]), data.index[i], number, cell(name), data.label[i] ? cell(data.labels[data.label[i] - 1].name) : '', sure(i).toFixed(4)];
        if (data.own) line.push(data.mine[i] ? cell(data.own[data.mine[i] - 1]) : '');
        lines.push(line.join());
      }
      return lines.join('\n') + '\n';
    };
    const save = (chosen) => {
      const address = URL.createObjectURL(new Blob([table(chosen)], { type: 'text/csv' }));
      make('a', { href: address, download: 'selection.csv' }).click();
      setTimeout(() => URL.revokeObjectURL(address), 10000);
    };
    const tell = () => {
      const chosen = places();
      host.dataset.picked = chosen.length;
      panel.hidden = chosen.length === 0;
      spoken.textContent = chosen.length ? plural(chosen.length, 'image') + ' selected' : 'nothing is selected';
      if (!chosen.length) { panel.replaceChildren(); return; }
      const sizes = new Map();
      for (const i of chosen) sizes.set(data.class[i], (sizes.get(data.class[i]) || 0) + 1);
      const most = [...sizes].sort((a, b) => b[1] - a[1]);
      const kinds = most.slice(0, 5).map(([key, size]) => shown(data.classes[key].name) + ': ' + whole(size)).join(' · ')
        + (most.length > 5 ? ' · and ' + whole(most.length - 5) + ' more classes' : '');
      // Some of all of it, from one end to the other; where few have a picture, the first that have.
      const samples = [];
      const stride = Math.max(1, Math.floor(chosen.length / SAMPLE));
      for (let at = 0; at < chosen.length && samples.length < SAMPLE; at += stride) { const node = page.sample?.(chosen[at]); if (node) samples.push(node); }
      if (samples.length < 4) for (let at = 0; at < chosen.length && samples.length < SAMPLE; at++) { const node = at % stride && page.sample?.(chosen[at]); if (node) samples.push(node); }
      panel.replaceChildren(make('h3', { text: plural(chosen.length, 'image') + ' selected' }), make('p', { class: 'note', text: kinds }),
        ...(samples.length ? [make('ul', { class: 'strip', 'aria-label': 'some of the selected images' }, ...samples)] : [make('p', { class: 'note', text: 'There are no pictures of these images here.' })]),
        make('div', { class: 'ends' }, ...(page.actions?.(chosen.map(image)) ?? []),
          tool('Export as CSV', 'save path, class, label and probability of the selected images as a table', () => save(chosen), { 'data-act': 'export' }), tool('Clear', 'select nothing', clear, { 'data-act': 'clear' })));
    };

    // === Pointers, wheel and keys ===

    const pointers = new Map();
    let [drawn, dragged, spread] = [null, 0, 0];
    const where = (event) => { const box = plane.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
    const trace = () => trail.setAttribute('d', drawn && drawn.length > 2 ? 'M' + drawn.join(' ') + 'Z' : '');
    const between = () => { const [[ax, ay], [bx, by]] = [...pointers.values()]; return [Math.hypot(ax - bx, ay - by), (ax + bx) / 2, (ay + by) / 2]; };
    canvas.addEventListener('pointerdown', (event) => {
      if (event.button > 0) return;
      canvas.setPointerCapture(event.pointerId);
      pointers.set(event.pointerId, where(event));
      dragged = 0;
      if (pointers.size === 2) { drawn = null; trace(); [spread] = between(); }
      else if (state.lasso || event.shiftKey) { drawn = where(event); mark(-1); }
    });
    canvas.addEventListener('pointermove', (event) => {
      const [x, y] = where(event);
      const before = pointers.get(event.pointerId);
      if (!before) {
        if (event.pointerType !== 'touch') { const i = closest(x, y); if (i !== now) mark(i); }
        return;
      }
      pointers.set(event.pointerId, [x, y]);
      dragged += Math.hypot(x - before[0], y - before[1]);
      if (pointers.size === 2) {
        const [wide, cx, cy] = between();
        if (spread > 0) zoom(wide / spread, cx, cy);
        move((x - before[0]) / 2, (y - before[1]) / 2);
        spread = wide;
      } else if (drawn) {
        const last = drawn.length - 2;
        if (Math.hypot(x - drawn[last], y - drawn[last + 1]) >= 2) { drawn.push(x, y); trace(); }
      } else {
        mark(-1);
        move(x - before[0], y - before[1]);
      }
    });
    const leave = (event, finished) => {
      if (!pointers.delete(event.pointerId)) return;
      if (drawn && finished && drawn.length >= 6) {
        const polygon = [];
        for (let i = 0; i < drawn.length; i += 2) polygon.push(...toMap(drawn[i], drawn[i + 1]));
        pick(enclosed(xs, ys, polygon));
      } else if (finished && dragged < 6) {
        mark(closest(...where(event)), true);
      }
      drawn = null;
      trace();
    };
    canvas.addEventListener('pointerup', (event) => leave(event, true));
    canvas.addEventListener('pointercancel', (event) => leave(event, false));
    canvas.addEventListener('pointerleave', () => { if (!pointers.size) mark(-1); });
    canvas.addEventListener('dblclick', () => { if (now >= 0 && !state.lasso) page.open?.(image(now)); });
    canvas.addEventListener('blur', () => mark(-1));
    // In a page that is longer than the window, the wheel scrolls until the map was clicked.
    canvas.addEventListener('wheel', (event) => {
      if (!page.wheel && !event.ctrlKey && document.activeElement !== canvas) return;
      event.preventDefault();
      zoom(Math.exp(-Math.max(-60, Math.min(60, event.deltaY * (event.deltaMode ? 16 : 1))) * 0.006), ...where(event));
    }, { passive: false });
    canvas.addEventListener('keydown', (event) => {
      const way = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key];
      if (way && event.shiftKey) { mark(-1); move(...way.map((part) => -part * Math.min(width, height) / 8)); }
      else if (way) step(...way);
      else if (event.key === '+' || event.key === '=') zoom(1.6);
      else if (event.key === '-') zoom(1 / 1.6);
      else if (event.key === '0') fit();
      else if (event.key === ' ' && now >= 0) {
        const found = state.picked ? state.picked.slice() : new Uint8Array(count);
        const at = now;
        found[at] = found[at] ? 0 : 1;
        choose(found);
      } else if (event.key === 'Enter' && now >= 0 && page.open) page.open(image(now));
      else if (event.key === 'Escape') { drawn = null; trace(); mark(-1); }
      else return;
      event.preventDefault();
    });
    const scrolled = () => { if (now >= 0) settle(); };
    addEventListener('scroll', scrolled, { passive: true, capture: true });

    const sized = new ResizeObserver(draw);
    sized.observe(plane);
    const themed = new MutationObserver(recolor);
    themed.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
    const system = matchMedia('(prefers-color-scheme: dark)');
    system.addEventListener('change', recolor);
    legend();
    filter();
    tell();
    return () => {
      sized.disconnect();
      themed.disconnect();
      system.removeEventListener('change', recolor);
      removeEventListener('scroll', scrolled, { capture: true });
      cancelAnimationFrame(frame);
    };
  };

  return { decode, mount, newState, shown, cell, enclosed };
})();
