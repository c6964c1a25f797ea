import type { Context } from "kflow";

/** Passes every message on, and notes those that are empty. */
export default function forward(record: { id: string; msg: string }, ctx: Context) {
  if (record.msg === "") {
    const note = ctx.newRecord("notes"); // with the level that its schema gives as default
    note.err = "the message was empty";
    note.id = record.id;
    void ctx.toSideStream("notes", note); // at once; stored before the message is acknowledged
  }
  return record;
}
