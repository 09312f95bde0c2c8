'use strict';
// Fetches the state of the fleet from ops-meta and shows it.

const refreshPause = 3000; // ms
const answerTimeout = 10000; // ms

// ---- Requests to ops-meta.

class BadAnswer extends Error {}

async function fetchJson(path) {
  // The page's URL may hold a password, which fetch refuses: so the URL is built without it.
  const options = {cache: 'no-store', headers: {Accept: 'application/json'}, signal: AbortSignal.timeout(answerTimeout)};
  const reply = await fetch(location.origin + location.pathname + path, options);
  if (reply.ok) return reply.json();
  if (reply.status === 401) throw new BadAnswer('ops-meta requires a password (401): reload this page to enter it');
  throw new BadAnswer(`ops-meta answers ${reply.status}: ${(await reply.text()).trim().slice(0, 300)}`);
}

function reason(error) {
  if (error instanceof BadAnswer) return error.message;
  if (error.name === 'TimeoutError') return `ops-meta does not answer within ${span(answerTimeout / 1000)}`;
  if (error.name === 'SyntaxError') return 'the answer of ops-meta is not JSON';
  return 'ops-meta does not answer';
}

// ---- The fleet.

let answeredAt = null; // when ops-meta last answered, by the browser's clock

async function showSummary(isCurrent) {
  let summary;
  try {
    summary = await fetchJson('status/summary');
  } catch (error) {
    if (isCurrent()) showNoAnswer(reason(error));
    return;
  }
  if (!isCurrent()) return;
  answeredAt = Date.now() / 1000;
  clockOffset = (summary.now ?? answeredAt) - answeredAt;
  fill($('trouble'));
  document.body.classList.remove('old');
  fill($('freshness'), 'as of ' + clock(answeredAt));
  render(summary);
}

function showNoAnswer(why) {
  const old = answeredAt !== null;
  fill($('trouble'), el('p', {}, why, old ? `. This page shows its last answer, of ${date(answeredAt)}.` : '.'));
  document.body.classList.toggle('old', old);
  fill($('freshness'), old && 'outdated: as of ' + clock(answeredAt));
  document.title = 'no answer \u2013 ops-meta';
}

function render(summary) {
  const rollouts = Object.entries(summary.rollouts ?? {});
  const halted = rollouts.flatMap(([agent, versions]) =>
    Object.entries(versions).filter(([, rollout]) => rollout.halted).map(([version]) => `${agent} ${version}`));
  document.title = (halted.length > 0 ? halted.length + ' halted \u2013 ' : '') + 'ops-meta';
  fill($('version'), summary.version);
  fill($('change'), summary.change && changeNotice(summary.change));
  const tile = (title, figure, ...more) => el('div', {}, el('dt', {}, title), el('dd', {}, figure), el('dd', {}, more));
  const {duplicates, heartbeats, oldest, refused, silent} = summary;
  fill($('fleet'),
    tile('Hosts', count(summary.hosts)),
    heartbeats && tile('Heartbeats', count(heartbeats.perSecond) + ' a second', count(heartbeats.total) + ' since the start'),
    silent && tile('Silent', el('span', {class: silent.hosts > 0 ? 'warn' : 'good'}, silent.hosts > 0 ? count(silent.hosts) : 'none'),
      links(silent.examples ?? []), silent.hosts > silent.examples?.length && ' \u2026'),
    duplicates?.hosts > 0 && tile('Two machines, one name', el('span', {class: 'warn'}, count(duplicates.hosts)),
      links(duplicates.examples ?? []), duplicates.hosts > duplicates.examples?.length && ' \u2026'),
    refused && tile('Refused', el('span', {class: refused.peers > 0 ? 'warn' : 'good'}, refused.peers > 0 ? count(refused.peers) : 'none'),
      refusals(refused)),
    oldest && tile('Longest without a heartbeat', ago(oldest.heardAt), linkTo(oldest.host)),
    tile('Halted', el('span', {class: halted.length > 0 ? 'bad' : 'good'}, halted.length > 0 ? count(halted.length) : 'none'),
      halted.slice(0, 3).join(', '), halted.length > 3 && ' \u2026'));
  const names = new Set([...rollouts.map(([agent]) => agent), ...Object.keys(summary.agents ?? {})]);
  offerAgents([...names]);
  fill($('rollouts'), [...names].map((agent) => agentPanel(agent, ownValue(summary.rollouts, agent), ownValue(summary.agents, agent))),
    names.size === 0 && el('p', {class: 'dim'}, 'There is no agent in cfg.json.'));
}

// A change of cfg.json in the last hour that stops, drops or sets back running agents.
const changeNotice = ({at, effects = []}) => el('div', {},
  el('p', {}, 'The config that is in force since ', date(at), ' affects running agents:'),
  el('ul', {}, effects.map((effect) => el('li', {'data-key': effect, class: 'said'}, effect))));

// The clients whose heartbeats were refused in the last hour.
function refusals({peers, examples = []}) {
  if (peers === 0) return 'heartbeats in the last hour';
  return [examples.map(({peer}, i) => [i > 0 && ', ', el('span', {class: 'name'}, peer)]), peers > examples.length && ' \u2026',
    el('details', {'data-key': 'refused'}, el('summary', {}, 'Why'), examples.map(({peer, at, why}) =>
      el('p', {'data-key': peer}, el('span', {class: 'name'}, peer), ', ', ago(at), ': ', el('span', {class: 'said'}, why))))];
}

function agentPanel(agent, rollouts, installed) {
  const versions = installed?.versions ?? {};
  const wanted = Object.entries(rollouts ?? {}).filter(([, rollout]) =>
    rollout.desired === undefined || rollout.desired + rollout.running + rollout.inflight + rollout.failed > 0 || rollout.halted);
  const shown = new Set(wanted.map(([version]) => version));
  const others = Object.entries(versions).filter(([version, on]) => on.hosts > 0 && !shown.has(version));
  const beyond = others.slice(12).reduce((sum, [, on]) => sum + on.hosts, installed?.others?.hosts ?? 0);
  const also = others.slice(0, 12).map(([version, on]) => [el('span', {class: 'name'}, version), ' on ' + hosts(on.hosts)]);
  if (beyond > 0) also.push('more versions on ' + hosts(beyond));
  return el('article', {class: 'panel', 'data-key': agent, 'aria-label': agent},
    el('h3', {}, agent, !rollouts && el('span', {class: 'dim'}, ' (not in cfg.json)')),
    wanted.map(([version, rollout]) => versionRow(agent, version, rollout, ownValue(versions, version))),
    also.length > 0 && el('p', {class: 'dim'}, wanted.length > 0 ? 'Also installed: ' : 'Installed: ',
      also.map((one, i) => [i > 0 && ' \u00b7 ', one])));
}

function stateOf(rollout) {
  if (rollout.halted) return ['bad', rollout.byHand === 'halted' ? 'HALTED by hand' : 'HALTED'];
  if (rollout.desired === 0) return ['dim', 'assigned to no host'];
  const onHold = rollout.onHold ?? 0;
  if (rollout.running + onHold >= rollout.desired && !rollout.inflight) {
    return ['good', onHold > 0 ? '\u2713 on all hosts that are not held' : '\u2713 on all hosts'];
  }
  if (rollout.inflight > 0 || rollout.held > 0 || rollout.desired === undefined) return ['dim', 'in progress'];
  return ['dim', hosts(rollout.desired - rollout.running - onHold) + ' to go'];
}

function phases(on) {
  const going = Object.entries(on?.updates ?? {}).filter(([phase]) => !['failed', 'rolled-back', 'held'].includes(phase));
  return going.length > 0 ? ` (${going.map(([phase, number]) => `${phase} ${count(number)}`).join(', ')})` : '';
}

function lateNote(trouble, names, rollout) {
  const {hosts: others = 0, troubled = 0} = rollout.control?.[trouble] ?? {};
  return el('p', {class: 'dim', 'data-key': trouble}, `${trouble} later: `, links(names),
    (rollout.late?.[trouble] ?? 0) > names.length && ' \u2026', `; other hosts: ${count(troubled)} of ${count(others)}`);
}

function versionRow(agent, version, rollout, on) {
  const {running = 0, inflight = 0, failed = 0, silent = 0, held = 0, stuck = 0, onHold = 0} = rollout;
  const total = Math.max(rollout.desired ?? 0, running + inflight + failed, 1);
  const rest = Math.max(total - running - inflight - failed, 0);
  const part = (kind, number) => number > 0 && el('i', {class: kind, share: number, 'data-key': kind});
  const failures = silent > 0 ? ` failed (${count(silent)} without a report)` : ' failed';
  const item = (kind, number, text) => number > 0 && el('li', {}, kind && el('i', {class: kind}), count(number) + text);
  const [kind, state] = stateOf(rollout);
  const pace = [];
  if (rollout.perMinute > 0) pace.push(count(Math.round(rollout.perMinute)) + ' a minute');
  if (rollout.secondsLeft > 0) pace.push('about ' + span(rollout.secondsLeft) + ' left');
  return el('div', {class: 'version' + (rollout.desired === 0 ? ' faint' : ''), 'data-key': version},
    el('span', {class: 'what'}, el('span', {class: 'name'}, version), el('span', {class: 'badge ' + kind}, state),
      rollout.byHand === 'resumed' && el('span', {class: 'badge warn'}, 'resumed by hand')),
    el('div', {class: 'bar', role: 'progressbar', 'aria-label': `${agent} ${version}`, 'aria-valuemin': 0, 'aria-valuemax': total,
      'aria-valuenow': running, 'aria-valuetext': `${count(running)} of ${hosts(total)} run it`},
      part('run', running), part('way', inflight), part('failed', failed), part('held', rest)),
    el('span', {class: 'percent'}, percent(running, total)),
    el('div', {class: 'more'},
      el('ul', {class: 'counts'},
        el('li', {}, el('i', {class: 'run'}), `${count(running)} of ${count(rollout.desired ?? total)} run it`),
        item('way', inflight, ' changing to it' + phases(on)), item('', stuck, ' cannot take it'),
        item('failed', failed, failures), item('', rollout.soaking, ' soak'),
        ...Object.entries(rollout.late ?? {}).map(([trouble, number]) => item('failed', number, ` ${trouble} later`)),
        item('held', held, ' waiting for their turn'), item('', rollout.absent, ' without a heartbeat'),
        item('', onHold, ' held by an operator'),
        item('', on?.stopped, ' stopped'), item('', on?.other, ' in another status'),
        pace.length > 0 && el('li', {class: 'dim'}, pace.join(', '))),
      rollout.halted && haltNotes(agent, version, rollout),
      !rollout.halted && rollout.waits && el('p', {class: 'dim'}, 'Waits: ', rollout.waits),
      Object.entries(rollout.lateHosts ?? {}).map(([trouble, names]) => names.length > 0 && lateNote(trouble, names, rollout)),
      (rollout.errors ?? []).map((error) => el('details', {'data-key': error.error},
        el('summary', {}, hosts(error.hosts) + ': ', el('span', {class: 'said'}, error.error)),
        el('p', {}, links(error.examples ?? []), error.hosts > error.examples?.length && ' \u2026')))));
}

// ---- One host.

async function showHost(name, isCurrent) {
  fill($('detail-title'), name);
  const path = encodeURIComponent(name);
  let host, explanation;
  try {
    [host, explanation] = await Promise.all([fetchJson('status/host/' + path), fetchJson(`explain/${path}?format=json`)]);
  } catch (error) {
    if (isCurrent()) fill($('host'), el('p', {class: 'bad'}, reason(error)));
    return;
  }
  if (!isCurrent()) return;
  fill($('host'), el('dl', {}, entry('Heartbeat', ago(host.heardAt), ', ' + date(host.heardAt)),
    host.duplicate && entry('Name', el('span', {class: 'warn'}, 'two machines send heartbeats under this name')),
    entry('Updater', host.updaterVersion || 'Go original', host.platform && ', ' + host.platform)),
    el('table', {'aria-label': 'Agents of ' + name},
      el('thead', {}, el('tr', {}, ['Agent', 'Version', 'Status', 'Update'].map((title) =>
        el('th', {scope: 'col', class: title === 'Update' && 'wide'}, title)))),
      el('tbody', {}, host.agents.map((agent) => el('tr', {'data-key': agent.name}, agentCells(agent))))));
  fill($('explanation'), explanation.agents.map(explainAgent),
    explanation.others.map((agent) => el('p', {class: 'dim'}, agent, ': not in cfg.json, so ops-meta does not manage it')));
}

const entry = (title, ...text) => [el('dt', {}, title), el('dd', {}, text)];

function explainAgent({name, version, cmd, lines, told, why}) {
  return el('article', {class: 'panel', 'data-key': name, 'aria-label': name},
    el('h3', {}, name),
    el('dl', {}, entry('Assigned', el('span', {class: 'name'}, version), ', ', cmd || 'left alone'),
      entry('From cfg.json', lines.map((line) => el('div', {class: 'name dim'}, line))),
      entry('Sent to the host', el('span', {class: 'name'}, told || 'nothing'), ': ', why)));
}

// ---- Refreshes.

let refreshes = 0;
let timer;

/// Fetches and shows all that is in view, now and after each pause. Drops an answer that arrives after a newer refresh began.
async function refresh() {
  clearTimeout(timer);
  const number = ++refreshes;
  const isCurrent = () => number === refreshes;
  const host = hostInHash();
  try {
    await Promise.all([showSummary(isCurrent), ...host === null ? [showHosts(isCurrent), showEvents(isCurrent), showPictures(isCurrent)] : [showHost(host, isCurrent)]]);
  } finally {
    if (isCurrent() && !document.hidden) timer = setTimeout(refresh, refreshPause);
  }
}

function hostInHash() {
  try {
    return location.hash.startsWith('#host/') ? decodeURIComponent(location.hash.slice(6)) : null;
  } catch {
    return null;
  }
}

function enter() {
  const host = hostInHash();
  if (host === null) readFilters();
  $('overview').hidden = host !== null;
  $('detail').hidden = host === null;
  fill($('host'));
  fill($('explanation'));
  refresh();
  if (host !== null) $('detail-title').focus();
}

addEventListener('hashchange', enter);
document.addEventListener('visibilitychange', () => document.hidden ? clearTimeout(timer) : refresh());
enter();
