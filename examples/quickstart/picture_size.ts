/** Width and height of a picture in pixels; undefined for what is no picture, or does not say. */
export function pictureSize(
  mediaType: string,
  content: Uint8Array,
  text: string | undefined,
): { width: number; height: number } | undefined {
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  if (mediaType === "image/png" && content.length >= 24) {
    return { width: view.getUint32(16), height: view.getUint32(20) };
  }
  if (mediaType === "image/gif" && content.length >= 10) {
    return { width: view.getUint16(6, true), height: view.getUint16(8, true) };
  }
  if (mediaType === "image/svg+xml" && text !== undefined) return svgSize(text);
  return undefined;
}

/** From the attributes width and height, else from the view box. */
function svgSize(text: string): { width: number; height: number } | undefined {
  const [tag] = text.match(/<svg[^>]*>/) ?? [];
  const width = tag?.match(/\swidth="(\d+)(?:px)?"/)?.[1];
  const height = tag?.match(/\sheight="(\d+)(?:px)?"/)?.[1];
  if (width && height) return { width: Number(width), height: Number(height) };
  const box = tag?.match(/\sviewBox="[\d.-]+[ ,]+[\d.-]+[ ,]+(\d+)[ ,]+(\d+)"/);
  return box ? { width: Number(box[1]), height: Number(box[2]) } : undefined;
}
