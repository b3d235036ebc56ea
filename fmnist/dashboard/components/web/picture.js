// An uploaded picture, faded where its mask says that nothing is garment. A box, a brush and turns
// correct it, by pointer or by keyboard. Python makes the mask of the steps it is sent
// (`fmnist.sketchpad.mask`); until its answer comes, the picture shows what the step will do.
const editors = new WeakMap();
const FADED = 0.8; // opacity of what lies over the ground
const PAPER = "#b0b0b0"; // below transparent pictures; dark and light ink are seen on it
const OUTLINE = 2; // pixels of the backing canvas
const NEAR = 0.004; // of the longest side; points of a stroke that are closer are one
const TINY = 0.02; // of the sides; a smaller box is a click
const HINTS = {
  box: "Drag a rectangle around the garment. What lies outside is left out.",
  keep: "Paint over parts of the garment that are faded.",
  remove: "Paint over what is no garment.",
};
const BRUSH_KEYS = "Keyboard, on the picture: arrow keys move the brush, Enter paints.";
const KEYS = {
  box: "Keyboard, on the picture: arrow keys move a box, with Shift they resize it. Enter applies it.",
  keep: BRUSH_KEYS,
  remove: BRUSH_KEYS,
};
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const NUDGE = 0.02; // of the sides; how far an arrow key moves
const FIRST_BOX = [[0.2, 0.2], [0.8, 0.8]]; // of the keyboard

const blank = (width, height) => Object.assign(document.createElement("canvas"), { width, height });
const round = (value) => Math.round(value * 1e4) / 1e4;
const within = (value, low, high) => round(Math.min(Math.max(value, low), high));

class Editor {
  constructor(root) {
    this.root = root;
    this.stage = root.querySelector(".stage");
    this.brush = root.querySelector(".brush input");
    this.buttons = Object.fromEntries(
      [...root.querySelectorAll("button")].map((button) => [button.className, button])
    );
    this.picture = null;
    this.image = new Image();
    this.steps = [];
    this.number = Date.now(); // of the last message; no two editors count alike
    this.line = this.hover = this.pointer = null; // a line without a pointer is the keyboard's
    this.listen();
  }

  // ---- what Python says ----

  update({ data, setStateValue, setTriggerValue }) {
    this.data = data;
    this.tell = setStateValue;
    this.stage.width = this.stage.height = 2 * data.side;
    this.stage.setAttribute("aria-label", `${data.label}. ${data.told}`);
    this.root.querySelector(".told").textContent = data.told;
    this.root.querySelector(".answer").textContent = data.answer;
    const isNew = data.picture !== this.picture;
    // Python sends it once; asked for again where the editor that had it is gone
    if (isNew && !data.image) return setTriggerValue("lost", this.number);
    if (isNew) {
      this.picture = data.picture;
      this.steps = [...data.steps];
      this.line = null;
      this.image = new Image();
      this.image.onload = () => this.draw();
      this.image.src = data.image;
    }
    if (isNew || data.answered === this.number || !this.isWaiting) {
      this.isWaiting = false;
      this.readMask(data);
    }
    this.draw();
    if (data.refresh && !this.isRefreshing) setTriggerValue("refresh", this.number);
    this.isRefreshing = data.refresh;
  }

  readMask({ mask, shape: [height, width] }) {
    const bits = Uint8Array.from(atob(mask), (c) => c.charCodeAt(0));
    this.mask = blank(width, height);
    const context = this.mask.getContext("2d");
    const pixels = context.createImageData(width, height);
    for (let i = 0; i < width * height; i++) {
      pixels.data[4 * i + 3] = (bits[i >> 3] >> (7 - (i & 7))) & 1 ? 255 : 0;
    }
    context.putImageData(pixels, 0, 0);
  }

  // ---- steps ----

  get turns() {
    const since = this.steps.findLastIndex(([name]) => name === "reset") + 1;
    return this.steps.slice(since).filter(([name]) => name === "turn").length % 4;
  }

  // a change of the steps; the mask on screen turns with the picture
  change(steps) {
    const before = this.turns;
    this.steps = steps;
    for (let i = before; i % 4 !== this.turns; i++) this.turnMask();
    this.isWaiting = true;
    this.number++;
    this.draw();
    this.tell("corrections", { picture: this.picture, number: this.number, steps: this.steps });
  }

  add(...step) {
    if (this.mask && this.steps.length < this.data.most) this.change([...this.steps, step]);
  }

  turnMask() {
    const { width, height } = this.mask;
    const turned = blank(height, width);
    const context = turned.getContext("2d");
    context.translate(height, 0);
    context.rotate(Math.PI / 2);
    context.drawImage(this.mask, 0, 0);
    this.mask = turned;
  }

  // ---- the pen ----

  get tool() {
    return this.root.querySelector("fieldset input:checked").value;
  }

  // where the turned picture is on the backing canvas
  get place() {
    const side = this.stage.width;
    const { width, height } = this.mask;
    const scale = side / Math.max(width, height);
    const [w, h] = [width * scale, height * scale];
    return { left: (side - w) / 2, top: (side - h) / 2, width: w, height: h };
  }

  // shares of the picture's width and height
  at(event) {
    const box = this.stage.getBoundingClientRect();
    const { left, top, width, height } = this.place;
    const scale = this.stage.width / box.width;
    return [
      within(((event.clientX - box.left) * scale - left) / width, 0, 1),
      within(((event.clientY - box.top) * scale - top) / height, 0, 1),
    ];
  }

  get brushWidth() {
    return this.brush.value / 100;
  }

  listen() {
    const { stage, root, buttons } = this;
    stage.onpointerdown = (event) => {
      if (!this.isOpen || !event.isPrimary || event.button !== 0 || !this.mask) return;
      if (this.steps.length >= this.data.most) return;
      event.preventDefault();
      stage.setPointerCapture(event.pointerId);
      this.pointer = event.pointerId;
      this.line = [this.at(event)];
      this.paint();
      this.draw();
    };
    // else a quick stroke counts as a fling, and the browser takes the next tap to stop it
    const calm = (event) => this.isOpen && event.preventDefault();
    stage.addEventListener("touchstart", calm, { passive: false });
    stage.onpointermove = (event) => {
      if (!this.mask) return;
      this.hover = event.pointerType === "touch" ? null : this.at(event);
      if (this.line && event.pointerId === this.pointer) {
        const events = event.getCoalescedEvents?.() ?? [];
        for (const one of events.length ? events : [event]) this.extend(this.at(one));
        this.paint();
      }
      if (this.isOpen) this.draw();
    };
    stage.onpointerleave = () => {
      this.hover = null;
      if (this.mask) this.draw();
    };
    stage.onpointerup = (event) => {
      if (this.line && event.pointerId === this.pointer) this.finish();
    };
    stage.onpointercancel = () => this.cancel();
    stage.onblur = () => this.pointer === null && this.cancel();
    stage.onkeydown = (event) => this.press(event);
    buttons.open.onclick = () => {
      root.classList.toggle("open");
      this.draw();
      const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
      root.scrollIntoView({ block: "nearest", behavior: isCalm ? "auto" : "smooth" });
    };
    buttons.whole.onclick = () => this.add("whole");
    buttons.turn.onclick = () => this.add("turn");
    buttons.reset.onclick = () => this.add("reset");
    buttons.undo.onclick = () => this.change(this.steps.slice(0, -1));
    root.onchange = () => this.cancel();
    root.onkeydown = (event) => {
      if (!(event.ctrlKey || event.metaKey) || event.key !== "z" || !this.steps.length) return;
      event.preventDefault();
      event.stopPropagation();
      this.change(this.steps.slice(0, -1));
    };
  }

  press(event) {
    const { key, shiftKey, ctrlKey, metaKey, altKey } = event;
    const isBusy = this.pointer !== null && this.line;
    if (!this.isOpen || !this.mask || ctrlKey || metaKey || altKey) return;
    if (key === "Escape" && this.line) this.cancel();
    else if (isBusy || this.steps.length >= this.data.most) return;
    else if (key in ARROWS) this.nudge(ARROWS[key], shiftKey);
    else if (key === "Enter" || key === " ") this.apply();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // the box or the brush of the keyboard, moved by a step; the box may be resized
  nudge([right, down], isResized) {
    this.pointer = null;
    const [dx, dy] = [NUDGE * right, NUDGE * down];
    if (this.tool !== "box") {
      const [x, y] = this.hover ?? [0.5, 0.5];
      this.hover = [within(x + dx, 0, 1), within(y + dy, 0, 1)];
      return this.draw();
    }
    const [[x, y], [u, v]] = this.line ?? FIRST_BOX;
    const least = 2 * NUDGE; // more than TINY
    if (isResized) {
      this.line = [[x, y], [within(u + dx, x + least, 1), within(v + dy, y + least, 1)]];
    } else {
      const [left, top] = [within(x + dx, 0, 1 - (u - x)), within(y + dy, 0, 1 - (v - y))];
      this.line = [[left, top], [round(left + u - x), round(top + v - y)]];
    }
    this.draw();
  }

  // Enter: applies the box, or paints where the brush is; at first shows them
  apply() {
    const isShown = this.tool === "box" ? this.line : this.hover;
    if (!isShown) return this.nudge([0, 0], false);
    if (this.tool !== "box") {
      this.line = [this.hover];
      this.paint();
    }
    this.finish();
  }

  cancel() {
    const isPainted = this.line && this.tool !== "box";
    this.line = this.hover = this.pointer = null;
    if (isPainted) this.readMask(this.data);
    if (this.data) this.draw();
  }

  extend(point) {
    if (this.tool === "box") {
      this.line = [this.line[0], point];
      return;
    }
    const last = this.line.at(-1);
    if (Math.hypot(point[0] - last[0], point[1] - last[1]) >= NEAR) this.line.push(point);
  }

  finish() {
    const { line, tool } = this;
    this.line = null;
    if (tool !== "box") return this.add(tool, this.brushWidth, ...line.flat());
    const [[x, y], [u, v]] = [line[0], line.at(-1)];
    if (Math.abs(u - x) < TINY || Math.abs(v - y) < TINY) return this.draw();
    const { width, height } = this.mask;
    const context = this.mask.getContext("2d");
    context.globalCompositeOperation = "destination-in";
    context.fillRect(x * width, y * height, (u - x) * width, (v - y) * height);
    this.add("box", x, y, u, v);
  }

  // what the brush has touched last, at once in the mask on screen
  paint() {
    if (this.tool === "box") return;
    const { width, height } = this.mask;
    const context = this.mask.getContext("2d");
    context.globalCompositeOperation = this.tool === "keep" ? "source-over" : "destination-out";
    context.lineCap = context.lineJoin = "round";
    context.lineWidth = this.brushWidth * Math.max(width, height);
    context.beginPath();
    this.line.forEach(([x, y]) => context.lineTo(x * width, y * height));
    const [x, y] = this.line.at(-1);
    context.lineTo(x * width + 0.01, y * height);
    context.stroke();
  }

  // ---- what is on screen ----

  get isOpen() {
    return this.root.classList.contains("open");
  }

  draw() {
    const { stage, steps, buttons, data } = this;
    const tool = this.tool;
    this.root.querySelector(".tools").hidden = !this.isOpen;
    buttons.open.setAttribute("aria-expanded", String(this.isOpen));
    buttons.open.textContent = this.isOpen ? "Done" : "Adjust";
    const isFull = steps.length >= data.most;
    stage.tabIndex = this.isOpen ? 0 : -1;
    stage.setAttribute("role", this.isOpen ? "application" : "img");
    buttons.undo.textContent = steps.length ? `Undo (${steps.length})` : "Undo";
    buttons.undo.disabled = !steps.length;
    buttons.reset.disabled = !steps.length || steps.at(-1)[0] === "reset";
    buttons.whole.disabled = buttons.turn.disabled = isFull;
    this.brush.disabled = tool === "box";
    this.brush.parentElement.setAttribute("aria-disabled", String(tool === "box"));
    const hint = this.root.querySelector(".hint");
    const text = isFull ? `${steps.length} steps are the most. Undo some, or reset.` : this.hint;
    if (hint.textContent !== text) hint.textContent = text; // screen readers say what changes
    this.root.querySelector(".keys").textContent = KEYS[tool];
    const context = stage.getContext("2d");
    context.clearRect(0, 0, stage.width, stage.height);
    this.drawPicture(context);
    if (this.mask) this.drawMask(context);
    if (this.isOpen && this.mask) this.drawPen(context);
  }

  get hint() {
    if (!this.line || this.pointer !== null || this.tool !== "box") return HINTS[this.tool];
    const [left, top, right, bottom] = this.line.flat().map((share) => Math.round(100 * share));
    return (
      `Box from ${left} to ${right}% across and ${top} to ${bottom}% down. ` +
      "Enter applies it, Escape cancels."
    );
  }

  drawPicture(context) {
    const { stage, image } = this;
    if (!image.complete || !image.naturalWidth) return;
    const side = stage.width;
    const scale = side / Math.max(image.naturalWidth, image.naturalHeight);
    const [width, height] = [image.naturalWidth * scale, image.naturalHeight * scale];
    context.save();
    context.translate(side / 2, side / 2);
    context.rotate((this.turns * Math.PI) / 2);
    context.fillStyle = PAPER;
    context.fillRect(-width / 2 + 1, -height / 2 + 1, width - 2, height - 2);
    context.drawImage(image, -width / 2, -height / 2, width, height);
    context.restore();
  }

  drawMask(context) {
    const { left, top, width, height } = this.place;
    const style = getComputedStyle(this.root);
    const veil = blank(Math.ceil(width), Math.ceil(height));
    const over = veil.getContext("2d");
    over.globalAlpha = FADED;
    over.fillStyle = style.getPropertyValue("--st-background-color") || "#fff";
    over.fillRect(0, 0, width, height);
    over.globalAlpha = 1;
    over.globalCompositeOperation = "destination-out";
    over.drawImage(this.mask, 0, 0, width, height);
    context.drawImage(veil, left, top);
    // the mask, a little larger, without itself
    over.globalCompositeOperation = "source-over";
    over.clearRect(0, 0, veil.width, veil.height);
    for (let i = 0; i < 8; i++) {
      const [x, y] = [Math.cos((i * Math.PI) / 4), Math.sin((i * Math.PI) / 4)];
      over.drawImage(this.mask, OUTLINE * x, OUTLINE * y, width, height);
    }
    over.globalCompositeOperation = "source-in";
    over.fillStyle = style.getPropertyValue("--st-primary-color") || "#f00";
    over.fillRect(0, 0, width, height);
    over.globalCompositeOperation = "destination-out";
    over.drawImage(this.mask, 0, 0, width, height);
    context.drawImage(veil, left, top);
  }

  drawPen(context) {
    const { left, top, width, height } = this.place;
    const trace = (path) => {
      context.setLineDash([]);
      for (const [color, wide] of [["#fff", 5], ["#111", 2]]) {
        context.strokeStyle = color;
        context.lineWidth = wide;
        context.beginPath();
        path();
        context.stroke();
      }
    };
    if (this.tool === "box") {
      if (!this.line) return;
      const [[x, y], [u, v]] = [this.line[0], this.line.at(-1)];
      trace(() =>
        context.rect(left + x * width, top + y * height, (u - x) * width, (v - y) * height)
      );
    } else if (this.hover) {
      const [x, y] = this.hover;
      const radius = 0.5 * this.brushWidth * Math.max(width, height);
      trace(() => context.arc(left + x * width, top + y * height, radius, 0, 2 * Math.PI));
    }
  }
}

export default function (component) {
  const { parentElement } = component;
  let editor = editors.get(parentElement);
  if (!editor) {
    editor = new Editor(parentElement.querySelector(".picture"));
    editors.set(parentElement, editor);
  }
  editor.update(component);
  return () => editors.delete(parentElement);
}
