// A confusion matrix of buttons: cells, names of rows and of columns can be picked.
export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const table = parentElement.querySelector("table");
  const { classes, cells, markedTrue, markedPredicted } = data;

  const button = (text, label, pressed, where) => {
    const made = document.createElement("button");
    made.textContent = text;
    made.title = label;
    made.setAttribute("aria-label", label);
    made.setAttribute("aria-pressed", String(pressed));
    made.tabIndex = -1;
    made.dataset.where = JSON.stringify(where);
    made.disabled = Boolean(data.still);
    return made;
  };
  const holds = (chosen, label) => chosen.includes(label);
  const wholeRow = markedPredicted.length === 0;
  const wholeColumn = markedTrue.length === 0;

  // focus outlives the redraw, so that a person can go on with the keyboard
  const root = table.getRootNode();
  const focused = root.activeElement?.dataset?.where;

  const head = document.createElement("tr");
  const corner = document.createElement("td");
  corner.className = "corner";
  head.append(corner);
  for (const { label, name } of classes) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.append(
      button(name, `Predicted class ${name}`, wholeColumn && holds(markedPredicted, label), {
        predicted: label,
      })
    );
    head.append(cell);
  }
  const body = classes.map(({ label, name }, i) => {
    const line = document.createElement("tr");
    const first = document.createElement("th");
    first.scope = "row";
    first.append(
      button(name, `True class ${name}`, wholeRow && holds(markedTrue, label), { true: label })
    );
    line.append(first);
    classes.forEach((column, j) => {
      const { text, color, alt } = cells[i][j];
      const cell = document.createElement("td");
      const isMarked = holds(markedTrue, label) && holds(markedPredicted, column.label);
      const made = button(text, alt, isMarked, { true: label, predicted: column.label });
      made.style.background = color;
      cell.append(made);
      line.append(cell);
    });
    return line;
  });
  table.replaceChildren(head, ...body);
  table.setAttribute("aria-label", data.label);

  const all = [...table.querySelectorAll("button")];
  const current = all.find((b) => b.dataset.where === focused);
  const entry = current ?? all.find((b) => b.ariaPressed === "true") ?? all[classes.length + 1];
  entry.tabIndex = 0;
  if (current) current.focus({ preventScroll: true });

  table.onclick = (event) => {
    const made = event.target.closest("button");
    if (made) setTriggerValue("picked", JSON.parse(made.dataset.where));
  };
  table.onkeydown = (event) => {
    const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[
      event.key
    ];
    const cell = event.target.closest("td, th");
    if (!step || !cell) return;
    event.preventDefault();
    event.stopPropagation();
    const line = table.rows[cell.parentElement.rowIndex + step[0]];
    const next = line?.cells[cell.cellIndex + step[1]]?.querySelector("button");
    if (!next) return;
    event.target.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  };
}
