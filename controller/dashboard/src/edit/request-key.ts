/** Idempotency keys: a write that is sent again, because its answer got lost, is carried out once. */

import { useRef } from "react";

const BYTES = 16;

/** The key of a request: the same for the same content, until `renew`. */
export function useRequestKey() {
  const last = useRef({ content: "", key: "" });
  return {
    keyOf(content: string): string {
      if (last.current.content !== content || !last.current.key)
        last.current = { content, key: newKey() };
      return last.current.key;
    },
    renew() {
      last.current = { content: "", key: "" };
    },
  };
}

/** Not `randomUUID`, which browsers have over HTTPS alone. */
function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(BYTES));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
