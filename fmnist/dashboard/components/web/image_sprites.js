// Thumbnails for the maps of the page: one sheet, apart from the maps, so that it is sent once and
// not with every change of their colors.
export default function (component) {
  const { data } = component;
  const sheets = (window.fmnistSprites ??= new Map());
  if (sheets.get(data.name)?.source === data.sheet) return;
  const image = new Image();
  image.onload = () => {
    sheets.clear(); // the sheet of another split is of no use any more
    sheets.set(data.name, { source: data.sheet, image, tile: data.tile, columns: data.columns });
    window.dispatchEvent(new Event("fmnist-sprites"));
  };
  image.src = `data:image/jpeg;base64,${data.sheet}`;
}
