/** How large a pipeline may be. */
export const MAX_BYTES = 1024 * 1024;
export const MAX_DEPTH = 64;
export const MAX_VALUES = 50_000;
export const TOO_MUCH = "too many values or levels; no pipeline needs so many";
