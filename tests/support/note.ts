/** Tells whoever runs the tests something worth knowing also where all of them pass: `npm test` shows it below the name of the file. */
export function note(text: string): void {
  console.log(`note: ${text}`);
}
