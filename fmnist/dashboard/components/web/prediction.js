// A prediction: a sentence, and a bar for each class. Created once and then changed in place, so
// that nothing flickers while somebody draws.
const PATIENCE = 5000; // ms in which the page takes its new shape
const ACTS = ["wheel", "touchstart", "pointerdown", "keydown"];

// A new sheet was started farther down the page: scroll back to the prediction. What lies above it
// changes its height when a picture takes the place of the canvas, and again when Streamlit removes
// what was there, so the place is looked for anew until the person does something else.
const scrollBack = (root) => {
  const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const observer = new ResizeObserver(() => {
    const isBeside = root.getBoundingClientRect().left > root.clientWidth;
    root.querySelector(".note").scrollIntoView({
      block: isBeside ? "center" : "end",
      behavior: isCalm ? "auto" : "smooth",
    });
  });
  observer.observe(root.getRootNode().host.closest(".st-key-draw-sketchpad")); // and at once
  const stop = () => {
    observer.disconnect();
    clearTimeout(timer);
    for (const act of ACTS) removeEventListener(act, stop, true);
  };
  const timer = setTimeout(stop, PATIENCE);
  for (const act of ACTS) addEventListener(act, stop, { capture: true, passive: true });
};

export default function (component) {
  const { data, parentElement } = component;
  const root = parentElement.querySelector(".prediction");
  const bars = root.querySelector(".bars");

  const createRow = (row) => {
    const line = document.createElement("div");
    line.className = "row";
    line.innerHTML =
      '<span class="name"></span><span class="track"><span class="bar"></span>' +
      '<span class="before"></span></span><span class="value"></span><span class="change"></span>';
    line.querySelector(".name").textContent = line.querySelector(".name").title = row.name;
    line.dataset.name = row.name;
    line.querySelector(".bar").style.background = row.color;
    return line;
  };

  const write = (element, text) => {
    if (element.textContent !== text) element.textContent = text;
  };

  // another model may have classes of its own
  const isKnown = (row, number) => bars.children[number]?.dataset.name === row.name;
  if (bars.children.length !== data.rows.length || !data.rows.every(isKnown))
    bars.replaceChildren(...data.rows.map(createRow));
  data.rows.forEach((row, number) => {
    const line = bars.children[number];
    line.classList.toggle("first", row.first);
    line.querySelector(".bar").style.width = `${100 * row.probability}%`;
    write(line.querySelector(".value"), row.text);
    write(line.querySelector(".change"), row.change);
    const before = line.querySelector(".before");
    before.style.display = row.before == null ? "none" : "block";
    if (row.before != null) before.style.left = `${100 * row.before}%`;
  });
  const isNew = root.dataset.sheet !== undefined && Number(root.dataset.sheet) !== data.sheet;
  root.dataset.sheet = data.sheet;
  if (isNew) scrollBack(root);
  bars.setAttribute("aria-label", data.alt);
  root.dataset.tone = data.tone;
  root.dataset.event = data.event;
  root.dataset.growing = data.growing;
  root.dataset.tool = data.tool;
  root.classList.toggle("compared", data.rows.some((row) => row.before != null));
  write(root.querySelector(".model"), data.model);
  write(root.querySelector(".headline"), data.headline);
  write(root.querySelector(".note"), data.note);
}
