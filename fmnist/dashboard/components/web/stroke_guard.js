// Holds a click on one of the sheet's buttons back until the canvas has sent its last stroke.
// The canvas sends a stroke 200 ms after the pen is up, and drops it if it is given other shapes
// before. Timers fire in the order in which they are due, so a click held back for longer than that
// comes after the stroke, however slow the machine is.
const UNSENT = 250; // milliseconds after pen up
const BUTTONS = ".st-key-draw-sketchpad button";

let penUp = -Infinity;
let installed = false;

const isOnCanvas = (event) =>
  event.composedPath().some((node) => node.classList?.contains("upper-canvas"));

export default function () {
  if (installed) return;
  installed = true;
  const onPenUp = (event) => {
    if (isOnCanvas(event)) penUp = performance.now();
  };
  for (const name of ["mouseup", "touchend", "pointerup"])
    document.addEventListener(name, onPenUp, { capture: true, passive: true });
  document.addEventListener(
    "click",
    (event) => {
      const button = event.target.closest?.(BUTTONS);
      const left = UNSENT - (performance.now() - penUp);
      if (!button || left <= 0) return;
      event.stopImmediatePropagation();
      event.preventDefault();
      setTimeout(() => button.click(), left);
    },
    { capture: true }
  );
}
