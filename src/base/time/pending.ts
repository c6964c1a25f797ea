/** Whether an answer has to be awaited. Any thenable counts, as it does for `await`. */
export function isPending(answer: unknown): answer is PromiseLike<unknown> {
  return typeof answer === "object" && answer !== null &&
    typeof (answer as Partial<PromiseLike<unknown>>).then === "function";
}
