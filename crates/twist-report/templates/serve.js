(() => {
  const main = document.getElementById('main');

  // Theme: as the system, light, dark.
  const themes = { auto: '◐', light: '☀', dark: '☾' };
  const themeButton = document.getElementById('theme');
  const setTheme = (theme) => {
    if (theme === 'auto') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    themeButton.textContent = themes[theme] + ' ' + theme;
    themeButton.setAttribute('aria-label', 'Theme: ' + (theme === 'auto' ? 'as the system' : theme));
    themeButton.dataset.now = theme;
    localStorage.setItem('twist-theme', theme);
  };
  setTheme(localStorage.getItem('twist-theme') in themes ? localStorage.getItem('twist-theme') : 'auto');
  themeButton.addEventListener('click', () => {
    const names = Object.keys(themes);
    setTheme(names[(names.indexOf(themeButton.dataset.now) + 1) % names.length]);
  });

  // The address behind # says which view is shown, so the link past the bar moves the focus and nothing else.
  document.querySelector('.skip').addEventListener('click', (event) => { event.preventDefault(); main.focus(); });

  // Talk: what was done and what failed, one message at a time; it goes with the next message, the next view, or after a while.
  const [alertBox, statusBox] = [document.getElementById('alert'), document.getElementById('status')];
  let talkTimer = 0;
  const quiet = () => {
    clearTimeout(talkTimer);
    alertBox.hidden = true;
    statusBox.hidden = true;
  };
  /** Shows `text`, and with `undo` a button that takes back what was done. */
  const say = (text, undo) => {
    quiet();
    statusBox.replaceChildren(make('span', { text }), ...(undo ? [make('button', { class: 'tool', type: 'button', id: 'undo', text: 'Undo', onclick: undo })] : []));
    statusBox.hidden = false;
    talkTimer = setTimeout(quiet, undo ? 20000 : 6000);
  };
  const complain = (text) => {
    quiet();
    alertBox.textContent = text;
    alertBox.hidden = false;
    talkTimer = setTimeout(quiet, 12000);
  };

  // Requests are relative to the address with the token in it.
  const ask = async (path, options) => {
    let reply;
    try {
      reply = await fetch(path, options);
    } catch {
      throw new Error('The server does not answer: start `twist report RUN --serve` again and open the address it prints.');
    }
    const body = await reply.json();
    if (!reply.ok) throw new Error(body.error);
    return body;
  };
  const send = (path, body) =>
    ask(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
  /** Sends a change and shows the view anew; a refusal is shown and changes nothing. `done` is what to say, or makes it of the reply. */
  const change = async (path, body, done, undo) => {
    try {
      const reply = await send(path, body);
      await show(false);
      say(typeof done === 'function' ? done(reply) : done, undo && (() => undo(reply)));
      return true;
    } catch (error) {
      complain(error.message);
      return false;
    }
  };
  /** Gives images a label, or takes theirs away; what is undone leaves alone what somebody else labelled meanwhile. */
  const giveLabel = (rows, text) => {
    const label = text.trim();
    const done = label ? plural(rows.length, 'image') + ' labelled “' + label + '”' : 'label of ' + plural(rows.length, 'image') + ' removed';
    return change('api/label', { rows, label }, done, async (reply) => {
      try {
        for (const old of reply.before) await send('api/label', { ...old, only: label });
        await show(false);
        say('taken back');
      } catch (error) {
        complain(error.message);
      }
    });
  };

  // One image in a grid. Small ones keep their pixels when they are enlarged.
  const image = (item, large = false) => make('img', {
    src: 'picture/' + item.row + (large ? '?large' : ''), alt: item.title, loading: 'lazy', decoding: 'async',
    onload: (event) => event.target.classList.toggle('small', event.target.naturalWidth <= 64),
    onerror: (event) => event.target.replaceWith(make('span', { class: 'bare', text: item.title })),
  });
  const facts = (item) => [item.title, item.label && 'label: ' + item.label,
    item.name + ': ' + percent(item.sure), item.second && 'then ' + item.second.name + ': ' + percent(item.second.sure),
    item.unsure && 'unsure: below the threshold'].filter(Boolean).join('\n');
  const thumb = (item, caption, { odd, choose, chosen } = {}) => {
    const box = choose && make('input', { type: 'checkbox', tabIndex: -1, checked: chosen.has(item.row),
      'aria-label': 'choose ' + item.title, onchange: () => choose(item.row, box.checked, node) });
    const pick = box && make('label', { class: 'pick' }, box);
    const node = make('li', { class: 'thumb' + (odd ? ' odd' : '') + (choose && chosen.has(item.row) ? ' chosen' : ''), 'data-row': item.row },
      make('a', { href: '#/image/' + item.row, title: facts(item), tabIndex: -1 },
        item.seen ? image(item) : make('span', { class: 'bare', text: item.title })),
      pick, item.mine && make('b', { class: 'mine', text: item.mine, title: item.mine }), make('i', { text: caption, title: caption }));
    return node;
  };

  // A grid is one stop of the tab key; arrows walk inside it, space chooses, enter opens.
  const grid = (name, label, nodes) => {
    const list = make('ul', { class: name, 'aria-label': label }, ...nodes);
    const links = nodes.map((node) => node.querySelector('a'));
    if (links[0]) links[0].tabIndex = 0;
    list.addEventListener('keydown', (event) => {
      const at = links.indexOf(document.activeElement);
      if (at < 0) return;
      if (event.key === ' ') {
        const box = nodes[at].querySelector('input');
        if (box) { event.preventDefault(); box.click(); }
        return;
      }
      const columns = getComputedStyle(list).gridTemplateColumns.split(' ').length;
      const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, Home: -at, End: links.length - 1 - at }[event.key];
      const next = links[at + step];
      if (!next) return;
      event.preventDefault();
      links[at].tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    });
    return list;
  };

  // Colours as in the static page: around the circle, in up to three strengths.
  const dot = (color, colors) => {
    const node = make('b', { class: 'dot' + (color === null ? ' kx' : '') });
    if (color !== null) {
      const tiers = colors <= 7 ? 1 : colors <= 20 ? 2 : 3;
      node.style.setProperty('--h', (25 + Math.floor(color * 360 / colors)) % 360);
      node.style.setProperty('--t', color % tiers);
    }
    return node;
  };
  const heading = (text, ...more) => make('h1', { tabIndex: -1, text }, ...more);

  // === Classes ===

  const selected = new Set();
  const kept = { filter: '', order: 'size' };
  const renameForm = (one, done) => {
    const input = make('input', { type: 'text', value: one.named ? one.name : '', placeholder: one.name, maxLength: 100,
      'aria-label': 'name of ' + one.name, autocomplete: 'off', spellcheck: false });
    const form = make('form', { class: 'rename', onsubmit: (event) => {
      event.preventDefault();
      const name = input.value.trim();
      change('api/rename', { class: one.number, name }, name ? 'class ' + one.number + ' is now called “' + name + '”' : 'name removed');
    }, onkeydown: (event) => { if (event.key === 'Escape' && done) done(); } },
    input, make('button', { class: 'tool', type: 'submit', text: 'Save' }));
    return [form, input];
  };
  const unmergeButton = (one) => one.parts.length > 1 && make('button', { class: 'tool', type: 'button', text: 'Unmerge', 'data-unmerge': one.number,
    title: 'undo the last merge', onclick: () => change('api/unmerge', { class: one.number, parts: one.parts }, 'merge undone') });
  const partsOf = (one) => one.parts.length > 1 && make('span', { class: 'parts', text: one.parts.length + ' merged', title: 'outputs ' + one.parts.join(', ') });

  const classCard = (one, colors, choose) => {
    const title = make('h2', {}, dot(one.color, colors), make('a', { href: '#/class/' + one.number, text: one.name }));
    const box = make('input', { type: 'checkbox', checked: selected.has(one.number), 'aria-label': 'choose ' + one.name + ' for a merge',
      'data-choose': one.number, onchange: () => choose(one.number, box.checked, card) });
    const renameButton = make('button', { class: 'tool', type: 'button', text: 'Rename', 'data-rename': one.number, onclick: () => {
      const [form, input] = renameForm(one, () => { form.replaceWith(title); renameButton.focus(); });
      title.replaceWith(form);
      input.focus();
      input.select();
    } });
    const examples = one.examples.map((item) => thumb(item, item.sure.toFixed(2), { odd: item.label && one.mostly && item.label !== one.mostly }));
    const card = make('article', { class: 'class card' + (selected.has(one.number) ? ' chosen' : ''), 'data-number': one.number },
      make('header', {}, box, title, make('span', { class: 'size', text: plural(one.size, 'image') + (one.unsure ? ' + ' + whole(one.unsure) + ' unsure' : '') }), partsOf(one) || ''),
      make('p', { class: 'facts' }, ...(one.mostly
        ? [make('span', {}, 'mostly ', make('em', { text: one.mostly }), ' ' + percent(one.purity)), meter(one.purity)]
        : ['mean probability ' + percent(one.sure)])),
      grid('strip', 'images of ' + one.name, examples),
      make('div', { class: 'ends' }, make('a', { class: 'tool', href: '#/class/' + one.number, text: 'All images' }), renameButton, unmergeButton(one)));
    return card;
  };
  const meter = (share) => {
    const bar = make('i');
    bar.style.width = share * 100 + '%';
    return make('span', { class: 'meter', role: 'img', 'aria-label': 'purity ' + percent(share) }, bar);
  };

  /** What a merge does to the images, in words. */
  const movesOf = ({ images, from_others, from_unsure }) => {
    const moves = [from_others && whole(from_others) + ' of other classes', from_unsure && whole(from_unsure) + ' that ' + (from_unsure === 1 ? 'was' : 'were') + ' unsure'].filter(Boolean);
    return plural(images, 'image') + (moves.length ? ', among them ' + moves.join(' and ') : ', none of another class');
  };

  // Before classes are merged: what each of them holds, what moves into the result, and what it is called.
  const mergePanel = (chosen, colors, close) => {
    const moves = make('p', { class: 'note', id: 'merge-moves', text: ' ' });
    send('api/merged', { classes: chosen.map((one) => ({ class: one.number, parts: one.parts })) })
      .then((result) => {
        moves.textContent = 'Together: ' + movesOf(result) + '.' + (result.from_others || result.from_unsure
          ? ' For these images, the probabilities of the merged classes add up to more than that of their present class.' : '');
      }, (error) => { moves.textContent = error.message; });
    const name = make('input', { type: 'text', placeholder: (chosen.find((one) => one.named) || chosen[0]).name, maxLength: 100, autocomplete: 'off',
      'aria-label': 'name of the merged class', spellcheck: false });
    return make('form', { class: 'card merge', onsubmit: async (event) => {
      event.preventDefault();
      const classes = chosen.map((one) => ({ class: one.number, parts: one.parts }));
      selected.clear();
      const done = await change('api/merge', { classes, name: name.value }, (result) => chosen.length + ' classes merged: ' + movesOf(result));
      // Whoever acted on an old picture gets the new one, with the reason.
      if (!done) { const why = alertBox.textContent; await show(false); complain(why); }
    }, onkeydown: (event) => { if (event.key === 'Escape') close(); } },
    make('h2', { text: 'Merge these ' + chosen.length + ' classes?' }),
    ...chosen.map((one) => make('div', { class: 'member' },
      make('p', {}, dot(one.color, colors), ' ', make('strong', { text: one.name }), ' ', make('span', { class: 'note', text: plural(one.size, 'image') }), ' ', partsOf(one) || ''),
      grid('strip', 'images of ' + one.name, one.examples.map((item) => thumb(item, item.sure.toFixed(2)))))),
    moves,
    make('div', { class: 'ends' }, name, make('button', { class: 'tool main', type: 'submit', id: 'merge-now', text: 'Merge' }),
      make('button', { class: 'tool', type: 'button', text: 'Cancel', onclick: close })));
  };
  // How many classes there are: a slider along the tree shows which classes a cut would join, and a button makes it.
  const MOST_CHANGES = 12;
  const cutPanel = (tree, found) => {
    if (!tree || tree.classes < 2) return null;
    const seen = found.classes.map((one) => ({ class: one.number, parts: one.parts }));
    const { estimate } = tree;
    const shown = estimate && Math.min(estimate.classes, tree.classes);
    const slider = make('input', { type: 'range', id: 'cut', min: 1, max: tree.classes, step: 1, value: tree.now });
    slider.setAttribute('aria-describedby', 'cut-said');
    const count = make('output', { id: 'cut-count', text: whole(tree.now) });
    count.setAttribute('for', 'cut');
    const apply = make('button', { class: 'tool main', type: 'submit', id: 'cut-now', text: 'Apply', disabled: true });
    const said = make('p', { class: 'note', id: 'cut-said', role: 'status', text: 'Move the slider to see which classes join.' });
    const changes = make('ul', { class: 'changes', 'aria-label': 'what changes' });
    const examplesOf = (number) => found.classes.find((one) => one.number === number)?.examples.filter((item) => item.seen) || [];
    const joinedRow = ({ class: result, parts }) => {
      const each = parts.length > 4 ? 1 : 2;
      return make('li', {}, make('p', {}, make('strong', { text: result.name }), ' ', make('span', { class: 'note', text: plural(result.images, 'image') }), ' is made of '
        + parts.map((part) => part.name + ' (' + whole(part.images) + ')').join(', ')),
      make('div', { class: 'mini', 'aria-hidden': 'true' }, ...parts.flatMap((part) => examplesOf(part.number).slice(0, each)).slice(0, 12)
        .map((item) => make('img', { src: 'picture/' + item.row, alt: '', loading: 'lazy', decoding: 'async' }))));
    };
    const dividedRow = ({ class: before, parts }) => make('li', {}, make('p', {}, make('strong', { text: before.name }), ' comes apart: '
      + parts.map((part) => part.name + ' (' + whole(part.images) + ')').join(', ')));
    const draw = (result) => {
      const { joined, divided, lost, hidden } = result;
      apply.disabled = !result.changes;
      apply.textContent = result.changes ? 'Apply: ' + (result.now === 1 ? '1 class' : whole(result.now) + ' classes') : 'Apply';
      said.textContent = !result.changes ? 'These are the classes as they are.'
        : whole(result.before) + ' → ' + (result.now === 1 ? '1 class' : whole(result.now) + ' classes') + '. Nothing is changed before you apply it.';
      const rows = [...joined.map(joinedRow), ...divided.map(dividedRow)];
      const more = rows.length - MOST_CHANGES;
      changes.replaceChildren(
        ...(lost.length ? [make('li', { class: 'lost' }, ...prose('Not kept, because the cut divides it: ' + lost.join('; ') + '. The file before is kept beside clusters.json.'))] : []),
        ...hidden.map(({ name, now }) => make('li', { text: '“' + name + '” is part of “' + now + '”; a finer cut brings the name back.' })),
        ...rows.slice(0, MOST_CHANGES), ...(more > 0 ? [make('li', { class: 'note', text: 'and ' + plural(more, 'more change') })] : []));
    };
    let asked = 0;
    const look = async () => {
      const mine = ++asked;
      count.textContent = whole(Number(slider.value));
      apply.disabled = true;
      try {
        const result = await send('api/cut/preview', { classes: Number(slider.value), seen });
        if (mine === asked) draw(result);
      } catch (error) {
        if (mine === asked) { changes.replaceChildren(); said.textContent = error.message; }
      }
    };
    slider.addEventListener('input', look);
    const auto = estimate && make('button', { class: 'tool', type: 'button', id: 'cut-auto', text: 'As many as the features show: ' + whole(shown),
      title: 'counts of ' + plural(estimate.rows, 'image') + ' range from ' + whole(estimate.range[0]) + ' to ' + whole(estimate.range[1]),
      onclick: () => { slider.value = shown; look(); } });
    return make('form', { class: 'card cut', 'aria-label': 'How many classes', onsubmit: async (event) => {
      event.preventDefault();
      const classes = Number(slider.value);
      const done = await change('api/cut', { classes, seen }, (result) => whole(result.now) + (result.now === 1 ? ' class now, ' : ' classes now, ') + whole(result.before) + ' before'
        + (result.aside ? '; the file before is ' + result.aside : ''));
      // The panel was made anew: who moves it by keyboard goes on there.
      if (done) { document.getElementById('cut')?.focus({ preventScroll: true }); return; }
      const why = alertBox.textContent;
      await show(false);
      complain(why);
    } },
    make('div', { class: 'dial' }, make('label', { for: 'cut', text: 'How many classes' }), slider, count, apply, auto),
    said, changes);
  };

  /** Text whose code stands between backticks. */
  const prose = (text) => text.split('`').map((part, i) => (i % 2 ? make('code', { text: part }) : part));

  const classesView = async () => {
    const [found, run, tree] = await Promise.all([ask('api/classes'), ask('api/run'), ask('api/tree')]);
    const present = new Set(found.classes.map((one) => one.number));
    for (const number of selected) if (!present.has(number)) selected.delete(number);
    const mergeButton = make('button', { class: 'tool main', type: 'button', id: 'merge', onclick: () => {
      const chosen = found.classes.filter((one) => selected.has(one.number));
      mergePlace.replaceChildren(mergePanel(chosen, found.colors, () => mergePlace.replaceChildren()));
      mergePlace.querySelector('input').focus();
    } });
    const mergePlace = make('div', { id: 'merge-place' });
    const count = () => {
      mergeButton.disabled = selected.size < 2;
      mergeButton.textContent = selected.size < 2 ? 'Choose two to merge' : 'Merge ' + selected.size + ' classes …';
    };
    const choose = (number, on, card) => {
      if (on) selected.add(number); else selected.delete(number);
      card.classList.toggle('chosen', on);
      mergePlace.replaceChildren();
      count();
    };
    count();
    const cards = found.classes.map((one) => [one, classCard(one, found.colors, choose)]);
    const holder = make('div', { class: 'cards' });
    const output = make('output');
    const arrange = () => {
      const by = { size: (a, b) => b[0].size - a[0].size, number: (a, b) => a[0].number - b[0].number,
        name: (a, b) => a[0].name.localeCompare(b[0].name, 'en', { numeric: true }), purity: (a, b) => (a[0].purity ?? 0) - (b[0].purity ?? 0) }[kept.order];
      const wanted = kept.filter.trim().toLowerCase();
      const shown = [...cards].sort(by).filter(([one]) => (one.name + ' ' + (one.mostly || '')).toLowerCase().includes(wanted));
      holder.replaceChildren(...shown.map(([, card]) => card));
      output.textContent = wanted ? shown.length + ' of ' + cards.length + (cards.length === 1 ? ' class' : ' classes') : '';
    };
    // Images by their file names, below the classes that fit.
    const files = make('div', { id: 'found-files' });
    let asked = 0;
    const findFiles = async () => {
      const mine = ++asked;
      const text = kept.filter.trim();
      if (text.length < 2) { files.replaceChildren(); return; }
      const hits = await send('api/find', { text }).catch((error) => { complain(error.message); return { total: 0, images: [] }; });
      if (mine !== asked) return;
      files.replaceChildren(...(hits.total ? [
        make('h2', { text: plural(hits.total, 'image') + ' with “' + text + '” in the file name' + (hits.total > hits.images.length ? '; the first ' + hits.images.length : '') }),
        grid('grid', 'images by file name', hits.images.map((item) => thumb(item, item.title.split('/').pop())))] : []));
    };
    const options = { size: 'size', number: 'number', name: 'name', ...(run.has_labels ? { purity: 'purity, lowest first' } : {}) };
    const threshold = make('input', { type: 'number', min: 0, max: 1, step: 0.01, value: run.unsure_below ?? '', placeholder: 'none', id: 'threshold',
      onchange: () => change('api/threshold', { below: threshold.value === '' ? null : Number(threshold.value) },
        ({ unsure, before }) => whole(unsure) + ' of ' + plural(run.images, 'image') + (unsure === 1 ? ' is' : ' are') + ' unsure and in no class now (' + whole(before) + ' before)') });
    arrange();
    findFiles();
    return [
      heading('Discovered classes'),
      run.verdict && make('p', { class: 'judgement card ' + run.verdict.tone }, ...prose(run.verdict.text)),
      make('p', { class: 'lead', text: (found.unsure ? whole(run.images - found.unsure) + ' of ' + plural(run.images, 'image') : plural(run.images, 'image'))
        + ' in ' + whole(found.classes.length) + (found.classes.length === 1 ? ' class' : ' classes') + (found.unsure ? ', and ' + whole(found.unsure) + ' unsure in no class' : '') + '. Name the classes you recognise and merge those that belong together. '
        + 'Changes are saved to clusters.json of the run at once; twist predict and the report use them.' }),
      make('form', { class: 'controls', role: 'search', 'aria-label': 'Filter the classes', onsubmit: (event) => event.preventDefault() },
        make('label', {}, 'Find ', make('input', { type: 'search', value: kept.filter, placeholder: run.has_labels ? 'class, label or file' : 'class or file', id: 'find',
          oninput: (event) => { kept.filter = event.target.value; arrange(); findFiles(); } })),
        make('label', {}, 'Sort by ', make('select', { onchange: (event) => { kept.order = event.target.value; arrange(); } },
          ...Object.entries(options).map(([value, text]) => make('option', { value, text, selected: value === kept.order })))),
        make('label', { title: 'images whose class is less probable than this belong to no class' }, 'Unsure below ', threshold),
        found.unsure > 0 && make('a', { class: 'tool', href: '#/class/unsure', text: plural(found.unsure, 'unsure image') }),
        mergeButton, output),
      cutPanel(tree, found),
      mergePlace,
      holder,
      files,
    ];
  };

  // === A grid whose images can be chosen and labelled ===

  const labellable = (items, label, caption) => {
    const chosen = new Set();
    const input = make('input', { type: 'text', placeholder: 'label', 'aria-label': 'label for the chosen images', maxLength: 100, autocomplete: 'off', oninput: () => count() });
    input.setAttribute('list', 'known-labels');
    const remove = make('button', { class: 'tool', type: 'button', text: 'Remove labels', id: 'remove-label',
      onclick: () => giveLabel(items.filter((item) => chosen.has(item.row) && item.mine).map((item) => item.row), '') });
    const button = make('button', { class: 'tool main', type: 'submit', text: 'Label', id: 'apply-label' });
    const counter = make('span', { class: 'note' });
    const everything = make('button', { class: 'tool', type: 'button', id: 'choose-all', onclick: () => {
      const on = chosen.size < items.length;
      for (const node of nodes) {
        const box = node.querySelector('input');
        if (box.checked !== on) box.click();
      }
    } });
    const count = () => {
      counter.textContent = chosen.size ? plural(chosen.size, 'image') + ' chosen' : 'tick the boxes of the images, or use the space bar';
      button.disabled = chosen.size === 0 || input.value.trim() === '';
      remove.hidden = !items.some((item) => item.mine && chosen.has(item.row));
      everything.textContent = chosen.size < items.length ? 'Choose all ' + items.length : 'Choose none';
    };
    const choose = (row, on, node) => {
      if (on) chosen.add(row); else chosen.delete(row);
      node.classList.toggle('chosen', on);
      count();
    };
    const nodes = items.map((item) => thumb(item, caption(item), { choose, chosen }));
    count();
    const form = make('form', { class: 'labeller card', onsubmit: (event) => {
      event.preventDefault();
      if (chosen.size && input.value.trim()) giveLabel([...chosen], input.value);
    } }, counter, everything, input, button, remove);
    return [grid('grid', label, nodes), form];
  };
  const loadLabels = async () => {
    const next = await ask('api/next');
    document.getElementById('known-labels').replaceChildren(...next.labels.map(({ label }) => make('option', { value: label })));
    return next;
  };

  // === One class ===

  const places = new Map();
  const classView = async (number) => {
    const place = places.get(number) || { page: 0, order: 'sure' };
    places.set(number, place);
    const [{ classes, colors }, page] = await Promise.all([ask('api/classes'),
      ask('api/images?class=' + number + '&order=' + place.order + '&page=' + place.page), loadLabels()]);
    const one = classes.find((other) => String(other.number) === number);
    const turn = (by) => make('button', { class: 'tool', type: 'button', text: by < 0 ? '← Earlier' : 'Later →',
      disabled: by < 0 ? place.page === 0 : place.page + 1 >= page.pages, onclick: () => { place.page += by; show(); } });
    const caption = (item) => place.order === 'border' && item.second
      ? item.sure.toFixed(2).replace(/^0/, '') + ' : ' + item.second.sure.toFixed(2).replace(/^0/, '') : item.sure.toFixed(2);
    const order = make('select', { onchange: () => { place.order = order.value; place.page = 0; show(); } },
      ...[['sure', 'most probable first'], ['border', 'borderline first']].map(([value, text]) => make('option', { value, text, selected: value === place.order })));
    return [
      make('p', {}, make('a', { href: '#/classes', text: '← all classes' })),
      one ? heading('', dot(one.color, colors), ' ' + one.name) : heading('Unsure images'),
      make('p', { class: 'lead', text: plural(page.total, 'image') + (one && one.mostly ? ', mostly ' + one.mostly + ' (' + percent(one.purity) + ')' : '')
        + (one ? '.' : ', with a probability below the threshold for every class.') }),
      make('div', { class: 'controls' }, one && renameForm(one)[0], one && partsOf(one), one && unmergeButton(one), make('label', {}, 'Order ', order)),
      ...labellable(page.images, 'images of ' + (one ? one.name : 'no class'), caption),
      page.pages > 1 && make('nav', { class: 'pager', 'aria-label': 'Pages' }, turn(-1), 'page ' + (place.page + 1) + ' of ' + page.pages, turn(1)),
    ];
  };

  // === One image, and search ===

  const results = (neighbours, like) => {
    const odd = (item) => (like.label ? item.label && item.label !== like.label : like.class !== undefined && item.class !== like.class);
    return grid('grid', 'nearest images', neighbours.map((item) => thumb(item, item.similarity.toFixed(3) + ' ' + item.name, { odd: odd(item) })));
  };
  const imageView = async (row) => {
    const [{ image: item, neighbours }] = await Promise.all([ask('api/image/' + row), loadLabels()]);
    const input = make('input', { type: 'text', value: item.mine || '', placeholder: 'your label', 'aria-label': 'your label', maxLength: 100, autocomplete: 'off' });
    input.setAttribute('list', 'known-labels');
    const pair = (name, ...value) => make('div', {}, make('dt', { text: name }), make('dd', {}, ...value));
    const link = (number, name) => make('a', { href: '#/class/' + number, text: name });
    return [
      make('div', { class: item.seen ? 'portrait' : '' },
        item.seen && make('div', { class: 'picture' }, image(item, true)),
        make('div', {}, heading(item.title),
          make('dl', { class: 'pairs' },
            pair('class', item.unsure ? 'unsure, most likely ' : '', link(item.class, item.name), ' ' + percent(item.sure)),
            item.second && pair('then', link(item.second.class, item.second.name), ' ' + percent(item.second.sure)),
            item.label && pair('label in the data', item.label)),
          make('form', { onsubmit: (event) => { event.preventDefault(); if (input.value.trim()) giveLabel([item.row], input.value); } },
            input, make('button', { class: 'tool main', type: 'submit', text: 'Label' }),
            item.mine && make('button', { class: 'tool', type: 'button', text: 'Remove label', onclick: () => giveLabel([item.row], '') })))),
      make('h2', { text: 'Nearest images' }),
      make('p', { class: 'note', text: 'By cosine similarity of the features; a ring marks another ' + (item.label ? 'label' : 'class') + '.' }),
      results(neighbours, item),
    ];
  };

  let example = null;
  const searchView = async () => {
    const run = await ask('api/run');
    const picker = make('input', { type: 'file', accept: 'image/*', id: 'example', onchange: () => picker.files[0] && searchBy(picker.files[0]) });
    const drop = make('label', { class: 'drop' }, example && make('img', { src: example.url, alt: 'your image' }),
      make('strong', { text: example ? example.name : 'Drop an image here' }),
      make('span', { text: example ? 'drop or choose another one' : 'or choose a file; it stays on this machine' }), picker);
    return [
      heading('Search by example'),
      make('p', { class: 'lead', text: run.can_embed
        ? 'The model of this run computes the features of your image and finds the most similar images. To search by an image of the run, open it.'
        : 'The model of this run could not be loaded, so you cannot search by your own files. To search by an image of the run, open it from its class.' }),
      run.can_embed && drop,
      example && example.neighbours && make('h2', { text: 'Most similar' }),
      example && example.neighbours && results(example.neighbours, {}),
    ];
  };
  const searchBy = async (file) => {
    if (example) URL.revokeObjectURL(example.url);
    example = { name: file.name, url: URL.createObjectURL(file), neighbours: null };
    try {
      example.neighbours = (await ask('api/search', { method: 'POST', body: file })).neighbours;
      say(example.neighbours.length + ' images found');
    } catch (error) {
      complain(error.message);
    }
    if (location.hash === '#/search') await show(false); else location.hash = '#/search';
  };
  const dropZone = () => document.querySelector('.drop');
  addEventListener('dragover', (event) => { event.preventDefault(); dropZone()?.classList.add('over'); });
  addEventListener('dragleave', () => dropZone()?.classList.remove('over'));
  addEventListener('drop', (event) => {
    event.preventDefault();
    dropZone()?.classList.remove('over');
    const file = event.dataTransfer.files[0];
    if (file) searchBy(file);
  });

  // === The map ===

  const ofMap = twistMap.newState();
  let letGo = null;
  const pause = (milliseconds) => new Promise((done) => { setTimeout(done, milliseconds); });
  /** Asks until the map is there; `told` hears how far it is, and says whether anybody still waits. */
  const waitForMap = async (told) => {
    for (let wait = 50; ; wait = Math.min(1000, wait * 2)) {
      const found = await ask('api/map');
      if (found.state !== 'working' || !told(found.done)) return found;
      await pause(wait);
    }
  };
  const mapActions = (data, rows) => {
    const input = make('input', { type: 'text', placeholder: 'label', 'aria-label': 'label for the selected images', maxLength: 100, autocomplete: 'off' });
    input.setAttribute('list', 'known-labels');
    const some = data.own.length > 0 && make('button', { class: 'tool', type: 'button', text: 'Remove labels', 'data-act': 'unlabel', onclick: () => {
      const chosen = new Set(rows);
      const labelled = [];
      for (let i = 0; i < data.points; i++) { const row = data.row ? data.row[i] : i; if (data.mine[i] && chosen.has(row)) labelled.push(row); }
      if (labelled.length) giveLabel(labelled, ''); else say('none of these images has a label of yours');
    } });
    const named = data.path.length > 0 && rows.length > 0;
    return [named && make('form', { class: 'ends', onsubmit: (event) => { event.preventDefault(); if (input.value.trim()) giveLabel(rows, input.value); } },
      input, make('button', { class: 'tool main', type: 'submit', text: 'Label', 'data-act': 'label' }), some)].filter(Boolean);
  };
  const mapView = async () => {
    const mine = turn;
    let bar = null;
    const found = await waitForMap((done) => {
      if (mine !== turn) return false;
      if (!bar) {
        bar = make('progress', { max: 1, 'aria-label': 'how much of the map is made' });
        main.replaceChildren(heading('Map'), make('p', { class: 'lead', text: 'The map is being made: seconds for a few thousand images, minutes for a hundred thousand. The other views work meanwhile.' }), bar);
      }
      bar.value = done;
      return true;
    });
    if (mine !== turn) return [];
    if (found.state !== 'ready') return [heading('Map'), make('p', { class: 'missing', text: 'A map needs the features of at least a dozen images.' })];
    const reply = await fetch('map.bin');
    if (!reply.ok) throw new Error((await reply.json()).error);
    const data = twistMap.decode(await reply.arrayBuffer());
    const row = (place) => (data.row ? data.row[place] : place);
    const name = (place) => (data.path[place] ? twistMap.shown(data.path[place]) : 'image ' + data.index[place]);
    document.getElementById('known-labels').replaceChildren(...data.own.map((value) => make('option', { value })));
    const host = make('div', { class: 'card map', id: 'map' });
    const page = {
      dot,
      wheel: true,
      picture: (place) => data.seen[place] ? make('img', { src: 'picture/' + row(place), alt: '' }) : null,
      sample: (place) => data.seen[place] ? make('li', { class: 'thumb' }, make('a', { href: '#/image/' + row(place), title: name(place) },
        make('img', { src: 'picture/' + row(place), alt: name(place), loading: 'lazy', decoding: 'async' }))) : null,
      actions: (rows) => mapActions(data, rows),
      open: (image) => { location.hash = '#/image/' + image; },
    };
    letGo = twistMap.mount(host, data, page, ofMap);
    return [
      heading('Map'),
      make('p', { class: 'lead', text: 'Each point is an image (t-SNE of the features, ' + found.scope + '). Similar images are close together; the sizes of groups and the distances between distant groups mean little. '
        + 'Zoom with the wheel, drag to move, and draw a lasso to label or export the images inside. With the keyboard: zoom in, then select all in view.' }),
      found.not_kept && make('p', { class: 'note', text: 'The map could not be kept in the run folder, so it will be made again next time: ' + found.not_kept }),
      host,
    ];
  };

  // === Labels ===

  const labelView = async () => {
    const [next, run] = await Promise.all([loadLabels(), ask('api/run')]);
    return [
      heading('Label these next'),
      make('p', { class: 'lead', text: 'Most useful to label: for each class, the images the network is least sure about. Labels are saved to labels.csv of the run at once; give that file to twist finetune --labels. '
        + (run.evaluated_on.includes('held-out') ? 'These are held-out images: a classifier that learns from them must be measured on others.' : '') }),
      next.labelled > 0 && make('p', {}, make('a', { class: 'tool main', href: 'labels.csv', download: 'labels.csv', id: 'export',
        text: 'Export ' + plural(next.labelled, 'label') })),
      next.labels.length > 0 && make('ul', { class: 'tally', 'aria-label': 'labels so far' },
        ...next.labels.map(({ label, images }) => make('li', {}, make('button', { type: 'button', title: 'write “' + label + '” into the field below',
          onclick: () => { const field = document.querySelector('.labeller input[type=text]'); if (field) { field.value = label; field.dispatchEvent(new Event('input')); field.focus(); } } },
          make('b', { text: label }), ' ' + whole(images))))),
      next.labelled > 0 && make('p', {}, make('a', { class: 'tool', href: '#/labelled', id: 'all-labelled', text: 'See all labelled images' })),
      make('h2', { text: 'Proposals' }),
      ...(run.has_paths ? labellable(next.images, 'images to label', (item) => item.name)
        : [make('p', { class: 'missing', text: 'The run does not name its images (images.csv is missing), so they cannot be labelled.' })]),
    ];
  };

  // What was labelled, to look through and to correct.
  let labelledPage = 0;
  const labelledView = async () => {
    const [found] = await Promise.all([ask('api/labels?page=' + labelledPage), loadLabels()]);
    if (labelledPage > 0 && labelledPage >= found.pages) { labelledPage = 0; return labelledView(); }
    const turn = (by) => make('button', { class: 'tool', type: 'button', text: by < 0 ? '← Earlier' : 'Later →',
      disabled: by < 0 ? found.page === 0 : found.page + 1 >= found.pages, onclick: () => { labelledPage += by; show(); } });
    return [
      make('p', {}, make('a', { href: '#/label', text: '← what to label next' })),
      heading('Labelled images'),
      make('p', { class: 'lead', text: plural(found.total, 'image') + ' of this run, by label. Tick images to change or remove their labels.'
        + (found.elsewhere ? ' labels.csv has ' + plural(found.elsewhere, 'more label') + ' for images that this run does not show.' : '') }),
      ...labellable(found.images, 'labelled images', (item) => item.title.split('/').pop()),
      found.pages > 1 && make('nav', { class: 'pager', 'aria-label': 'Pages' }, turn(-1), 'page ' + (found.page + 1) + ' of ' + found.pages, turn(1)),
    ];
  };

  // === Which view ===

  const views = [[/^#\/class\/(\w+)$/, classView], [/^#\/image\/(\d+)$/, imageView], [/^#\/map$/, mapView], [/^#\/search$/, searchView], [/^#\/label$/, labelView], [/^#\/labelled$/, labelledView], [/^/, classesView]];
  let turn = 0;
  const show = async (moved = true) => {
    const mine = ++turn;
    letGo?.();
    letGo = null;
    const [pattern, view] = views.find(([candidate]) => candidate.test(location.hash));
    let nodes;
    try {
      nodes = await view(...pattern.exec(location.hash).slice(1));
    } catch (error) {
      nodes = [heading('This cannot be shown'), make('p', { class: 'missing', text: error.message }), make('p', {}, make('a', { href: '#/classes', text: 'All classes' }))];
    }
    if (mine !== turn) return;
    main.replaceChildren(...nodes.filter(Boolean));
    for (const link of document.querySelectorAll('.bar nav a')) {
      const here = view === { '#/classes': classesView, '#/map': mapView, '#/search': searchView, '#/label': labelView }[link.hash];
      link.classList.toggle('here', here);
      if (here) link.setAttribute('aria-current', 'page'); else link.removeAttribute('aria-current');
    }
    if (moved) {
      scrollTo(0, 0);
      main.querySelector('h1')?.focus({ preventScroll: true });
    }
    main.dataset.shown = location.hash || '#/classes';
    main.dataset.turn = turn;
  };
  addEventListener('hashchange', () => { quiet(); show(); });
  show();
})();
