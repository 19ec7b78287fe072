"use strict";
// Drawing over a picture: outlines of objects, and painted masks. By mouse, finger or keys; places are 0 to 1 across
// and down the picture.

const STEP = .02, FINE = .004, NEAR_PX = 12;

function part(name, attributes, ...inside) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...inside);
  return made;
}

function choices(box, legend, name, entries) {  // radio buttons; gives what is chosen
  const group = part("fieldset", {class: "tools"}, part("legend", {class: "unseen"}, legend));
  for (const [value, words] of entries) {
    const button = part("input", {type: "radio", name, value, "data-tool": ""});
    button.checked = value === entries[0][0];
    group.append(part("label", {}, button, " " + words));
  }
  box.append(group);
  return () => group.querySelector("input:checked").value;
}

function slider(box, words, least, most, value, step) {
  const range = part("input", {type: "range", min: least, max: most, value, step, "data-tool": ""});
  box.append(part("label", {class: "reach"}, words + " ", range));
  return range;
}

function button(box, words, act, main) {
  const made = part("button", {type: "button", class: main ? "main" : "quiet"}, words);
  made.addEventListener("click", act);
  box.append(made);
  return made;
}

// What both kinds share: the picture, a cross that keys move, zoom, a line that tells how far it is.
class Easel {
  constructor(box, path, help, put) {
    this.put = put;
    this.cross = {x: .5, y: .5};
    this.sheet = part("div", {class: "sheet", tabindex: "0", role: "application", "aria-label": help, "aria-busy": "true"});
    this.picture = part("img", {alt: "what is drawn on", src: at + "/picture?as=scene&px=2000&path=" + encodeURIComponent(path)});
    this.mark = part("i", {class: "cross", "aria-hidden": "true"});
    this.sheet.append(this.picture, this.mark);
    this.tools = part("div", {class: "switches"});
    this.line = part("p", {class: "count", role: "status"});
    this.error = part("p", {class: "error", role: "alert", hidden: ""});
    const zoom = slider(this.tools, "Zoom", 1, 6, 1, .5);
    zoom.addEventListener("input", () => { this.sheet.style.width = 100 * zoom.value + "%"; this.drawn(); });
    box.replaceChildren(part("p", {class: "help"}, help), this.tools, part("div", {class: "easel-view"}, this.sheet), this.line, this.error);
    this.buttons = part("p", {class: "buttons"});
    box.append(this.buttons);
    for (const [name, act] of [["pointerdown", "down"], ["pointermove", "move"], ["pointerup", "up"], ["pointercancel", "up"]]) {
      this.sheet.addEventListener(name, event => this.point(event, act));
    }
    this.sheet.addEventListener("keydown", event => this.key(event));
    this.ready = new Promise((done, fail) => {  // until then nothing can be drawn: it would have no place, and be lost
      this.picture.onload = () => { this.sheet.removeAttribute("aria-busy"); done(); };
      this.picture.onerror = () => fail(new Error("The picture cannot be shown."));
    });
  }
  place(event) {
    const frame = this.picture.getBoundingClientRect(), inside = value => Math.min(1, Math.max(0, value));
    return {x: inside((event.clientX - frame.left) / frame.width), y: inside((event.clientY - frame.top) / frame.height)};
  }
  point(event, act) {
    if (this.sheet.hasAttribute("aria-busy")) return;
    if (act === "down") {
      if (event.button) return;
      event.preventDefault();
      this.sheet.focus({preventScroll: true});
      this.sheet.setPointerCapture(event.pointerId);
    }
    this.cross = this.place(event);
    this[act](this.cross);
    this.drawn();
  }
  key(event) {
    if (this.sheet.hasAttribute("aria-busy")) return;
    const step = event.shiftKey ? FINE : STEP, ways = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
    if (ways[event.key]) {
      const [x, y] = ways[event.key], inside = value => Math.min(1, Math.max(0, value)), ratio = this.picture.width / this.picture.height;
      this.cross = {x: inside(this.cross.x + x * step), y: inside(this.cross.y + y * step * ratio)};
      this.moved();
    } else if (event.key === " ") this.space();
    else if (event.key === "Enter") this.enter();
    else if (event.key === "Backspace") this.undo();
    else return;
    event.preventDefault();
    this.drawn();
    this.mark.scrollIntoView({block: "nearest", inline: "nearest"});
  }
  drawn() {
    this.mark.style.left = 100 * this.cross.x + "%";
    this.mark.style.top = 100 * this.cross.y + "%";
  }
  async use(work) {
    this.error.hidden = true;
    try { this.put(await work()); } catch (error) { this.error.textContent = error.message; this.error.hidden = false; }
  }
  moved() {} down() {} move() {} up() {} space() {} enter() {} undo() {}
}

class Outlines extends Easel {
  constructor(box, path, kind, put) {
    super(box, path, "Outline: click its corners, and the first again to close it. Box: drag. Keys: arrows move the cross (with Shift a little), Space sets a corner, Enter closes, Backspace takes back.", put);
    this.shapes = [];
    this.open = [];
    this.tool = choices(this.tools, "What is drawn", "tool-" + kind, [["outline", "Outline"], ["box", "Box"]]);
    this.mark.insertAdjacentHTML("beforebegin", '<svg viewBox="0 0 1 1" preserveAspectRatio="none" aria-hidden="true"></svg>');
    this.svg = this.sheet.querySelector("svg");
    this.save = button(this.buttons, kind === "ground" ? "Use this ground" : "Use these objects", () => this.use(() => this.send(path, kind)), true);
    button(this.buttons, "Take back", () => { this.undo(); this.drawn(); });
    button(this.buttons, "Clear", () => { this.shapes = []; this.open = []; this.drawn(); });
    this.drawn();
  }
  async send(path, kind) {
    if (this.open.length > 2) this.enter();
    return (await ask("/drawn", {over: path, name: kind, shapes: this.shapes.map(shape => shape.map(each => [each.x, each.y]))})).path;
  }
  near(a, b) {
    return Math.hypot((a.x - b.x) * this.picture.width, (a.y - b.y) * this.picture.height) < NEAR_PX;
  }
  corner(place) {
    if (this.tool() === "box") {
      if (!this.open.length) { this.open = [place]; return; }
      const [{x, y}] = this.open;
      if (x !== place.x && y !== place.y) this.shapes.push([{x, y}, {x: place.x, y}, place, {x, y: place.y}]);
      this.open = [];
    } else if (this.open.length > 2 && this.near(place, this.open[0])) this.enter();
    else if (!this.open.length || !this.near(place, this.open.at(-1))) this.open.push(place);
  }
  down(place) { this.corner(place); }
  up(place) { if (this.tool() === "box" && this.open.length && !this.near(place, this.open[0])) this.corner(place); }
  space() { this.corner(this.cross); }
  enter() { if (this.open.length > 2) { this.shapes.push(this.open); this.open = []; } }
  undo() { if (this.open.length) this.open.pop(); else this.shapes.pop(); }
  drawn() {
    super.drawn();
    if (!this.svg) return;
    const polygon = (corners, name) => `<polygon class="${name}" points="${corners.map(each => each.x + "," + each.y).join(" ")}"/>`;
    let begun = "";
    if (this.open.length && this.tool() === "box") {
      const [{x, y}] = this.open;
      begun = polygon([{x, y}, {x: this.cross.x, y}, this.cross, {x, y: this.cross.y}], "begun");
    } else if (this.open.length) begun = polygon([...this.open, this.cross], "begun");
    this.svg.innerHTML = this.shapes.map(shape => polygon(shape, "whole")).join("") + begun;
    const open = this.open.length ? `, one begun with ${this.open.length} corners` : "";
    this.line.textContent = `${this.shapes.length} drawn${open}`;
    this.save.disabled = !this.shapes.length && this.open.length < 3;
  }
}

class Mask extends Easel {
  constructor(box, path, put) {
    super(box, path, "Paint where something is to change. Keys: arrows move the brush (with Shift a little), Space lets it down and lifts it.", put);
    this.canvas = part("canvas", {});
    this.sheet.insertBefore(this.canvas, this.mark);
    this.last = null;
    this.steps = [];
    this.tool = choices(this.tools, "Brush", "brush", [["paint", "Paint"], ["erase", "Erase"]]);
    this.reach = slider(this.tools, "Brush", 1, 30, 5, 1);
    this.reach.addEventListener("input", () => this.drawn());
    this.save = button(this.buttons, "Use this mask", () => this.use(() => this.send(path)), true);
    button(this.buttons, "Take back", () => { this.undo(); this.drawn(); });
    button(this.buttons, "Clear", () => { this.keep(); this.canvas.getContext("2d").clearRect(0, 0, this.canvas.width, this.canvas.height); this.drawn(); });
    this.ready.then(() => {
      this.canvas.width = this.picture.naturalWidth;
      this.canvas.height = this.picture.naturalHeight;
      this.drawn();
    });
    this.drawn();
  }
  radius() { return this.reach.value / 200 * Math.max(this.canvas.width, this.canvas.height); }
  keep() {
    this.steps.push(this.canvas.getContext("2d").getImageData(0, 0, this.canvas.width, this.canvas.height));
    this.steps.splice(0, this.steps.length - 12);
  }
  stroke(place) {
    const pen = this.canvas.getContext("2d"), from = this.last ?? place;
    pen.globalCompositeOperation = this.tool() === "erase" ? "destination-out" : "source-over";
    pen.strokeStyle = "#ff00aa";
    pen.lineCap = pen.lineJoin = "round";
    pen.lineWidth = 2 * this.radius();
    pen.beginPath();
    pen.moveTo(from.x * this.canvas.width, from.y * this.canvas.height);
    pen.lineTo(place.x * this.canvas.width + .01, place.y * this.canvas.height);
    pen.stroke();
    this.last = place;
  }
  down(place) { this.keep(); this.last = null; this.stroke(place); }
  move(place) { if (this.last) this.stroke(place); }
  up() { this.last = null; }
  space() { if (this.last) this.last = null; else this.down(this.cross); }
  moved() { if (this.last) this.stroke(this.cross); }
  undo() { const before = this.steps.pop(); if (before) this.canvas.getContext("2d").putImageData(before, 0, 0); }
  share() {
    const {data} = this.canvas.getContext("2d").getImageData(0, 0, this.canvas.width || 1, this.canvas.height || 1);
    let painted = 0;
    for (let place = 3; place < data.length; place += 4) painted += data[place] > 127;
    return 4 * painted / data.length;
  }
  drawn() {
    super.drawn();
    if (!this.canvas) return;
    const wide = 100 * 2 * this.radius() / (this.canvas.width || 1);
    this.mark.classList.add("brush");
    this.mark.style.width = wide + "%";
    clearTimeout(this.counting);
    this.counting = setTimeout(() => {
      const share = this.share();
      this.line.textContent = `${(100 * share).toFixed(1)} % painted` + (this.last ? ", the brush is down" : "");
      this.save.disabled = share === 0;
    }, 60);
  }
  async send(path) {  // white on black, as the verbs take masks
    const flat = part("canvas", {width: this.canvas.width, height: this.canvas.height}), pen = flat.getContext("2d");
    pen.drawImage(this.canvas, 0, 0);
    pen.globalCompositeOperation = "source-in";
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, flat.width, flat.height);
    pen.globalCompositeOperation = "destination-over";
    pen.fillStyle = "#000";
    pen.fillRect(0, 0, flat.width, flat.height);
    const picture = await new Promise(done => flat.toBlob(done, "image/png"));
    const answer = await fetch(at + "/painted?over=" + encodeURIComponent(path), {method: "PUT", body: picture});
    const told = await answer.json();
    if (!answer.ok) throw new Error(told.error);
    return told.path;
  }
}

// A field's button "Draw" or "Paint": opens an easel over the picture that another field names.
function setUpEasel(box, choose) {
  const opener = box.querySelector("[data-easel]"), place = box.querySelector(".easel");
  if (!opener) return;
  opener.addEventListener("click", async () => {
    const over = form.querySelector(`[name="${opener.dataset.over}"]`).value;
    tell();
    if (!over) { tell(new Error("Choose first what to draw over.")); return; }
    const put = path => { choose(path); place.replaceChildren(); place.hidden = true; opener.focus(); };
    place.hidden = false;
    const made = opener.dataset.easel === "mask" ? new Mask(place, over, put) : new Outlines(place, over, opener.dataset.easel, put);
    try { await made.ready; made.sheet.focus(); } catch (error) { place.hidden = true; tell(error); }
  });
}
