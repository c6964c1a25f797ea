/** The subjects under which one subscription waits for answers, up to their last token. Short, because it is in every publication and in every answer. */
export function newInbox(): string {
  return `_INBOX.${crypto.randomUUID().replaceAll("-", "").slice(-16)}.`;
}
