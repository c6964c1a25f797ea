import { AckError } from "kflow";

export default function celsius({ station, fahrenheit }: { station: string; fahrenheit: number }) {
  if (fahrenheit < -459.67) throw new AckError(`${fahrenheit} °F is below absolute zero`);
  return { station, celsius: (fahrenheit - 32) / 1.8 };
}
