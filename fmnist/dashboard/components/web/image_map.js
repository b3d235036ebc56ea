// A map of images: up to 10,000 points that pan, zoom and can be lassoed. The points are painted
// pixel by pixel into one image, which needs no GPU. What a person does to the map (zoom, tool,
// lasso) outlives each redraw; Python is told the points of a lasso, and the image to open.
const instances = new WeakMap();
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

const decode = (text, Type) => {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  return new Type(bytes.buffer);
};

// #RRGGBB or rgb(…) as the pixel of a little-endian canvas
const toPixel = (text) => {
  const hex = /^#([0-9a-f]{6})/i.exec(text.trim());
  const [r, g, b] = hex
    ? [0, 2, 4].map((at) => parseInt(hex[1].slice(at, at + 2), 16))
    : (text.match(/\d+(\.\d+)?/g) ?? [128, 128, 128]).map(Number);
  return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
};

const element = (tag, name, parent) => {
  const made = document.createElement(tag);
  if (name) made.className = name;
  parent?.append(made);
  return made;
};

// the ways a name may give way, in CSS pixels: the shortest first, sideways before up and down
const AROUND = [];
for (let reach = 16; reach <= 260; reach += 12)
  for (const turn of [0, 8, 2, 10, 14, 6, 4, 12, 1, 9, 3, 11, 15, 7, 5, 13])
    AROUND.push([reach * Math.cos((turn * Math.PI) / 8), reach * Math.sin((turn * Math.PI) / 8)]);

class ImageMap {
  constructor(root) {
    this.root = root;
    this.stage = root.querySelector(".stage");
    this.canvas = root.querySelector("canvas.points");
    this.context = this.canvas.getContext("2d");
    this.tip = root.querySelector(".tip");
    this.view = { x: 0, y: 0, zoom: 1 };
    this.mode = "pan";
    this.path = null; // of the lasso, in the map's own coordinates
    this.hovered = this.pinned = -1;
    this.pointers = new Map();
    this.masks = new Map();
    this.frame = 0; // of the epochs; between two whole numbers while it moves
    this.playing = false;
    this.paints = 0;
    this.buildBar();
    this.listen();
  }

  // ---- what is shown ----

  update(component) {
    const { data, setTriggerValue } = component;
    const before = this.data;
    this.data = data;
    this.send = setTriggerValue;
    const style = getComputedStyle(this.root);
    const color = (name) => style.getPropertyValue(name) || "#888888";
    this.colors = {
      background: toPixel(color("--st-background-color")),
      text: color("--st-text-color"),
      primary: color("--st-primary-color"),
      backgroundText: color("--st-background-color"),
    };
    this.font = color("--st-font");
    this.palette = data.palette.map(toPixel);
    for (const [name, Type] of [
      ["values", Uint8Array], ["marks", Uint8Array], ["trueLabels", Uint8Array],
      ["predictedLabels", Uint8Array], ["confidences", Uint16Array], ["indices", Int32Array],
    ])
      if (before?.[name] !== data[name]) this[name] = decode(data[name], Type);
    if (before?.frames?.positions !== data.frames?.positions) this.takeFrames(data.frames);
    this.frameValues = data.frames?.values ? decode(data.frames.values, Uint8Array) : null;
    const isMoved = before?.positions !== data.positions || (before?.frames && !data.frames);
    if (isMoved && !data.frames) this.takePositions(decode(data.positions, Uint16Array));
    if (before?.chosen && !data.chosen) this.path = null;
    if (before && before.count !== data.count) this.hovered = this.pinned = -1;
    this.stage.setAttribute("aria-label", data.label);
    this.stage.dataset.layout = data.layout;
    this.drawn = null;
    if (data.drawing) {
      const gray = decode(data.drawing.pixels, Uint8Array);
      this.drawn = this.grayCanvas(gray);
    }
    this.writeLegend();
    this.showFrameControls();
    this.draw();
  }

  takePositions(packed) {
    const next = Float32Array.from(packed, (v) => (v / 65535) * 2 - 1);
    if (this.positions?.length === next.length && !calm()) {
      this.moveTo(next);
    } else {
      this.moving = null;
      this.positions = next;
    }
  }

  takeFrames(frames) {
    this.playing = false;
    this.moving = null;
    this.frames = frames ? decode(frames.positions, Uint16Array) : null;
    this.frame = frames ? frames.count - 1 : 0;
    if (frames) this.showFrame(this.frame);
  }

  moveTo(next) {
    const from = this.positions;
    const began = performance.now();
    this.positions = Float32Array.from(from);
    const step = (now) => {
      const share = clamp((now - began) / 500, 0, 1);
      const eased = share * share * (3 - 2 * share);
      if (this.moving !== step || this.data.count * 2 !== next.length) return;
      for (let i = 0; i < next.length; i++) this.positions[i] = from[i] + (next[i] - from[i]) * eased;
      this.draw();
      if (share < 1) requestAnimationFrame(step);
      else this.moving = null;
    };
    this.moving = step;
    requestAnimationFrame(step);
  }

  showFrame(at) {
    const size = this.data.count * 2;
    const first = Math.floor(at);
    const second = Math.min(first + 1, this.data.frames.count - 1);
    const share = at - first;
    if (this.positions?.length !== size) this.positions = new Float32Array(size);
    for (let i = 0; i < size; i++) {
      const here = this.frames[first * size + i];
      const there = this.frames[second * size + i];
      this.positions[i] = ((here + (there - here) * share) / 65535) * 2 - 1;
    }
    this.frame = at;
  }

  get currentValues() {
    if (!this.frameValues || !this.frames) return this.values;
    const at = Math.round(this.frame) * this.data.count;
    return this.frameValues.subarray(at, at + this.data.count);
  }

  // ---- the bar above the map ----

  buildBar() {
    const bar = this.root.querySelector(".bar");
    const button = (text, title, act) => {
      const made = element("button", "", bar);
      made.type = "button";
      made.textContent = text;
      made.title = title;
      made.setAttribute("aria-label", title);
      made.onclick = act;
      return made;
    };
    this.tools = Object.fromEntries(
      [
        ["pan", "Move", "Move the map (M)"],
        ["lasso", "Lasso", "Select with a lasso (L); with Shift add, with Alt remove"],
        ["box", "Box", "Select with a box (B); with Shift add, with Alt remove"],
      ].map(([mode, text, title]) => [mode, button(text, title, () => this.setMode(mode))])
    );
    element("span", "gap", bar);
    button("+", "Zoom in (+)", () => this.zoomBy(1.5));
    button("−", "Zoom out (−)", () => this.zoomBy(1 / 1.5));
    button("Fit", "Show all images (0)", () => this.fit());
    button("Select view", "Select all images in view", () => this.selectView());
    this.play = button("Play", "Play the epochs", () => this.togglePlay());
    this.slider = element("input", "", bar);
    Object.assign(this.slider, { type: "range", min: 0, step: 1 });
    this.slider.setAttribute("aria-label", "Epoch");
    this.slider.oninput = () => {
      const wanted = Number(this.slider.value);
      this.stopPlaying(); // which sets the slider to the epoch shown until now
      this.showFrame(wanted);
      this.showFrameControls();
      this.draw();
    };
    this.epoch = element("output", "", bar);
    this.setMode("pan");
  }

  setMode(mode) {
    this.mode = mode;
    this.stage.dataset.mode = mode;
    for (const [name, made] of Object.entries(this.tools))
      made.setAttribute("aria-pressed", String(name === mode));
  }

  showFrameControls() {
    const { frames } = this.data;
    for (const made of [this.play, this.slider, this.epoch]) made.style.display = frames ? "" : "none";
    if (!frames) return;
    const shown = Math.round(this.frame);
    this.slider.max = frames.count - 1;
    this.slider.value = shown;
    this.slider.setAttribute("aria-valuetext", `Epoch ${shown + 1}`);
    this.epoch.textContent = `Epoch ${shown + 1} of ${frames.count}`;
    this.stage.dataset.epoch = shown + 1;
    const text = this.playing ? "Pause" : "Play";
    this.play.textContent = text;
    this.play.setAttribute("aria-label", `${text} the epochs`);
  }

  stopPlaying() {
    this.playing = false;
    this.showFrameControls();
  }

  togglePlay() {
    if (this.playing) return this.stopPlaying();
    const last = this.data.frames.count - 1;
    const start = this.frame >= last ? 0 : this.frame;
    const began = performance.now();
    const perEpoch = 700;
    this.playing = true;
    const step = (now) => {
      if (!this.playing || !this.data.frames || !this.root.isConnected) return;
      const at = Math.min(start + Math.max(now - began, 0) / perEpoch, last);
      this.showFrame(calm() ? Math.floor(at) : at);
      if (at >= last) this.playing = false;
      this.showFrameControls();
      this.draw();
      if (this.playing) requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  writeLegend() {
    const legend = this.root.querySelector(".legend");
    const { keys, scale, marked, markedCount } = this.data.legend;
    const made = (keys ?? []).map(({ text, color }) => {
      const key = element("span", "key");
      element("span", "dot", key).style.background = color;
      key.append(text);
      return key;
    });
    if (scale) {
      const key = element("span", "key");
      key.append(scale.low);
      element("span", "scale", key).style.background =
        `linear-gradient(90deg, ${this.data.palette.join(", ")})`;
      key.append(scale.high);
      made.push(key);
    }
    if (markedCount) {
      const key = element("span", "key");
      if (!this.data.chosen) element("span", "dot ring", key);
      key.append(marked);
      made.push(key);
    }
    legend.replaceChildren(...made);
  }

  // ---- painting ----

  resize() {
    const ratio = Math.min(devicePixelRatio || 1, 2);
    const width = Math.round(this.stage.clientWidth * ratio);
    const height = Math.round(this.stage.clientHeight * ratio);
    if (!width || !height) return false;
    if (this.canvas.width !== width || this.canvas.height !== height || !this.image) {
      Object.assign(this.canvas, { width, height });
      this.image = this.context.createImageData(width, height);
      this.pixels = new Uint32Array(this.image.data.buffer);
    }
    this.ratio = ratio;
    return true;
  }

  draw() {
    if (this.asked) return;
    this.asked = requestAnimationFrame(() => {
      this.asked = 0;
      if (this.data && this.positions && this.resize()) this.paint();
    });
  }

  // from the map's coordinates to pixels of the canvas
  get transform() {
    const { width, height } = this.canvas;
    const scale = (Math.min(width, height) / 2) * 0.92 * this.view.zoom;
    return { scale, x: width / 2 - this.view.x * scale, y: height / 2 + this.view.y * scale };
  }

  // 1 on a stage with room, less on a small one
  get room() {
    return clamp(Math.min(this.stage.clientWidth, this.stage.clientHeight) / 520, 0.65, 1);
  }

  get radius() {
    const base = clamp(190 / Math.sqrt(this.data.count), 1.7, 5) * this.room;
    return clamp(base * this.view.zoom ** 0.4, 1.2, 7) * this.ratio;
  }

  // the covered pixels of a disc, or of a ring of some width
  mask(radius, width) {
    const key = `${radius.toFixed(1)}-${width.toFixed(1)}-${this.canvas.width}`;
    if (!this.masks.has(key)) {
      if (this.masks.size > 100) this.masks.clear();
      const reach = Math.ceil(radius + 1);
      const covered = [];
      for (let y = -reach; y <= reach; y++)
        for (let x = -reach; x <= reach; x++) {
          const distance = Math.hypot(x, y);
          const outer = clamp(radius + 0.5 - distance, 0, 1);
          const inner = width ? clamp(radius - width + 0.5 - distance, 0, 1) : 0;
          const cover = Math.round(256 * (outer - inner));
          if (cover) covered.push([x, y, cover]);
        }
      this.masks.set(key, {
        reach,
        xs: Int32Array.from(covered, ([x]) => x),
        ys: Int32Array.from(covered, ([, y]) => y),
        offsets: Int32Array.from(covered, ([x, y]) => y * this.canvas.width + x),
        covers: Int32Array.from(covered, ([, , cover]) => cover),
      });
    }
    return this.masks.get(key);
  }

  // strength: 256 covers what is below
  stamp(mask, px, py, color, strength) {
    const { reach, xs, ys, offsets, covers } = mask;
    const { width, height } = this.canvas;
    const pixels = this.pixels;
    const x = Math.round(px), y = Math.round(py);
    const whole = x >= reach && y >= reach && x < width - reach && y < height - reach;
    const center = y * width + x;
    const redBlue = color & 0xff00ff, green = color & 0xff00;
    for (let k = 0; k < offsets.length; k++) {
      if (!whole) {
        const i = x + xs[k], j = y + ys[k];
        if (i < 0 || j < 0 || i >= width || j >= height) continue;
      }
      const at = center + offsets[k];
      const share = (covers[k] * strength) >> 8;
      const rest = 256 - share;
      const under = pixels[at];
      // red and blue at once, in one number
      const mixed = Math.imul(under & 0xff00ff, rest) + Math.imul(redBlue, share);
      const mixedGreen = Math.imul(under & 0xff00, rest) + Math.imul(green, share);
      pixels[at] = 0xff000000 | ((mixed >>> 8) & 0xff00ff) | ((mixedGreen >>> 8) & 0xff00);
    }
  }

  paint() {
    this.paints += 1;
    this.canvas.dataset.paints = this.paints;
    const { count, chosen } = this.data;
    const { positions, marks, palette } = this;
    const values = this.currentValues;
    const { scale, x, y } = this.transform;
    const { width, height } = this.canvas;
    this.pixels.fill(this.colors.background);
    const radius = this.radius;
    const disc = this.mask(radius, 0);
    const ring = this.mask(radius + 1.5 * this.room * this.ratio, 1.3 * this.room * this.ratio);
    const text = toPixel(this.colors.text);
    const visible = [];
    for (const marked of [0, 1]) {
      const strength = marked || !chosen ? (marked ? 256 : 190) : 46;
      for (let i = 0; i < count; i++) {
        if (marks[i] !== marked) continue;
        const px = x + positions[2 * i] * scale;
        const py = y - positions[2 * i + 1] * scale;
        if (px < -20 || py < -20 || px > width + 20 || py > height + 20) continue;
        if (visible.length <= 300) visible.push(i);
        this.stamp(disc, px, py, palette[values[i]], strength);
        if (marked && !chosen) this.stamp(ring, px, py, text, 200);
      }
    }
    this.context.putImageData(this.image, 0, 0);
    this.sheet = window.fmnistSprites?.get(this.data.sprites);
    const near = this.sheet && visible.length <= 300 && visible.length < count;
    const side = visible.length > 60 ? 26 : 42;
    if (near) for (const i of visible) this.thumbnail(i, side, values);
    else this.paintNames(values);
    this.paintAxes();
    this.paintDrawing();
    this.paintPath();
    const pointed = this.pinned >= 0 ? this.pinned : this.hovered;
    if (pointed >= 0) this.paintPointed(pointed);
    this.placeTip(pointed);
    this.stage.dataset.view = [this.view.x, this.view.y, this.view.zoom].join(" ");
    this.stage.dataset.marked = this.data.legend.markedCount;
  }

  at(i) {
    const { scale, x, y } = this.transform;
    return [x + this.positions[2 * i] * scale, y - this.positions[2 * i + 1] * scale];
  }

  tile(i) {
    const { tile, columns, image } = this.sheet;
    return [image, (i % columns) * tile, Math.floor(i / columns) * tile, 28, 28];
  }

  thumbnail(i, side, values, [dx, dy] = [0, 0]) {
    const [px, py] = this.at(i).map((v, axis) => v + [dx, dy][axis]);
    const size = side * this.ratio;
    const c = this.context;
    c.globalAlpha = this.data.chosen && !this.marks[i] ? 0.35 : 1;
    c.drawImage(...this.tile(i), px - size / 2, py - size / 2, size, size);
    c.lineWidth = 2 * this.ratio;
    c.strokeStyle = this.data.palette[values[i]];
    c.strokeRect(px - size / 2, py - size / 2, size, size);
    c.globalAlpha = 1;
  }

  // each class by its medoid and its name, which a line leads to where it had to give way
  paintNames(values) {
    const c = this.context;
    const { ratio, room } = this;
    c.font = `600 ${(11 + room) * ratio}px ${this.font}`;
    c.textAlign = "center";
    c.lineJoin = "round";
    const named = this.data.medoids.filter((i) => i >= 0);
    const offsets = this.placeNames(named);
    for (const i of named) {
      const [dx, dy] = offsets.get(i);
      if (!dx && !dy) continue;
      const [px, py] = this.at(i);
      c.strokeStyle = c.fillStyle = this.data.palette[values[i]];
      c.lineWidth = 2 * ratio;
      c.beginPath();
      c.moveTo(px, py);
      c.lineTo(px + dx, py + dy);
      c.stroke();
      c.beginPath();
      c.arc(px, py, 4 * ratio, 0, 2 * Math.PI);
      c.fill();
    }
    if (this.sheet) for (const i of named) this.thumbnail(i, 30 * room, values, offsets.get(i));
    c.lineWidth = 3.5 * ratio;
    c.strokeStyle = this.colors.backgroundText;
    c.fillStyle = this.colors.text;
    const lift = (this.sheet ? 15 * room + 11 : 6) * ratio;
    for (const i of named) {
      const [px, py] = this.at(i).map((v, axis) => v + offsets.get(i)[axis]);
      const name = this.data.classes[this.trueLabels[i]];
      const half = c.measureText(name).width / 2 + 4 * ratio;
      const inside = px > -half && px < this.canvas.width + half;
      const tx = inside ? clamp(px, half, this.canvas.width - half) : px;
      c.strokeText(name, tx, py + lift);
      c.fillText(name, tx, py + lift);
    }
  }

  // How far from its medoid each class is named, so that no two overlap. Moving the view changes
  // nothing: names do not jump under the hand.
  placeNames(named) {
    const { scale } = this.transform;
    const { width, height } = this.canvas;
    const isSeen = (i) => {
      const [px, py] = this.at(i);
      return px >= 0 && py >= 0 && px <= width && py <= height;
    };
    const places = named.map((i) => [...this.positions.slice(2 * i, 2 * i + 2), isSeen(i)].join());
    const size = [scale, width, height, Boolean(this.sheet)].join();
    const key = [size, ...places].join();
    if (key === this.namedFor) return this.nameOffsets;
    const isSameSize = this.namedFor?.startsWith(size);
    this.namedFor = key;
    const before = this.nameOffsets ?? new Map();
    const { ratio } = this;
    const half = (this.sheet ? 15 * this.room : 8) * ratio;
    const below = half + (this.sheet ? 18 : 4) * ratio;
    const taken = [];
    this.nameOffsets = new Map();
    for (const i of named) {
      const [px, py] = this.at(i);
      const text = this.context.measureText(this.data.classes[this.trueLabels[i]]).width;
      const side = Math.max(half, text / 2 + 4 * ratio);
      const box = ([dx, dy]) => [px + dx - side, py + dy - half, px + dx + side, py + dy + below];
      const isFree = (offset) => {
        const [l, t, r, b] = box(offset);
        const fits = l >= 0 && t >= 0 && r <= width && b <= height;
        return fits && taken.every(([L, T, R, B]) => r <= L || l >= R || b <= T || t >= B);
      };
      const kept = before.has(i) ? [before.get(i)] : [];
      const tried = isSameSize ? [...kept, [0, 0]] : [[0, 0], ...kept];
      tried.push(...AROUND.map(([dx, dy]) => [dx * ratio, dy * ratio]));
      const offset = (isSeen(i) && tried.find(isFree)) || [0, 0];
      this.nameOffsets.set(i, offset);
      if (isSeen(i)) taken.push(box(offset));
    }
    this.stage.dataset.names = JSON.stringify(taken.map((edges) => edges.map(Math.round)));
    return this.nameOffsets;
  }

  // faint lines across the map, with their figures beside it, and the names of its regions
  paintAxes() {
    const { axes } = this.data;
    if (!axes) return;
    const { scale, x, y } = this.transform;
    const { width, height } = this.canvas;
    const { context: c, ratio } = this;
    const at = (a, b) => [x + a * scale, y - b * scale];
    const line = (from, to, dash) => {
      c.setLineDash(dash.map((length) => length * ratio));
      c.beginPath();
      c.moveTo(...from);
      c.lineTo(...to);
      c.stroke();
    };
    const write = (text, px, py, align) => {
      const wide = c.measureText(text).width;
      const left = { left: 0, center: wide / 2, right: wide }[align];
      c.textAlign = align;
      c.strokeText(text, clamp(px, left + 3 * ratio, width - wide + left - 3 * ratio), py);
      c.fillText(text, clamp(px, left + 3 * ratio, width - wide + left - 3 * ratio), py);
    };
    c.save();
    c.strokeStyle = c.fillStyle = this.colors.text;
    c.lineWidth = ratio;
    c.globalAlpha = 0.16;
    for (const { at: v } of axes.x.ticks) line(at(v, -1), at(v, 1), []);
    for (const { at: v } of axes.y.ticks) line(at(-1, v), at(1, v), []);
    c.globalAlpha = 0.75;
    for (const [x1, y1, x2, y2] of axes.lines) line(at(x1, y1), at(x2, y2), [5, 4]);
    c.globalAlpha = 1;
    c.setLineDash([]);
    c.lineWidth = 3.5 * ratio;
    c.lineJoin = "round";
    c.strokeStyle = this.colors.backgroundText;
    c.font = `${11 * ratio}px ${this.font}`;
    c.textBaseline = "middle";
    const [left, bottom] = at(-1, -1);
    const row = clamp(bottom + 11 * ratio, 0, height - 9 * ratio);
    for (const { at: v, text } of axes.x.ticks) write(text, at(v, 0)[0], row, "center");
    for (const { at: v, text } of axes.y.ticks) write(text, left - 6 * ratio, at(0, v)[1], "right");
    c.font = `600 ${11 * ratio}px ${this.font}`;
    write(axes.y.title, left + 6 * ratio, clamp(at(0, 1)[1] + 9 * ratio, 9 * ratio, height), "left");
    write(axes.x.title, at(1, 0)[0], row - 18 * ratio, "right");
    c.font = `600 ${12.5 * ratio}px ${this.font}`;
    for (const { x: a, y: b, text, align } of axes.names) write(text, ...at(a, b), align);
    c.restore();
    this.stage.dataset.regions = axes.names.map(({ text }) => text).join(", ");
  }

  grayCanvas(gray) {
    const made = element("canvas");
    made.width = made.height = 28;
    const image = new ImageData(28, 28);
    gray.forEach((v, i) => image.data.set([v, v, v, 255], 4 * i));
    made.getContext("2d").putImageData(image, 0, 0);
    return made;
  }

  paintDrawing() {
    const { drawing } = this.data;
    if (!drawing) return;
    const { scale, x, y } = this.transform;
    const px = x + drawing.x * scale, py = y - drawing.y * scale;
    const c = this.context;
    c.strokeStyle = this.colors.primary;
    c.lineWidth = 1.2 * this.ratio;
    for (const i of drawing.nearest) {
      c.beginPath();
      c.moveTo(px, py);
      c.lineTo(...this.at(i));
      c.stroke();
    }
    const size = 40 * this.ratio;
    c.drawImage(this.drawn, px - size / 2, py - size / 2, size, size);
    c.lineWidth = 3 * this.ratio;
    c.strokeRect(px - size / 2, py - size / 2, size, size);
  }

  paintPath() {
    if (!this.path || this.path.length < 2) return;
    const { scale, x, y } = this.transform;
    const c = this.context;
    c.beginPath();
    this.path.forEach(([a, b], i) => c[i ? "lineTo" : "moveTo"](x + a * scale, y - b * scale));
    c.closePath();
    c.setLineDash([6 * this.ratio, 4 * this.ratio]);
    c.lineWidth = 2 * this.ratio;
    c.strokeStyle = this.colors.primary;
    c.stroke();
    c.setLineDash([]);
    c.globalAlpha = 0.08;
    c.fillStyle = this.colors.primary;
    c.fill();
    c.globalAlpha = 1;
  }

  paintPointed(i) {
    const [px, py] = this.at(i);
    const c = this.context;
    c.beginPath();
    c.arc(px, py, this.radius + 4 * this.ratio, 0, 2 * Math.PI);
    c.lineWidth = 2.5 * this.ratio;
    c.strokeStyle = this.colors.text;
    c.stroke();
  }

  // ---- the image pointed at ----

  writeTip(i) {
    const { classes, noun } = this.data;
    const tip = this.tip;
    if (tip.dataset.shown === `${i} ${this.data.sprites}`) return;
    tip.dataset.shown = `${i} ${this.data.sprites}`;
    const truth = classes[this.trueLabels[i]], predicted = classes[this.predictedLabels[i]];
    const wrong = truth !== predicted;
    tip.classList.toggle("wrong", wrong);
    tip.querySelector(".names").textContent = wrong ? `${truth} → ${predicted}` : truth;
    tip.querySelector(".facts").textContent =
      `${wrong ? "Misclassified" : "Correct"}, confidence ` +
      `${(this.confidences[i] / 100).toFixed(1)}%. ${this.notes(i)}${noun} #${this.indices[i]}`;
    const canvas = tip.querySelector("canvas");
    canvas.style.display = this.sheet ? "" : "none";
    if (this.sheet) {
      canvas.width = canvas.height = 28;
      canvas.getContext("2d").drawImage(...this.tile(i), 0, 0, 28, 28);
    }
  }

  // what a map with axes tells of a point, beside its place
  notes(i) {
    const { axes } = this.data;
    if (!axes) return "";
    const { scale: [dx, dy], offset: [x0, y0] } = axes;
    const across = this.positions[2 * i] * dx + x0, up = this.positions[2 * i + 1] * dy + y0;
    return `${axes.y.title} ${up.toFixed(2)}, ${axes.x.title.toLowerCase()} ${across.toFixed(2)}. `;
  }

  placeTip(i) {
    const tip = this.tip;
    tip.classList.toggle("shown", i >= 0 && !this.dragging);
    tip.classList.toggle("pinned", this.pinned >= 0);
    this.stage.dataset.pointed = i >= 0 ? this.indices[i] : "";
    if (i < 0) return;
    this.writeTip(i);
    const [px, py] = this.at(i).map((v) => v / this.ratio);
    const { clientWidth: width, clientHeight: height } = this.stage;
    const left = px + 14 + tip.offsetWidth > width ? px - 14 - tip.offsetWidth : px + 14;
    tip.style.left = `${clamp(left, 4, Math.max(4, width - tip.offsetWidth - 4))}px`;
    tip.style.top = `${clamp(py - tip.offsetHeight / 2, 4, Math.max(4, height - tip.offsetHeight - 4))}px`;
  }

  nearest(clientX, clientY, reach) {
    const box = this.canvas.getBoundingClientRect();
    const { scale, x, y } = this.transform;
    const px = (clientX - box.left) * this.ratio, py = (clientY - box.top) * this.ratio;
    let best = -1;
    let least = (this.radius + reach * this.ratio) ** 2;
    for (let i = 0; i < this.data.count; i++) {
      const dx = x + this.positions[2 * i] * scale - px;
      const dy = y - this.positions[2 * i + 1] * scale - py;
      const distance = dx * dx + dy * dy;
      if (distance < least) [best, least] = [i, distance];
    }
    return best;
  }

  // ---- moving ----

  fit() {
    this.view = { x: 0, y: 0, zoom: 1 };
    this.draw();
  }

  toMap(clientX, clientY) {
    const box = this.canvas.getBoundingClientRect();
    const { scale, x, y } = this.transform;
    return [
      ((clientX - box.left) * this.ratio - x) / scale,
      (y - (clientY - box.top) * this.ratio) / scale,
    ];
  }

  zoomBy(factor, clientX, clientY) {
    const box = this.canvas.getBoundingClientRect();
    const cx = clientX ?? box.left + box.width / 2, cy = clientY ?? box.top + box.height / 2;
    const [a, b] = this.toMap(cx, cy);
    this.view.zoom = clamp(this.view.zoom * factor, 0.5, 200);
    const [c, d] = this.toMap(cx, cy);
    this.panTo(this.view.x + a - c, this.view.y + b - d);
  }

  panTo(x, y) {
    this.view.x = clamp(x, -1.5, 1.5);
    this.view.y = clamp(y, -1.5, 1.5);
    this.draw();
  }

  panBy(dx, dy) {
    const { scale } = this.transform;
    this.panTo(this.view.x - (dx * this.ratio) / scale, this.view.y + (dy * this.ratio) / scale);
  }

  // ---- selecting ----

  inside(path) {
    const found = [];
    const [xs, ys] = [path.map((p) => p[0]), path.map((p) => p[1])];
    const [left, right] = [Math.min(...xs), Math.max(...xs)];
    const [low, high] = [Math.min(...ys), Math.max(...ys)];
    for (let i = 0; i < this.data.count; i++) {
      const px = this.positions[2 * i], py = this.positions[2 * i + 1];
      if (px < left || px > right || py < low || py > high) continue;
      let within = false;
      for (let a = 0, b = path.length - 1; a < path.length; b = a++)
        if (ys[a] > py !== ys[b] > py && px < ((xs[b] - xs[a]) * (py - ys[a])) / (ys[b] - ys[a]) + xs[a])
          within = !within;
      if (within) found.push(i);
    }
    return found;
  }

  select(path, event) {
    const positions = this.inside(path);
    const how = event?.shiftKey ? "add" : event?.altKey ? "remove" : "replace";
    this.stage.dataset.inside = positions.length;
    this.root.querySelector(".status").textContent = positions.length
      ? ""
      : "No image lies inside. Draw around some points.";
    if (positions.length) this.send("lassoed", { how, positions, layout: this.data.layout });
  }

  selectView() {
    const box = this.canvas.getBoundingClientRect();
    const corners = [
      [box.left, box.top], [box.right, box.top], [box.right, box.bottom], [box.left, box.bottom],
    ];
    this.path = corners.map(([x, y]) => this.toMap(x, y));
    this.select(this.path);
    this.draw();
  }

  // ---- hands ----

  listen() {
    const { canvas, stage } = this;
    canvas.onpointerdown = (event) => this.pressed(event);
    canvas.onpointermove = (event) => this.moved(event);
    canvas.onpointerup = (event) => this.released(event, false);
    canvas.onpointercancel = (event) => this.released(event, true);
    canvas.onpointerleave = () => {
      if (this.pointers.size) return;
      this.hovered = -1;
      this.draw();
    };
    canvas.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        const lines = event.deltaMode === 1 ? 16 : 1;
        const strength = event.ctrlKey ? 0.01 : 0.0016;
        this.zoomBy(Math.exp(-event.deltaY * lines * strength), event.clientX, event.clientY);
      },
      { passive: false }
    );
    stage.onkeydown = (event) => this.key(event);
    this.tip.querySelector("button").onclick = () => {
      if (this.pinned >= 0) this.send("opened", this.indices[this.pinned]);
    };
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(stage);
    this.onSprites = () => this.draw();
    window.addEventListener("fmnist-sprites", this.onSprites);
    canvas.screenOf = (i) => {
      const box = canvas.getBoundingClientRect();
      const [x, y] = this.at(i);
      return [box.left + x / this.ratio, box.top + y / this.ratio];
    };
  }

  close() {
    this.observer.disconnect();
    this.playing = false;
    window.removeEventListener("fmnist-sprites", this.onSprites);
  }

  pressed(event) {
    if (event.button > 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, [event.clientX, event.clientY]);
    this.hovered = -1;
    if (this.pointers.size > 1) {
      this.drawing = false; // two fingers zoom, whatever the tool
      this.path = this.pathBefore ?? this.path;
      return;
    }
    this.start = [event.clientX, event.clientY];
    this.travelled = 0;
    this.drawing = this.mode !== "pan";
    this.pathBefore = this.path;
    if (this.drawing) this.path = [this.toMap(...this.start)];
    this.dragging = true;
    this.stage.classList.add("dragging");
  }

  moved(event) {
    const last = this.pointers.get(event.pointerId);
    if (!last) {
      if (event.pointerType === "mouse" || event.pointerType === "pen") {
        const found = this.nearest(event.clientX, event.clientY, 5);
        if (found !== this.hovered) {
          this.hovered = found;
          this.draw();
        }
      }
      return;
    }
    const now = [event.clientX, event.clientY];
    const others = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
    this.pointers.set(event.pointerId, now);
    this.travelled += Math.hypot(now[0] - last[0], now[1] - last[1]);
    if (others.length) {
      const [other] = others;
      const span = (at) => Math.hypot(at[0] - other[0], at[1] - other[1]) || 1;
      this.panBy((now[0] - last[0]) / 2, (now[1] - last[1]) / 2);
      this.zoomBy(span(now) / span(last), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    } else if (this.drawing) {
      if (this.mode === "box") {
        const [[a, b], [c, d]] = [this.toMap(...this.start), this.toMap(...now)];
        this.path = [[a, b], [c, b], [c, d], [a, d]];
      } else {
        this.path.push(this.toMap(...now));
      }
      this.draw();
    } else {
      this.panBy(now[0] - last[0], now[1] - last[1]);
    }
  }

  released(event, cancelled) {
    if (!this.pointers.delete(event.pointerId)) return;
    if (this.pointers.size) return;
    this.dragging = false;
    this.stage.classList.remove("dragging");
    const wasClick = this.travelled < 5;
    if (this.drawing && !cancelled && !wasClick && this.path.length > 2) {
      this.select(this.path, event);
    } else if (this.drawing) {
      this.path = this.pathBefore;
    }
    this.drawing = false;
    if (wasClick && !cancelled) this.pin(event);
    this.draw();
  }

  pin(event) {
    const found = this.nearest(event.clientX, event.clientY, event.pointerType === "touch" ? 14 : 5);
    this.pinned = found === this.pinned ? -1 : found;
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.target !== this.stage) return;
    const act = {
      ArrowLeft: () => this.panBy(50, 0),
      ArrowRight: () => this.panBy(-50, 0),
      ArrowUp: () => this.panBy(0, 50),
      ArrowDown: () => this.panBy(0, -50),
      "+": () => this.zoomBy(1.3),
      "=": () => this.zoomBy(1.3),
      "-": () => this.zoomBy(1 / 1.3),
      0: () => this.fit(),
      m: () => this.setMode("pan"),
      l: () => this.setMode("lasso"),
      b: () => this.setMode("box"),
      Escape: () => {
        this.path = null;
        this.pinned = -1;
        this.draw();
      },
    }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }
}

export default function (component) {
  const root = component.parentElement.querySelector(".map");
  if (!instances.has(root)) instances.set(root, new ImageMap(root));
  const map = instances.get(root);
  map.update(component);
  return () => {
    map.close();
    instances.delete(root);
  };
}
