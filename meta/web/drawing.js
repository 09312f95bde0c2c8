'use strict';
// Draws a picture of pictures.js as SVG: panels with stacked areas over one axis of time, marks, and the cursor.

const edge = {left: 46, right: 8, gap: 20, bottom: 20}; // px
const ticksOf = [60, 300, 600, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 86400];

function svg(tag, attributes, ...children) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) node.setAttribute(name, value);
  node.append(...present(children));
  return node;
}

const round = (number) => Math.round(number * 10) / 10;

function scaleOf({times}, width) {
  const from = times[0], to = times.at(-1);
  return (time) => round(edge.left + (time - from) / Math.max(1, to - from) * (width - edge.left - edge.right));
}

function nearestPoint(picture, x, width) {
  const scale = scaleOf(picture, width);
  const distance = (i) => Math.abs(scale(picture.times[i]) - x);
  return picture.times.reduce((best, _, i) => distance(i) < distance(best) ? i : best, 0);
}

/// A number with one digit that is not 0, or 15 or 25 and the like: at least `number`.
function roundUp(number) {
  if (number <= 4) return 4;
  const unit = 10 ** Math.floor(Math.log10(number));
  return [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].map((factor) => factor * unit).find((round) => round >= number);
}

/// The points that follow each other without a gap: ops-meta did not run in a gap.
function runs(times) {
  const step = (time) => { const age = times.at(-1) - time; return age < 600 ? 10 : age < 6 * 3600 ? 60 : 600; };
  const all = [[]];
  times.forEach((time, i) => {
    if (i > 0 && time - times[i - 1] > 3 * step(times[i - 1])) all.push([]);
    all.at(-1).push(i);
  });
  return all;
}

function drawing(picture, cursor, width) {
  const {key, title, times, panels, marks} = picture;
  const x = scaleOf(picture, width);
  let y = 0;
  const drawn = panels.map((panel) => {
    y += edge.gap;
    const part = drawPanel(panel, times, x, y, width);
    y += panel.high;
    return part;
  });
  const told = panels.flatMap(({series}) => series.map(({name, figures}) => `${name} ${count(figures[cursor])}`)).join(', ');
  return svg('svg', {class: 'picture', width, height: y + edge.bottom, viewBox: `0 0 ${width} ${y + edge.bottom}`, tabindex: 0,
    role: 'slider', 'aria-label': `${title} over time`, 'aria-valuemin': 0, 'aria-valuemax': times.length - 1, 'aria-valuenow': cursor,
    'aria-valuetext': `${date(times[cursor])}: ${told}`, 'data-key': 'svg ' + key},
  drawn, drawTimes(times, x, y, width),
  marks.map(({kind, time, text}) => svg('line', {class: 'mark ' + kind, x1: x(time), x2: x(time), y1: edge.gap - 8, y2: y},
    svg('title', {}, `${date(time)} ${text}`))),
  svg('line', {class: 'cursor', x1: x(times[cursor]), x2: x(times[cursor]), y1: edge.gap - 8, y2: y}));
}

/// The areas stand one on the other. The first series is at the bottom.
function drawPanel({title, high, series}, times, x, top, width) {
  const totals = times.map((_, i) => sum(series.map(({figures}) => at(figures, i))));
  const most = roundUp(Math.max(...totals));
  const y = (number) => round(top + high - number / most * high);
  const below = times.map(() => 0);
  const areas = series.map(({figures, color}) => {
    const above = below.map((base, i) => base + at(figures, i));
    const path = runs(times).map((run) => 'M' + run.map((i) => `${x(times[i])} ${y(above[i])}`).join('L') + 'L' +
      [...run].reverse().map((i) => `${x(times[i])} ${y(below[i])}`).join('L') + 'Z').join('');
    above.forEach((number, i) => { below[i] = number; });
    return svg('path', {class: 'area ' + color, d: path});
  });
  const line = (number) => [svg('line', {class: 'grid', x1: edge.left, x2: width - edge.right, y1: y(number), y2: y(number)}),
    svg('text', {x: edge.left - 6, y: y(number) + 4, 'text-anchor': 'end'}, short(number))];
  return svg('g', {}, svg('text', {x: edge.left, y: top - 6}, title), areas, (high > 60 ? [0, most / 2, most] : [0, most]).map(line));
}

const short = (number) => number >= 1e6 ? number / 1e6 + ' M' : number >= 1e4 ? number / 1e3 + ' k' : count(number);

function drawTimes(times, x, y, width) {
  const room = Math.max(2, Math.floor((width - edge.left) / 90));
  const step = ticksOf.find((one) => (times.at(-1) - times[0]) / one <= room) ?? 2 * 86400;
  const zone = new Date(times[0] * 1000).getTimezoneOffset() * 60;
  const ticks = [];
  for (let time = Math.ceil((times[0] - zone) / step) * step + zone; time <= times.at(-1); time += step) ticks.push(time);
  const text = (time) => step < 86400 ? clock(time).slice(0, 5) : date(time).slice(5, 10);
  return svg('g', {}, ticks.map((time) => svg('text',
    {x: Math.min(x(time), width - edge.right - 16), y: y + 15, 'text-anchor': x(time) < edge.left + 16 ? 'start' : 'middle'}, text(time))));
}
