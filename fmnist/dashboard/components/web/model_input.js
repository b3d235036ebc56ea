// A small gray image, enlarged with sharp pixels and changed in place.
export default function (component) {
  const { data, parentElement } = component;
  const canvas = parentElement.querySelector("canvas");
  const bytes = Uint8Array.from(atob(data.pixels), (c) => c.charCodeAt(0));
  const side = Math.sqrt(bytes.length);
  if (canvas.width !== side) canvas.width = canvas.height = side;
  const context = canvas.getContext("2d");
  const image = context.createImageData(side, side);
  bytes.forEach((gray, i) => image.data.set([gray, gray, gray, 255], 4 * i));
  context.putImageData(image, 0, 0);
  canvas.setAttribute("aria-label", data.alt);
  canvas.style.width = canvas.style.height = `${data.width}px`;
  parentElement.querySelector(".caption").textContent = data.caption;
}
