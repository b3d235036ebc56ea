// A layer's numbers as one picture: hover tells a unit's value, a click or Enter picks it, arrow
// keys move the mark.
export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const field = parentElement.querySelector(".field");
  const canvas = field.querySelector("canvas");
  const mark = field.querySelector(".mark");
  const told = parentElement.querySelector(".told");
  const { rows, columns, count, names, frame } = data;
  const decode = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const colors = decode(data.pixels);
  const values = new Float32Array(decode(data.values).buffer);

  canvas.width = columns;
  canvas.height = rows;
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  for (let i = 0; i < count; i++) {
    image.data.set([colors[3 * i], colors[3 * i + 1], colors[3 * i + 2], 255], 4 * i);
  }
  context.putImageData(image, 0, 0);
  field.style.setProperty("--wide", `${data.width}px`);
  field.setAttribute("aria-label", data.label);
  field.disabled = data.marked == null;

  const place = (top, left, height, width) => {
    mark.style.top = `${(100 * top) / rows}%`;
    mark.style.left = `${(100 * left) / columns}%`;
    mark.style.height = `${(100 * height) / rows}%`;
    mark.style.width = `${(100 * width) / columns}%`;
  };
  const describe = (unit) => {
    const row = Math.floor(unit / columns);
    const name = names
      ? names[unit]
      : data.flat
        ? `unit ${unit}`
        : `row ${row}, column ${unit % columns}`;
    return `${name}: ${Number(values[unit].toPrecision(4))}`;
  };
  const tell = (text) => {
    if (told.textContent !== text) told.textContent = text;
  };
  let at = data.marked;
  const show = () => {
    mark.style.display = at == null && !frame ? "none" : "block";
    if (frame) place(...frame);
    else if (at != null) place(Math.floor(at / columns), at % columns, 1, 1);
    tell(at == null ? "" : describe(at));
  };
  show();

  const unitAt = (event) => {
    const box = canvas.getBoundingClientRect();
    const row = Math.floor(((event.clientY - box.top) / box.height) * rows);
    const column = Math.floor(((event.clientX - box.left) / box.width) * columns);
    const unit = row * columns + column;
    const inside = row >= 0 && row < rows && column >= 0 && column < columns && unit < count;
    return inside ? unit : null;
  };
  const pick = (unit) => {
    at = unit;
    show();
    setTriggerValue("picked", unit);
  };
  field.onpointermove = (event) => {
    const unit = unitAt(event);
    if (unit != null) tell(describe(unit));
  };
  field.onpointerleave = show;
  field.onclick = (event) => {
    const unit = event.detail === 0 ? at : unitAt(event); // a key makes a click without a place
    if (unit != null) pick(unit);
  };
  field.onkeydown = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
    if (!step || at == null) return;
    event.preventDefault();
    event.stopPropagation();
    if (at + step < 0 || at + step >= count) return;
    at += step;
    show();
  };
}
