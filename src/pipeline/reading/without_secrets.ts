/** A scheme and a host, or a user, before what is no port. */
const NO_PORT =
  /^(?!(?:memory|file|javascript|data|blob|mailto):)((?:[a-z][a-z0-9+.-]*:\/\/)?[^:/[\]]*):(?!\/\/|\d+(?:[^\w.-]|$))[^]+$/i;
const SECRET_NAME = /passw(?:or)?d|secret|token|api[._-]?key|credential/i;
const VALUE_IN_KEY = /((?:passw(?:or)?d|secret|token|api[._-]?key|credential)\w*)[^\w.-][^]*$/i;

/** Takes the credentials out of an address for a message, and a query, in which there may be a token. */
export function withoutCredentials(address: string): string {
  const shown = address.includes("@")
    ? address.replace(/^([a-z][a-z0-9+.-]*:\/\/)?[^]*@/i, "$1***@")
    // What is not a port may be a password whose "@" was forgotten.
    : address.replace(NO_PORT, "$1:***");
  return shown.replace(/\?[^]*$/, "?***");
}

/** The same for any text, which is taken for an address if it looks like one. */
export function withoutSecrets(text: string): string {
  return /:\/\/|@/.test(text) ? withoutCredentials(text) : text;
}

/** Takes out what follows the name of a secret in a key: `password:x`, where a space was forgotten, is a key and has the value in it. */
export function keyWithoutValue(key: string): string {
  return key.replace(VALUE_IN_KEY, "$1…");
}

/** Whether a key that a user chose names a secret, so that no message may quote its value. */
export function namesSecret(key: string): boolean {
  return SECRET_NAME.test(key);
}
