/** An array is a source too: these are all the messages. */
export default ["good morning", "", "how are you?", "", "good night"].map((msg, index) => ({
  id: `m${index}`,
  msg,
}));
