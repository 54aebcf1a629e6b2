'use strict';
// What the scripts of both pages share: nodes are made here and nowhere from text, so what comes from files stays text.
const make = (tag, traits = {}, ...inside) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(traits)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (name === 'class') node.className = value;
    else if (name === 'text') node.textContent = value;
    else if (name in node && name !== 'list' && name !== 'form') node[name] = value;
    else node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...inside.filter((part) => part !== undefined && part !== null && part !== false));
  return node;
};
const percent = (value) => (value * 100).toFixed(1) + '\u202f%';
const whole = (number) => number.toLocaleString('en');
const plural = (number, one) => whole(number) + ' ' + one + (number === 1 ? '' : 's');
