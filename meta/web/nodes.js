'use strict';
// Builds the nodes of the page and formats values for them. app.js uses it.
//
// Hosts may report hostile text. The page shows it in text nodes and attributes only, never as markup. The page's
// Content-Security-Policy makes the browser refuse markup as well.

const $ = (id) => document.getElementById(id);

// ---- Nodes. Each refresh builds new nodes, and `fill` changes the shown nodes only where they differ. So the focus, the
// selection, open details and moving bars survive a refresh.

function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === 'share') node.style.flexGrow = value;
    else if (value !== undefined && value !== false) node.setAttribute(name, value);
  }
  node.append(...present(children));
  return node;
}

const present = (children) => children.flat(Infinity).filter((child) => child || child === 0);

function fill(parent, ...children) {
  const scratch = document.createElement('div');
  scratch.append(...present(children));
  updateChildren(parent, [...scratch.childNodes]);
}

// An agent or a version may be named "constructor".
const ownValue = (object, key) => Object.hasOwn(object ?? {}, key) ? object[key] : undefined;

const keyOf = (node) => node?.dataset?.key;

function updateChildren(parent, wanted) {
  const keyed = new Map([...parent.children].map((child) => [keyOf(child), child]));
  wanted.forEach((fresh, i) => {
    const at = parent.childNodes[i];
    const key = keyOf(fresh);
    const old = key === undefined ? at : keyed.get(key);
    if (!old || old.nodeName !== fresh.nodeName || keyOf(old) !== key) return parent.insertBefore(fresh, at ?? null);
    if (old !== at) parent.insertBefore(old, at);
    updateNode(old, fresh);
  });
  while (parent.childNodes.length > wanted.length) parent.lastChild.remove();
}

function updateNode(old, fresh) {
  if (old === fresh) return;
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  for (const {name} of [...old.attributes]) {
    if (name !== 'open' && name !== 'style' && !fresh.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const {name, value} of fresh.attributes) {
    if (name !== 'style' && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  old.style.flexGrow = fresh.style.flexGrow;
  updateChildren(old, [...fresh.childNodes]);
}

// ---- Text.

const count = (number) => Number(number ?? 0).toLocaleString('en');
const hosts = (number) => count(number) + (number === 1 ? ' host' : ' hosts');
const percent = (part, whole) => (Math.floor(1000 * part / whole) / 10).toFixed(1).replace('.0', '') + ' %';
const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString('sv');
const date = (seconds) => new Date(seconds * 1000).toLocaleString('sv');
const span = (seconds) => {
  if (seconds < 100) return Math.max(0, Math.round(seconds)) + ' s';
  if (seconds < 6000) return Math.round(seconds / 60) + ' min';
  if (seconds < 48 * 3600) return Math.round(seconds / 3600) + ' h';
  return Math.round(seconds / 86400) + ' days';
};
const isTime = (seconds) => Math.abs(seconds) < 8e12; // toISOString throws beyond; a host may report any number
const ago = (seconds) => isTime(seconds) ?
  el('time', {datetime: new Date(seconds * 1000).toISOString(), title: date(seconds)}, span(now() - seconds), ' ago') : `at ${seconds}`;
const linkTo = (host) => el('a', {href: '#host/' + encodeURIComponent(host), class: 'name'}, host);
const links = (names) => names.map((name, i) => [i > 0 && ', ', linkTo(name)]);

function updateText(update) {
  const isBad = update.phase === 'failed' || update.phase === 'rolled-back';
  const of = update.total > 0 ? ` ${Math.floor(100 * update.done / update.total)} % of ${(update.total / 1e6).toFixed(1)} MB` : '';
  return [el('span', {class: isBad ? 'bad' : ''}, isBad && '\u2715 ', update.phase, ' ', el('span', {class: 'name'}, update.version)),
    of, update.attempts > 1 && `, attempt ${count(update.attempts)}`, update.since > 0 && [', ', ago(update.since)],
    update.error && el('div', {class: 'said dim'}, update.error)];
}

// A halted rollout: why, since when, the hosts that failed, and the ways out.
const haltNotes = (agent, version, {why, haltedSince, failedHosts, failed = 0}) => [
  el('p', {class: 'why'}, 'Halted: ', why, haltedSince && [' (', ago(haltedSince), ')'],
    failed > 0 && failedHosts && [' \u00b7 ', el('a', {href: failedHosts.slice(1)}, 'all hosts that failed')]),
  el('p', {class: 'dim'}, 'To continue: ', el('code', {}, `./control resume ${agent} ${version}`),
    '. To give it up: name another version in cfg.json, then ', el('code', {}, './control reload'), '.')];

let clockOffset = 0; // seconds: ops-meta's clock minus the browser's
const now = () => Date.now() / 1000 + clockOffset;
