/** A call was ended through no fault of its record that anybody knows of: it is made again at once, and no attempt is used up. */
export class InterruptedCall extends Error {
  override readonly name = "InterruptedCall";
}
