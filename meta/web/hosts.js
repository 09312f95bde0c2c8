'use strict';
// The list of hosts: pages of 50, and filters, which the address keeps: #hosts?prefix=lg-&agent=falcon-agent&status=stopped
// app.js calls showHosts() at each refresh.

const hostsPerPage = 50;
const filters = ['prefix', 'agent', 'version', 'status', 'phase']; // keys of /status/hosts
const filtersOfAgent = ['version', 'status', 'phase'];
const field = (key) => $('by-' + key);
const list = {from: '', before: [], next: undefined, only: undefined};

/// The filters that are set. Those of an agent count only with an agent.
function filter() {
  const set = filters.map((key) => [key, field(key).value.trim()]).filter(([, value]) => value !== '');
  return Object.fromEntries(field('agent').value ? set : set.filter(([key]) => !filtersOfAgent.includes(key)));
}

async function showHosts(isCurrent) {
  for (const key of filtersOfAgent) field(key).disabled = field('agent').value === '';
  let page;
  try {
    page = await fetchJson('status/hosts?' + new URLSearchParams({...filter(), from: list.from, limit: hostsPerPage}));
  } catch (error) {
    if (isCurrent()) fill($('shown'), el('span', {class: 'bad'}, 'The list is outdated: ' + reason(error)));
    return;
  }
  if (!isCurrent()) return;
  const table = document.querySelector('#hosts table');
  updateChildren(table, [...table.querySelectorAll('thead'), ...page.hosts.map(hostRows)]);
  list.next = page.next;
  list.only = page.hosts.length === 1 ? page.hosts[0].hostname : undefined;
  fill($('shown'), page.hosts.length > 0 ? `Page ${list.before.length + 1}: ${hosts(page.hosts.length)}` : emptyList());
  for (const id of ['first', 'back']) $(id).setAttribute('aria-disabled', list.before.length === 0);
  $('next').setAttribute('aria-disabled', list.next === undefined);
}

function emptyList() {
  const {prefix, ...more} = filter();
  if (Object.keys(more).length > 0) return 'No host matches these filters';
  if (prefix) return `No host's name begins with \u201c${prefix}\u201d`;
  return list.from ? 'No more hosts' : firstStep();
}

function firstStep() {
  const isSafe = location.protocol === 'https:';
  const server = `${isSafe ? 'https://' : ''}${location.hostname}:${location.port || (isSafe ? 443 : 80)}`;
  return `No host has reported yet. Start ops-updater on a host with "server": "${server}"; it reports within 5 s.`;
}

function hostRows(host) {
  const agents = host.agents?.length > 0 ? host.agents : [null];
  const rowspan = agents.length;
  return el('tbody', {'data-key': host.hostname}, agents.map((agent, i) => el('tr', {},
    i === 0 && [el('th', {scope: 'rowgroup', rowspan}, linkTo(host.hostname)), el('td', {rowspan, class: 'heard dim'}, ago(host.heardAt))],
    agent ? agentCells(agent) : el('td', {colspan: 4, class: 'none dim'}, 'no agents'))));
}

function agentCells(agent) {
  const kind = (agent.status === 'started' ? '' : ' warn') + (agent.status?.length > 20 ? ' long' : '');
  return [el('td', {class: 'name'}, agent.name), el('td', {class: 'name'}, agent.version),
    el('td', {class: 'said' + kind}, agent.status ?? 'not installed'),
    el('td', {class: 'update'}, agent.update && updateText(agent.update))];
}


// ---- Filters.

function showFiltersInAddress() {
  const set = new URLSearchParams(filter()).toString();
  history.replaceState(null, '', set ? '#hosts?' + set : location.pathname + location.search);
}

/// Takes the filters from the address if it has any.
function readFilters() {
  if (location.hash === '') return showFiltersInAddress();
  if (!location.hash.startsWith('#hosts?')) return;
  const set = new URLSearchParams(location.hash.slice(7));
  offerAgents([], set.get('agent') ?? '');
  for (const key of filters) field(key).value = set.get(key) ?? '';
  Object.assign(list, {from: '', before: []});
}

function showPage(from, before) {
  Object.assign(list, {from, before});
  refresh();
}

let typing;
$('filters').addEventListener('input', () => {
  clearTimeout(typing);
  typing = setTimeout(() => {
    showFiltersInAddress();
    showPage('', []);
  }, 150);
});
$('filters').addEventListener('submit', (event) => {
  event.preventDefault();
  if (list.only !== undefined) location.hash = 'host/' + encodeURIComponent(list.only);
});
$('first').addEventListener('click', () => list.before.length > 0 && showPage('', []));
$('back').addEventListener('click', () => list.before.length > 0 && showPage(list.before.at(-1), list.before.slice(0, -1)));
$('next').addEventListener('click', () => list.next !== undefined && showPage(list.next, [...list.before, list.from]));
