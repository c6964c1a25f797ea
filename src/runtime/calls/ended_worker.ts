/** The Web Worker that a call ran in has ended with it: the record may be what ended it. */
export class EndedWorker extends Error {
  override readonly name = "EndedWorker";
}
