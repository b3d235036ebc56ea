// Notifications of the browser when a training ends. One component shows the switch, another one on
// every page compares what the server says with what this browser has seen before. What it has seen
// is kept in the browser, for all its tabs and over a reload, so that each end is told once.
const SWITCH = "fmnist-notify";
const WATCHED = "fmnist-watched";
const MOST = 50;

const fetchFrom = (key) => {
  try {
    return localStorage.getItem(key);
  } catch {
    return null; // site data are blocked
  }
};

const keep = (key, value) => {
  try {
    localStorage.setItem(key, value);
    return true;
  } catch {
    return false;
  }
};

const readWatched = () => {
  try {
    return Object.entries(JSON.parse(fetchFrom(WATCHED)) ?? {});
  } catch {
    return []; // damaged
  }
};

// Why this browser can notify of nothing, whatever the person allows.
const obstacle = () => {
  if (!window.isSecureContext)
    return (
      "The browser shows notifications only for https:// and for localhost: open this app by such " +
      "an address, or use a webhook."
    );
  if (!("Notification" in window) || /Android/.test(navigator.userAgent))
    return "This browser shows no notifications of web pages: use another one, or a webhook.";
  if (Notification.permission === "denied")
    return (
      "The browser blocks notifications of this page: allow them in its site settings, left of the " +
      "address, and turn this on again."
    );
  return "";
};

const isOn = () => fetchFrom(SWITCH) === "on" && !obstacle() && Notification.permission === "granted";

const notify = ({ key, title, body }) => {
  const shown = new Notification(title, { body, tag: key, renotify: true });
  shown.onclick = () => {
    window.focus();
    shown.close();
  };
};

// Two tabs must not tell the same end.
const alone = (task) => (navigator.locks ? navigator.locks.request(WATCHED, task) : task());

const compare = ({ entries, asked }, ask) => {
  const watched = new Map(isOn() ? readWatched() : []);
  const ended = [];
  if (isOn())
    for (const entry of entries) {
      const before = watched.get(entry.key);
      const goesOn = entry.state === "running" || entry.state === "paused";
      if (before && entry.state !== before && entry.state !== "running" && entry.state !== "gone")
        ended.push(entry);
      if (!goesOn) watched.delete(entry.key);
      else if (before || entry.opened) watched.set(entry.key, entry.state);
    }
  const kept = [...watched].slice(-MOST);
  keep(WATCHED, JSON.stringify(Object.fromEntries(kept)));
  ended.forEach(notify);
  // what the server does not speak of by itself, such as what was opened before a reload
  const keys = kept.map(([key]) => key);
  const told = new Set(entries.map((entry) => entry.key));
  if (keys.some((key) => !told.has(key)) || asked.some((key) => !watched.has(key))) ask(keys);
};

const drawSwitch = (root, label) => {
  const input = root.querySelector("input");
  const told = root.querySelector(".told");
  let problem = "";
  const draw = () => {
    problem = obstacle() || problem;
    root.querySelector("span").textContent = label;
    input.checked = isOn();
    told.textContent = problem;
    told.classList.toggle("problem", Boolean(problem));
  };
  input.onchange = async () => {
    const wanted = input.checked;
    problem = "";
    if (wanted && !obstacle() && Notification.permission === "default")
      await Notification.requestPermission();
    if (wanted && !obstacle() && Notification.permission !== "granted")
      problem = "The browser was given no permission: turn this on again, and choose Allow.";
    if (!keep(SWITCH, wanted && !obstacle() && !problem ? "on" : "off"))
      problem = "The browser keeps no data of this page: allow them in its site settings.";
    draw();
    watchers.forEach(look);
  };
  draw();
};

const watchers = new Map(); // component by its element

const look = ({ data, setStateValue }) =>
  alone(() => compare(data, (keys) => setStateValue("watched", keys)));

export default function (component) {
  const { data, parentElement } = component;
  const root = parentElement.querySelector(".notices");
  if (data.label) {
    root.hidden = false;
    drawSwitch(root, data.label);
    return;
  }
  watchers.set(parentElement, component);
  look(component);
  return () => watchers.delete(parentElement);
}
