for (const box of document.querySelectorAll(".comparison")) {
  const range = box.querySelector("input");
  const show = percent => box.style.setProperty("--at", percent + "%");
  const follow = event => {
    const edge = box.getBoundingClientRect();
    const percent = Math.min(100, Math.max(0, 100 * (event.clientX - edge.left) / edge.width));
    range.value = percent;
    show(percent);
  };
  range.addEventListener("input", () => show(range.value));
  box.addEventListener("pointerdown", event => {
    event.preventDefault();
    range.focus({preventScroll: true});
    box.setPointerCapture(event.pointerId);
    follow(event);
  });
  box.addEventListener("pointermove", event => { if (box.hasPointerCapture(event.pointerId)) follow(event); });
}
for (const region of document.querySelectorAll(".regions path")) {  // a tap, which may hover over nothing
  const key = region.closest(".regions").querySelector("button." + region.getAttribute("class"));
  region.addEventListener("click", () => key.focus({preventScroll: true}));
}
