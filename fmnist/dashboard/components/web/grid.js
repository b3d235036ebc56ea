// A wall of small images; a click, Enter or Space picks one, arrow keys move between them.
export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const wall = parentElement.querySelector(".wall");
  const { tiles, pixels, width, shape } = data;
  const bytes = pixels ? Uint8Array.from(atob(pixels), (c) => c.charCodeAt(0)) : null;
  const [rows, columns, depth] = shape; // depth 1 is gray, 3 is red, green and blue

  const draw = (canvas, number) => {
    const context = canvas.getContext("2d");
    const image = context.createImageData(columns, rows);
    const size = rows * columns;
    for (let i = 0; i < size; i++) {
      const at = depth * (number * size + i);
      image.data.set([bytes[at], bytes[at + (depth > 1)], bytes[at + 2 * (depth > 1)], 255], 4 * i);
    }
    context.putImageData(image, 0, 0);
  };

  const make = (tile, number) => {
    const button = document.createElement("button");
    button.className = "tile" + (tile.tone ? ` ${tile.tone}` : "");
    button.dataset.id = tile.id;
    button.setAttribute("aria-label", tile.alt);
    button.title = tile.alt;
    button.tabIndex = tile.id === data.marked || (number === 0 && data.marked == null) ? 0 : -1;
    if (tile.id === data.marked) button.setAttribute("aria-current", "true");
    if (tile.selected != null) button.setAttribute("aria-pressed", String(tile.selected));
    if (bytes) {
      const canvas = document.createElement("canvas");
      canvas.width = columns;
      canvas.height = rows;
      draw(canvas, number);
      button.append(canvas);
    } else {
      const blank = document.createElement("span");
      blank.className = "blank";
      blank.textContent = `#${tile.id}`;
      button.append(blank);
    }
    for (const line of tile.lines) {
      const span = document.createElement("span");
      span.className = "line";
      span.textContent = line;
      button.append(span);
    }
    return button;
  };

  // focus outlives the redraw, so that a person can go on with the keyboard
  const focused = wall.getRootNode().activeElement?.dataset?.id;

  wall.style.setProperty("--tile", `${width}px`);
  wall.replaceChildren(...tiles.map(make));
  const current = [...wall.children].find((tile) => tile.dataset.id === focused);
  if (current) {
    for (const tile of wall.children) tile.tabIndex = tile === current ? 0 : -1;
    current.focus({ preventScroll: true });
  }
  wall.setAttribute("aria-label", data.label);

  wall.onclick = (event) => {
    const tile = event.target.closest(".tile");
    if (tile) setTriggerValue("picked", Number(tile.dataset.id));
  };
  wall.onkeydown = (event) => {
    const all = [...wall.children];
    const at = all.indexOf(event.target.closest(".tile"));
    if (at < 0) return;
    const top = all[0].offsetTop;
    const below = all.findIndex((tile) => tile.offsetTop > top);
    const across = below < 0 ? all.length : below;
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across }[event.key];
    const to = { Home: 0, End: all.length - 1 }[event.key] ?? (step ? at + step : undefined);
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    if (!all[to]) return;
    all[at].tabIndex = -1;
    all[to].tabIndex = 0;
    all[to].focus();
  };
}
