interface Numbered {
  n: number;
}

/** Waits three times the ack wait for the first record, as for a slow service. */
export default async function wait(record: Numbered) {
  if (record.n === 100_000) await new Promise((resolve) => setTimeout(resolve, 3000));
  return record;
}
