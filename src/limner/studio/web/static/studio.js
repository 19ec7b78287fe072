"use strict";
const at = document.body.dataset.at;

async function ask(path, body) {
  const answer = await fetch(at + path, {method: "POST", body: JSON.stringify(body ?? {})});
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.error);
  return told;
}

function tell(error) {
  const line = document.querySelector(".error");
  line.textContent = error ? error.message : "";
  line.hidden = !error;
}

for (const button of document.querySelectorAll(".copy")) {
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.previousElementSibling.textContent.trim());
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
}

// --- a page's form -------------------------------------------------------------------------------------------------

const form = document.querySelector("form.ask");

function values() {
  const given = {};
  for (const field of form.querySelectorAll("[name]:not([data-tool])")) given[field.name] = field.type === "checkbox" ? field.checked : field.value;
  return given;
}

let waiting;
function follow() {  // the command, as soon as nobody types
  clearTimeout(waiting);
  waiting = setTimeout(async () => {
    const line = document.querySelector("#command span");
    try {
      const told = await ask("/" + form.dataset.page + "/command", values());
      line.textContent = told.command;
      form.querySelector(".lacking").textContent = told.lacks ?? "";
    } catch (error) { tell(error); }
  }, 150);
}

function setUpFile(box) {
  const select = box.querySelector("select"), chooser = box.querySelector("input[type=file]"), drop = box.querySelector(".drop");
  const thumb = box.querySelector(".thumb"), bar = box.querySelector("progress");
  const show = () => {
    thumb.hidden = !select.value || /\.(gpkg|geojson|shp|npz|mp4|mov)$/i.test(select.value);
    if (!thumb.hidden) thumb.src = at + "/picture?as=scene&px=360&path=" + encodeURIComponent(select.value);
    thumb.alt = select.value;
  };
  const choose = path => {
    if (![...select.options].some(each => each.value === path)) select.add(new Option(path, path));
    select.value = path;
    show();
    follow();
  };
  const send = file => new Promise((done, fail) => {
    const request = new XMLHttpRequest();
    request.open("PUT", at + "/upload?name=" + encodeURIComponent(file.name));
    request.upload.onprogress = event => { bar.value = event.loaded / event.total; };
    request.onload = () => {
      const told = JSON.parse(request.responseText);
      if (request.status === 200) done(told.path); else fail(new Error(told.error));
    };
    request.onerror = () => fail(new Error("The upload was refused or broken off: is the file larger than the limit?"));
    request.send(file);
  });
  const take = async work => {
    tell();
    bar.hidden = false;
    bar.value = 0;
    try { choose(await work()); } catch (error) { tell(error); }
    bar.hidden = true;
  };
  select.addEventListener("change", show);
  thumb.addEventListener("error", () => { thumb.hidden = true; });
  chooser.addEventListener("change", () => { if (chooser.files.length) take(() => send(chooser.files[0])); });
  for (const name of ["dragover", "dragleave", "drop"]) {
    drop.addEventListener(name, event => { event.preventDefault(); drop.classList.toggle("over", name === "dragover"); });
  }
  drop.addEventListener("drop", event => { if (event.dataTransfer.files.length) take(() => send(event.dataTransfer.files[0])); });
  setUpEasel(box, choose);
  for (const button of box.querySelectorAll("[data-example]")) {
    button.addEventListener("click", () => take(async () => (await ask("/example/" + button.dataset.example)).path));
  }
  show();
}

if (form) {
  form.querySelectorAll(".file").forEach(setUpFile);
  for (const button of form.querySelectorAll(".example")) {
    button.addEventListener("click", async () => {
      tell();
      const select = button.parentElement.querySelector("select");
      try {
        const path = (await ask("/example/" + button.dataset.example)).path;
        if (![...select.options].some(each => each.value === path)) select.add(new Option(path, path));
        select.value = path;
        follow();
      } catch (error) { tell(error); }
    });
  }
  for (const slider of form.querySelectorAll("[data-slides]")) {
    const number = form.elements[slider.dataset.slides];
    slider.addEventListener("input", () => { number.value = slider.value; });
    number.addEventListener("input", () => { if (number.value) slider.value = number.value; });
  }
  form.addEventListener("input", follow);
  form.addEventListener("submit", async event => {
    event.preventDefault();
    tell();
    const button = form.querySelector("[type=submit]");
    button.disabled = true;
    try {
      location.href = at + "/work/" + (await ask("/" + form.dataset.page + "/start", values())).job;
    } catch (error) { tell(error); button.disabled = false; }
  });
  window.addEventListener("pageshow", () => { form.querySelector("[type=submit]").disabled = false; });
  follow();
}

// --- a job, or a run that is trained ---------------------------------------------------------------------------------

const job = document.querySelector("#job");

async function watch() {
  let told;
  try {
    const answer = await fetch(job.dataset.live);
    told = await answer.json();
    if (!answer.ok) throw new Error(told.error);
  } catch (error) {
    tell(new Error("The studio does not answer; it may have been ended in its terminal."));
    setTimeout(watch, 5000);
    return;
  }
  if (told.ended) { location.reload(); return; }
  const line = job.querySelector(".line"), state = job.querySelector(".state"), bar = job.querySelector(".share");
  if (line.textContent !== told.line) line.textContent = told.line;
  if (!state.classList.contains(told.state)) location.reload();
  if (bar) { if (told.share === null) bar.removeAttribute("value"); else bar.value = told.share; }
  const lines = job.querySelector(".said pre");
  if (lines) lines.textContent = told.said.join("\n");
  const live = document.querySelector("#live");
  if (live.dataset.html !== told.html) { live.innerHTML = told.html; live.dataset.html = told.html; }
  setTimeout(watch, 1000);
}

if (job) {
  for (const button of job.querySelectorAll("[data-act]")) {
    button.addEventListener("click", async () => {
      button.disabled = true;
      try { await ask(button.dataset.act.slice(at.length)); location.reload(); } catch (error) { tell(error); button.disabled = false; }
    });
  }
  if (job.dataset.ended === "no") setTimeout(watch, 500);
}

// --- results -------------------------------------------------------------------------------------------------------

for (const figure of document.querySelectorAll(".layers")) {
  const layer = number => figure.querySelector(`[data-layer="${number}"]`);
  for (const box of figure.querySelectorAll("[data-switch]")) {
    box.addEventListener("change", () => { layer(box.dataset.switch).hidden = !box.checked; });
  }
  for (const range of figure.querySelectorAll("[data-strength]")) {
    range.addEventListener("input", () => { layer(range.dataset.strength).style.opacity = range.value / 100; });
  }
}

for (const figure of document.querySelectorAll(".boxes")) {
  const range = figure.querySelector("input"), output = figure.querySelector("output");
  range.addEventListener("input", () => {
    output.textContent = Number(range.value).toFixed(2);
    let shown = 0;
    const boxes = figure.querySelectorAll("rect");
    for (const each of figure.querySelectorAll("[data-score]")) {
      const there = Number(each.dataset.score) >= Number(range.value);
      each.toggleAttribute("hidden", !there);
      if (there && each.tagName === "rect") shown += 1;
    }
    figure.querySelector(".count").textContent = `${shown} of ${boxes.length} objects`;
  });
}

for (const figure of document.querySelectorAll(".frames")) {
  const range = figure.querySelector("input"), frames = figure.querySelectorAll(".film img"), play = figure.querySelector(".play");
  const show = number => { range.value = number; frames.forEach((frame, place) => { frame.hidden = place !== number - 1; }); };
  let running;
  const stop = () => { clearInterval(running); running = undefined; play.textContent = "Play"; };
  range.addEventListener("input", () => { stop(); show(Number(range.value)); });
  play.addEventListener("click", () => {
    if (running) { stop(); return; }
    play.textContent = "Pause";
    running = setInterval(() => show(Number(range.value) % frames.length + 1), 80);
  });
}
