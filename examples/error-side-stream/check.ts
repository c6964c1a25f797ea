import { AckError, type Context } from "kflow";

/** What cannot be is given up: it is acknowledged, and an error record tells of it. */
class NotPlausible extends AckError {}

export default function check(reading: { station: string; celsius: number }, ctx: Context) {
  const { station, celsius } = reading;
  if (celsius < -273.15 || celsius > 60) throw new NotPlausible(`${celsius} °C at ${station}`);
  // Any other error has the record tried again; each attempt that fails has its error record.
  if (station === "summit" && ctx.delivery.attempt === 1) throw new Error("no answer from summit");
  return reading;
}
