/** Records inside records that a message may hold. The stack has room for several times as many. */
export const MAX_DEPTH = 512;
