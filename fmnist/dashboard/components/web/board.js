// The canvas of the Draw page. It draws and undoes by itself, and tells Python of it while the pen
// is still down: until one message is answered the next one waits, and then has the newest lines. It sends
// lines, not pixels; Python draws them again (`fmnist.sketchpad.canvas.Raster`).
const boards = new WeakMap();
const PATIENCE = 5000; // milliseconds until an answer counts as lost
const TOLERANCE = 0.3; // pixels by which a finished line may differ from the drawn one
const RULER = 0.5; // pixels; points of a line that are closer are one
const CORNER = 12; // pixels around the first corner that close a polygon
const MAX_STEPS = 60;
// where a board leaves its drawing for the next one, whose script is another copy of this
const LEFT = Symbol.for("fmnist.board");

const round = (value) => Math.round(value * 10) / 10;

// ---- shapes: objects of Fabric's JSON, as streamlit-drawable-canvas has them ----

const outline = (shape) => {
  const path = new Path2D();
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  const at = (x, y) => {
    box[0] = Math.min(box[0], x);
    box[1] = Math.min(box[1], y);
    box[2] = Math.max(box[2], x);
    box[3] = Math.max(box[3], y);
    return [x, y];
  };
  const { type, width = 0, height = 0, radius = 0 } = shape;
  if (type === "Path") {
    for (const [name, ...v] of shape.path) {
      if (v.length >= 2) at(v[v.length - 2], v[v.length - 1]);
      if (name === "M") path.moveTo(...v);
      else if (name === "L") path.lineTo(...v);
      else if (name === "Q") path.quadraticCurveTo(...v);
      else if (name === "C") path.bezierCurveTo(...v);
      else if (name === "Z" || name === "z") path.closePath();
    }
  } else if (type === "Polygon") {
    shape.points.forEach(({ x, y }, i) => (i ? path.lineTo(...at(x, y)) : path.moveTo(...at(x, y))));
    path.closePath();
  } else if (type === "Circle") {
    path.arc(0, 0, radius, 0, 2 * Math.PI);
  } else if (type === "Rect") {
    path.rect(-width / 2, -height / 2, width, height);
  } else {
    path.moveTo(shape.x1 ?? -width / 2, shape.y1 ?? -height / 2);
    path.lineTo(shape.x2 ?? width / 2, shape.y2 ?? height / 2);
  }
  const isOwn = type === "Path" || type === "Polygon";
  return [path, isOwn ? (box[0] + box[2]) / 2 : 0, isOwn ? (box[1] + box[3]) / 2 : 0];
};

const SHIFT = { left: 0.5, right: -0.5, top: 0.5, bottom: -0.5 };

const drawShape = (context, shape) => {
  context.save();
  context.strokeStyle = shape.stroke ?? "transparent";
  context.lineCap = context.lineJoin = "round";
  context.lineWidth = shape.strokeWidth ?? 1;
  if (shape.widths && shape.widths.length === shape.path?.length) {
    drawPressed(context, shape);
  } else {
    const [path, middleX, middleY] = outline(shape);
    if (shape.left !== undefined) {
      const { scaleX = 1, scaleY = 1, strokeWidth = 0 } = shape;
      context.translate(shape.left, shape.top ?? 0);
      context.rotate(((shape.angle ?? 0) * Math.PI) / 180);
      context.translate(
        (SHIFT[shape.originX] ?? 0) * ((shape.width ?? 0) + strokeWidth) * scaleX,
        (SHIFT[shape.originY] ?? 0) * ((shape.height ?? 0) + strokeWidth) * scaleY
      );
      context.scale(scaleX, scaleY);
      if (shape.strokeUniform) context.lineWidth /= Math.abs(scaleX) || 1;
      context.translate(-middleX, -middleY);
    }
    context.stroke(path);
  }
  context.restore();
};

// a pen with pressure: a width at each point
const drawPressed = (context, { path, widths }) => {
  path.forEach(([, x, y], i) => {
    const [, fromX, fromY] = path[Math.max(i - 1, 0)];
    context.lineWidth = widths[i];
    context.beginPath();
    context.moveTo(fromX, fromY);
    context.lineTo(i ? x : x + 0.01, y);
    context.stroke();
  });
};

// the points of a line without those that change nothing, by Douglas and Peucker's algorithm
const simplify = (points) => {
  const kept = new Set([0, points.length - 1]);
  const parts = [[0, points.length - 1]];
  while (parts.length) {
    const [first, last] = parts.pop();
    const [a, b] = [points[first], points[last]];
    const length = Math.hypot(b.x - a.x, b.y - a.y);
    let [farthest, distance] = [-1, TOLERANCE];
    for (let i = first + 1; i < last; i++) {
      const { x, y, width } = points[i];
      const away = length
        ? Math.abs((b.x - a.x) * (a.y - y) - (a.x - x) * (b.y - a.y)) / length
        : Math.hypot(x - a.x, y - a.y);
      // beside the line, beyond its ends, or of another width
      const along = length ? ((x - a.x) * (b.x - a.x) + (y - a.y) * (b.y - a.y)) / length : 0;
      const beyond = Math.max(-along, along - length, 0);
      const share = (i - first) / (last - first);
      const wider = Math.abs(width - (a.width + (b.width - a.width) * share));
      const off = Math.max(away, beyond, wider);
      if (off > distance) [farthest, distance] = [i, off];
    }
    if (farthest < 0) continue;
    kept.add(farthest);
    parts.push([first, farthest], [farthest, last]);
  }
  return points.filter((_, i) => kept.has(i));
};

class Board {
  constructor(root) {
    this.root = root;
    this.stage = root.querySelector(".stage");
    this.below = root.querySelector("img");
    [this.ink, this.top] = root.querySelectorAll("canvas");
    this.buttons = Object.fromEntries(
      [...root.querySelectorAll("button")].map((button) => [button.className, button])
    );
    this.stamp = null;
    this.number = Date.now(); // of the last message; no two boards count alike
    this.changes = this.sent = 0;
    this.waiting = this.refreshing = false;
    this.line = null; // the points of the line under way
    this.corners = null; // of the polygon under way
    Object.assign(this, globalThis[LEFT]);
    this.listen();
  }

  // ---- what Python says ----

  update({ data, setStateValue, setTriggerValue }) {
    this.data = data;
    this.tell = setStateValue;
    this.trigger = setTriggerValue;
    if (this.corners && data.tool !== "polygon") this.corners = null;
    this.below.hidden = !data.image;
    if (data.image && this.below.src !== data.image) this.below.src = data.image;
    this.stage.classList.toggle("paper", !data.image);
    this.top.setAttribute("aria-label", data.label);
    if (data.stamp !== this.stamp) {
      if (data.fresh && (this.shapes?.length || this.line || this.corners)) this.keep(data);
      else this.load(data);
    }
    if (data.answered === this.number) this.waiting = false;
    if (!data.refresh) this.refreshing = false;
    this.draw();
    this.send();
  }

  load({ stamp, shapes, steps, position }) {
    this.stamp = stamp;
    this.shapes = shapes;
    this.steps = steps;
    this.position = position;
    this.line = this.corners = null;
    this.waiting = false; // what is under way is about the sheet before
    this.sent = this.changes;
    this.redraw();
  }

  // the server was started again, and knows nothing of the drawing: tell it
  keep({ stamp }) {
    this.stamp = stamp;
    this.waiting = false; // what is under way is about the sheet before
    this.changes++;
    this.redraw();
  }

  // ---- what Python is told ----

  changed(isFinished = true) {
    this.changes++;
    this.draw();
    this.send(isFinished);
  }

  expect(answer) {
    this[answer] = true;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this[answer] = false;
      this.send();
    }, PATIENCE);
  }

  // what is finished need not wait: the server takes it up as soon as it has answered the one before
  send(isFinished = false) {
    if ((this.waiting || this.refreshing) && !isFinished) return;
    if (this.sent !== this.changes) {
      this.sent = this.changes;
      this.expect("waiting");
      this.number++;
      this.tell("drawing", {
        stamp: this.stamp,
        number: this.number,
        shapes: this.shapes,
        steps: this.steps,
        position: this.position,
        growing: this.growing,
      });
    } else if (this.data.refresh && !this.growing) {
      this.expect("refreshing");
      this.trigger("refresh", this.number);
    }
  }

  // ---- steps ----

  get shown() {
    return this.shapes.slice(...this.steps[this.position]);
  }

  // all steps after this one are dropped, and the shapes that only they have
  step(change) {
    this.steps = this.steps.slice(0, this.position + 1);
    this.shapes = this.shapes.slice(0, Math.max(...this.steps.map(([, last]) => last)));
    let [first, last] = this.steps[this.position];
    if (last !== this.shapes.length) {
      this.shapes.push(...this.shapes.slice(first, last));
      [first, last] = [this.shapes.length - (last - first), this.shapes.length];
    }
    this.steps.push(change(first, last));
    this.steps = this.steps.slice(-MAX_STEPS);
    const unused = this.steps[0][0];
    this.shapes = this.shapes.slice(unused);
    this.steps = this.steps.map(([from, to]) => [from - unused, to - unused]);
    this.position = this.steps.length - 1;
  }

  add(shape) {
    this.line = this.corners = null;
    this.step((first, last) => {
      this.shapes.push(shape);
      return [first, last + 1];
    });
    drawShape(this.context(this.ink), shape);
    this.changed();
  }

  move(by) {
    if (this.line) return;
    if (this.corners && by < 0) {
      this.corners = this.corners.length > 1 ? this.corners.slice(0, -1) : null;
    } else {
      const wanted = this.position + by;
      if (wanted < 0 || wanted >= this.steps.length) return;
      this.corners = null;
      this.position = wanted;
      this.redraw();
    }
    this.changed();
  }

  clear() {
    this.line = this.corners = null;
    if (this.shown.length) this.step((_, last) => [last, last]);
    this.redraw();
    this.changed();
  }

  // ---- the pen ----

  place(event) {
    const box = this.top.getBoundingClientRect();
    const scale = this.data.side / box.width;
    // a mouse has no pressure, and a finger none to rely on
    const pressed = event.pointerType === "pen" && event.pressure ? 0.4 + 1.2 * event.pressure : 1;
    return {
      x: round((event.clientX - box.left) * scale),
      y: round((event.clientY - box.top) * scale),
      width: round(this.pen.width * pressed),
    };
  }

  listen() {
    const { top } = this;
    top.onpointerdown = (event) => {
      if (!event.isPrimary || event.button > 0 !== (event.buttons === 32) || this.line) return;
      event.preventDefault();
      document.activeElement?.blur(); // the keys below are the canvas's again
      top.setPointerCapture(event.pointerId);
      this.pointer = event.pointerId;
      const isRubber = event.buttons === 32 && !this.data.image; // the other end of a pen
      this.pen = isRubber ? this.data.rubber : this.data.pen;
      const point = this.place(event);
      if (this.data.tool === "polygon" && !isRubber) return this.setCorner(point, event);
      this.tool = isRubber ? "freedraw" : this.data.tool;
      this.line = [point];
      this.draw();
    };
    top.onpointermove = (event) => {
      if (this.corners && !this.line) {
        this.hover = this.place(event);
        this.draw();
      }
      if (!this.line || event.pointerId !== this.pointer) return;
      const events = event.getCoalescedEvents?.() ?? [];
      for (const one of events.length ? events : [event]) this.extend(this.place(one));
      this.changed(false);
    };
    const lift = (event) => {
      if (!this.line || event.pointerId !== this.pointer) return;
      const shape = this.shapeOf(simplify(this.line));
      if (shape) this.add(shape);
      else this.line = null;
      this.draw();
    };
    top.onpointerup = lift;
    top.onpointercancel = lift;
    top.onlostpointercapture = lift;
    // else a quick stroke counts as a fling, and the browser takes the next tap to stop it
    top.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
    top.oncontextmenu = (event) => event.preventDefault();
    this.buttons.undo.onclick = () => this.move(-1);
    this.buttons.redo.onclick = () => this.move(1);
    this.buttons.clear.onclick = () => this.clear();
    this.onKey = (event) => {
      if (event.key === "Escape" && this.corners) {
        this.corners = null;
        this.changed();
      }
      if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
      const key = event.key.toLowerCase();
      const by = key === "y" || (key === "z" && event.shiftKey) ? 1 : key === "z" ? -1 : 0;
      const field = event.composedPath()[0];
      if (!by || field.isContentEditable || field.matches?.("input, textarea, select")) return;
      event.preventDefault();
      this.move(by);
    };
    document.addEventListener("keydown", this.onKey);
    this.onResize = () => this.draw();
    window.addEventListener("resize", this.onResize);
  }

  close() {
    clearTimeout(this.timer);
    document.removeEventListener("keydown", this.onKey);
    window.removeEventListener("resize", this.onResize);
    const { shapes, steps, position } = this;
    globalThis[LEFT] = { shapes, steps, position };
  }

  extend(point) {
    const last = this.line[this.line.length - 1];
    if (this.tool !== "freedraw") this.line = [this.line[0], point];
    else if (Math.hypot(point.x - last.x, point.y - last.y) >= RULER) this.line.push(point);
  }

  setCorner(point, event) {
    const reach = event.pointerType === "mouse" ? CORNER : 2 * CORNER;
    const [first] = this.corners ?? [];
    const isClosed = first && Math.hypot(point.x - first.x, point.y - first.y) <= reach;
    if (isClosed && this.corners.length > 2) return this.add(this.path([...this.corners, first]));
    if (!isClosed) this.corners = [...(this.corners ?? []), point];
    this.hover = null;
    this.changed();
  }

  // ---- lines to shapes ----

  get growing() {
    if (this.line) return this.line.length > 1 ? this.shapeOf(this.line) : null;
    return this.corners?.length > 1 ? this.path(this.corners) : null;
  }

  shapeOf(points) {
    const [a, b] = [points[0], points[points.length - 1]];
    if (this.tool === "freedraw") {
      // a dot is a very short line
      return this.path(points.length > 1 ? points : [a, { ...a, x: a.x + 0.1 }]);
    }
    if (Math.hypot(b.x - a.x, b.y - a.y) < 2) return null;
    if (this.tool === "line") return this.path([a, b]);
    if (this.tool === "rect") {
      return this.path([a, { ...a, x: b.x }, b, { ...a, y: b.y }, a]);
    }
    const radius = Math.hypot(b.x - a.x, b.y - a.y) / 2;
    const turns = Array.from({ length: 65 }, (_, i) => (i * Math.PI) / 32);
    return this.path(
      turns.map((turn) => ({
        x: round((a.x + b.x) / 2 + radius * Math.cos(turn)),
        y: round((a.y + b.y) / 2 + radius * Math.sin(turn)),
        width: a.width,
      }))
    );
  }

  path(points) {
    const shape = {
      type: "Path",
      path: points.map(({ x, y }, i) => [i ? "L" : "M", x, y]),
      fill: null,
      stroke: this.pen.color,
      strokeWidth: this.pen.width,
      strokeLineCap: "round",
      strokeLineJoin: "round",
    };
    const isPressed = points.some(({ width }) => width !== this.pen.width);
    if (isPressed) shape.widths = points.map(({ width }) => width);
    return shape;
  }

  // ---- painting ----

  context(canvas) {
    const context = canvas.getContext("2d");
    const scale = canvas.width / this.data.side;
    context.setTransform(scale, 0, 0, scale, 0, 0);
    return context;
  }

  wipe(canvas) {
    const context = this.context(canvas);
    context.clearRect(0, 0, this.data.side, this.data.side);
    return context;
  }

  // all of it; draw() does it within the next frame for what is under way
  redraw() {
    const size = Math.round(this.data.side * (devicePixelRatio || 1));
    for (const canvas of [this.ink, this.top])
      if (canvas.width !== size) canvas.width = canvas.height = size;
    const context = this.wipe(this.ink);
    for (const shape of this.shown) drawShape(context, shape);
  }

  draw() {
    if (this.asked) return;
    this.asked = requestAnimationFrame(() => {
      this.asked = 0;
      this.paint();
    });
  }

  paint() {
    if (!this.data) return;
    if (this.ink.width !== Math.round(this.data.side * (devicePixelRatio || 1))) this.redraw();
    const context = this.wipe(this.top);
    if (this.line) {
      const shape = this.shapeOf(this.line);
      if (shape) drawShape(context, shape);
    } else if (this.corners) {
      drawShape(context, this.path([...this.corners, this.hover ?? this.corners.at(-1)]));
      const [{ x, y }] = this.corners;
      context.beginPath();
      context.arc(x, y, CORNER, 0, 2 * Math.PI);
      context.strokeStyle = getComputedStyle(this.root).getPropertyValue("--st-primary-color");
      context.lineWidth = 2;
      context.stroke();
    }
    this.buttons.undo.disabled = !(this.position > 0 || this.corners);
    this.buttons.redo.disabled = this.position + 1 >= this.steps.length;
    this.buttons.clear.disabled = !(this.shown.length || this.corners);
  }
}

export default function (component) {
  const { parentElement } = component;
  let board = boards.get(parentElement);
  if (!board) {
    board = new Board(parentElement.querySelector(".board"));
    boards.set(parentElement, board);
  }
  board.update(component);
  return () => {
    board.close();
    boards.delete(parentElement);
  };
}
