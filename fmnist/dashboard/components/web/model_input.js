// A small image, gray or in colors, enlarged with sharp pixels and changed in place.
export default function (component) {
  const { data, parentElement } = component;
  const canvas = parentElement.querySelector("canvas");
  const bytes = Uint8Array.from(atob(data.pixels), (c) => c.charCodeAt(0));
  const values = data.colored ? 4 : 1; // a pixel: red, green, blue and opacity, or gray
  const columns = data.columns ?? Math.sqrt(bytes.length / values);
  const rows = bytes.length / values / columns;
  if (canvas.width !== columns || canvas.height !== rows) {
    canvas.width = columns;
    canvas.height = rows;
  }
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  if (data.colored) image.data.set(bytes);
  else bytes.forEach((gray, i) => image.data.set([gray, gray, gray, 255], 4 * i));
  context.putImageData(image, 0, 0);
  canvas.setAttribute("aria-label", data.alt);
  canvas.style.width = `${data.width}px`;
  canvas.style.height = `${(data.width * rows) / columns}px`;
  canvas.style.outlineStyle = data.columns ? "none" : "";
  if (data.event !== undefined) Object.assign(canvas.dataset, { event: data.event, growing: data.growing });
  parentElement.querySelector(".caption").textContent = data.caption;
}
