'use strict';
// The history: the last events, the newest first, of all agents or of one. app.js calls it at each refresh.

const eventsShown = 100;

async function showEvents(isCurrent) {
  let found;
  const agent = $('of-agent').value;
  try {
    found = await fetchJson('events?' + new URLSearchParams({agent, limit: eventsShown}));
  } catch (error) {
    if (isCurrent()) fill($('events'), el('li', {'data-key': 'error', class: 'bad'}, 'The history is outdated: ' + reason(error)));
    return;
  }
  if (!isCurrent()) return;
  fill($('events'), found.events.reverse().map(eventItem),
    found.events.length === 0 && el('li', {class: 'dim', 'data-key': 'none'}, 'No event yet.'));
}

const badEvents = ['halt', 'halt-by-hand', 'failure', 'reload-failed'];

const eventItem = ({id, time, kind, text, by}) => el('li', {'data-key': id},
  el('time', {class: 'dim', datetime: new Date(time * 1000).toISOString()}, date(time)),
  el('span', {class: badEvents.includes(kind) ? 'bad' : ''}, kind),
  el('span', {class: 'said'}, text, by && el('span', {class: 'dim'}, ` (${by})`)));

// Keeps the chosen agents, also when they are gone from the fleet.
function offerAgents(agents, more = '') {
  for (const [id, all] of [['of-agent', 'all'], ['by-agent', 'any']]) {
    const chosen = $(id).value;
    const names = new Set(['', ...agents, chosen, more]);
    fill($(id), [...names].map((name) => el('option', {value: name, 'data-key': name}, name || all)));
    $(id).value = chosen;
  }
}

$('of-agent').addEventListener('change', () => refresh());
