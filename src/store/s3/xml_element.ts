import { SaxesParser } from "saxes";

/** Tags, attributes and instructions. A page of 1,000 objects has less than 30 for each. */
const MAX_PARTS = 100_000;
const MAX_DEPTH = 20;
/** Of one text: a key has 1,024 bytes. */
const MAX_LENGTH = 64 * 1024;

/** An element of an XML document, without its attributes. */
export class XmlElement {
  readonly children: XmlElement[] = [];
  /** Of the element itself; of text between its children all is in one piece. */
  text = "";

  constructor(readonly name: string) {}

  /** Text of the first child of this name; empty if there is none. */
  textOf(name: string): string {
    return this.children.find((child) => child.name === name)?.text ?? "";
  }
}

/**
 * Reads a whole document. Nothing that it declares is expanded: one with a document type is refused.
 * @throws {SyntaxError} if it is not well-formed, or has more or longer parts than any answer of S3.
 */
export function parseXml(xml: string): XmlElement {
  const parser = new SaxesParser({ position: false });
  const path: XmlElement[] = [];
  let root: XmlElement | undefined;
  let parts = 0;
  const count = () => {
    if (++parts > MAX_PARTS || path.length > MAX_DEPTH) {
      throw new SyntaxError("the answer has too many parts");
    }
  };
  const append = (text: string) => {
    if (text.length > MAX_LENGTH) throw new SyntaxError("the answer has a part that is too long");
    const element = path.at(-1);
    if (element !== undefined) element.text += text;
  };
  parser.on("doctype", () => {
    throw new SyntaxError("the answer declares a document type");
  });
  parser.on("opentagstart", ({ name }) => {
    count();
    const element = new XmlElement(name);
    path.at(-1)?.children.push(element);
    root ??= element;
    path.push(element);
  });
  parser.on("attribute", count);
  parser.on("processinginstruction", count);
  parser.on("closetag", () => void path.pop());
  parser.on("text", append);
  parser.on("cdata", append);
  try {
    parser.write(xml.trim()).close();
  } catch (cause) {
    if (cause instanceof SyntaxError) throw cause;
    throw new SyntaxError(`the answer is no XML: ${String(cause)}`, { cause });
  }
  if (root === undefined) throw new SyntaxError("the answer is empty");
  return root;
}
