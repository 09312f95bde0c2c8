'use strict';
// What a picture shows: the samples of /history and the marks of /events. app.js calls showPictures() at each refresh, and
// drawing.js makes the SVG.

const picturesPause = 9000; // ms; ops-meta samples every 10 s
const agentsDrawn = 12;
const rowsOfTable = 48;
const marksDrawn = {reload: 'reload', halt: 'halt', 'halt-by-hand': 'halt', continue: 'go', 'resume-by-hand': 'go', begin: 'go', end: 'go'};

const pictures = {asked: 0, hours: '', drawn: [], cursors: new Map()};

async function showPictures(isCurrent) {
  const hours = $('hours').value;
  if (pictures.hours === hours && Date.now() - pictures.asked < picturesPause) return;
  try {
    const fleet = await fetchJson('history?' + new URLSearchParams({hours}));
    const agents = await Promise.all(fleet.agents.slice(0, agentsDrawn).map(async (agent) => ({
      samples: await fetchJson('history?' + new URLSearchParams({agent, hours})),
      events: (await fetchJson('events?' + new URLSearchParams({agent, limit: 1000}))).events,
    })));
    if (!isCurrent()) return;
    Object.assign(pictures, {asked: Date.now(), hours, drawn: [...agents.map(pictureOfAgent), pictureOfFleet(fleet)]});
    fill($('pictures-note'), fleet.agents.length > agentsDrawn &&
      el('span', {class: 'dim'}, `The first ${agentsDrawn} of ${count(fleet.agents.length)} agents. `));
    fill($('pictures-trouble'));
  } catch (error) {
    if (isCurrent()) fill($('pictures-trouble'), el('span', {class: 'bad'}, 'The pictures are outdated: ' + reason(error)));
    return;
  }
  drawPictures();
}

const drawPictures = () => fill($('pictures'), pictures.drawn.map(figure));

// Newer versions come first.
const byVersion = ([a], [b]) => b.localeCompare(a, 'en', {numeric: true});
const sum = (numbers) => numbers.reduce((all, number) => all + number, 0);
const at = (figures, i) => figures[i] ?? 0;

/// A picture is {key, title, times, panels: [{title, kind, high, series: [{name, color, figures}]}], marks}. The panels stand
/// one above the other.
function pictureOfAgent({samples, events}) {
  const versions = Object.entries(samples.versions).sort(byVersion);
  const first = Math.max(0, samples.times.findIndex((_, i) => versions.some(([, of]) => of.hosts[i] !== null)));
  const times = samples.times.slice(first);
  const shown = versions.filter(([, of]) => of.hosts.some((number) => number > 0) || of.failed.some((number) => number > 0));
  const series = shown.map(([name, of], i) =>
    ({name, isVersion: true, color: 'v' + (shown.length - 1 - i) % 8, figures: of.hosts.slice(first)}));
  const failed = times.map((_, i) => sum(versions.map(([, of]) => at(of.failed, first + i))));
  const marks = events.filter(({kind, time}) => marksDrawn[kind] && time >= times[0])
    .map(({kind, time, text}) => ({kind: marksDrawn[kind], time, text}));
  return {key: 'agent ' + samples.agent, title: samples.agent, times, marks, panels: [
    {title: 'Failed', high: 44, series: [{name: 'failed', color: 'vbad', figures: failed}]},
    {title: 'Hosts on each version', high: 130, series}]};
}

function pictureOfFleet({fleet}) {
  return {key: 'fleet', title: 'Fleet', times: fleet.times, marks: [], panels: [
    {title: 'Heartbeats a minute', high: 80, series: [{name: 'heartbeats a minute', color: 'v1', figures: fleet.heartbeats}]},
    {title: 'Silent hosts', high: 56, series: [{name: 'silent hosts', color: 'vbad', figures: fleet.silent}]}],
    more: [{name: 'hosts', figures: fleet.hosts}]};
}

function figure(picture) {
  const all = [...picture.panels.flatMap(({series}) => series), ...picture.more ?? []];
  if (picture.times.length < 2) {
    return el('figure', {class: 'panel', 'data-key': picture.key}, el('h3', {}, picture.title),
      el('p', {class: 'dim'}, 'ops-meta has begun to sample. The picture begins within 20 s.'));
  }
  const i = cursorOf(picture);
  return el('figure', {class: 'panel', 'data-key': picture.key, 'aria-label': picture.title},
    el('h3', {}, picture.title),
    el('ul', {class: 'counts'}, all.map(({name, isVersion, color, figures}) => el('li', {'data-key': name},
      color && el('i', {class: color}), el('span', {class: isVersion && 'name'}, name), ' ', count(at(figures, i)))),
      el('li', {class: 'dim', 'data-key': 'time'}, date(picture.times[i]))),
    drawing(picture, i, Math.max(240, $('pictures').clientWidth - 26)),
    picture.marks.length > 0 && el('p', {class: 'dim legend'}, el('i', {class: 'mark reload'}), 'reload of cfg.json ',
      el('i', {class: 'mark halt'}), 'halt ', el('i', {class: 'mark go'}), 'begin, continuation or end of a rollout'),
    el('details', {'data-key': 'table'}, el('summary', {}, 'Table'), table(picture, all),
      picture.marks.length > 0 && el('ol', {class: 'marks'}, picture.marks.map(({time, text}) =>
        el('li', {}, el('time', {class: 'dim'}, date(time)), ' ', el('span', {class: 'said'}, text))))));
}

/// The rows are spread evenly over the points. The last point is the first row.
function table({title, times}, all) {
  const step = Math.ceil(times.length / rowsOfTable);
  const rows = times.map((_, i) => i).filter((i) => (times.length - 1 - i) % step === 0).reverse();
  return el('div', {class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Table of ' + title},
    el('table', {'aria-label': title}, el('thead', {}, el('tr', {}, el('th', {scope: 'col'}, 'Time'),
      all.map(({name, isVersion}) => el('th', {scope: 'col', class: isVersion && 'name'}, name)))),
    el('tbody', {}, rows.map((i) => el('tr', {'data-key': times[i]}, el('th', {scope: 'row'}, date(times[i])),
      all.map(({figures}) => el('td', {}, figures[i] === null ? '\u2013' : count(figures[i]))))))));
}

// ---- The cursor: the point whose figures the legend shows, set by the mouse or the arrow keys. Without one, the last point.

function cursorOf({key, times}) {
  const time = pictures.cursors.get(key);
  const i = time === undefined ? -1 : times.findIndex((one) => one >= time);
  return i < 0 ? times.length - 1 : i;
}

function moveCursor(picture, i) {
  const last = picture.times.length - 1;
  if (i >= last) pictures.cursors.delete(picture.key);
  else pictures.cursors.set(picture.key, picture.times[Math.max(0, i)]);
  redraw(picture);
}

function redraw(picture) {
  const shown = [...$('pictures').children].find(({dataset}) => dataset.key === picture.key);
  if (shown) updateNode(shown, figure(picture));
}

const pictureOf = (node) => pictures.drawn.find(({key}) => key === node.closest('figure')?.dataset.key);

$('pictures').addEventListener('keydown', (event) => {
  const picture = event.target.closest('svg') && pictureOf(event.target);
  if (!picture) return;
  const i = cursorOf(picture);
  const jump = Math.max(1, Math.round(picture.times.length / 20));
  const to = {ArrowLeft: i - 1, ArrowRight: i + 1, PageUp: i - jump, PageDown: i + jump, Home: 0, End: picture.times.length}[event.key];
  if (to === undefined) return;
  event.preventDefault();
  moveCursor(picture, to);
});
$('pictures').addEventListener('pointermove', (event) => {
  const svg = event.target.closest('svg');
  const picture = svg && pictureOf(svg);
  if (picture) moveCursor(picture, nearestPoint(picture, event.clientX - svg.getBoundingClientRect().left, svg.clientWidth));
});
$('pictures').addEventListener('pointerleave', () => {
  pictures.cursors.clear();
  drawPictures();
});
$('hours').addEventListener('change', () => refresh());
addEventListener('resize', () => drawPictures());
