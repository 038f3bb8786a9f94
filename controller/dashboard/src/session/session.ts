/** Who is signed in. The token lives in sessionStorage: it ends with the tab and stays in it. */

import { createContext, useContext } from "react";
import type { Api } from "../api/client";

const KEY = "ovsfleet.token";

export interface Session {
  api: Api;
  signOut: (why?: string) => void;
}

export const SessionContext = createContext<Session | null>(null);

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error("used outside of a signed-in part of the page");
  return session;
}

export const storedToken = (): string => sessionStorage.getItem(KEY) ?? "";
export const storeToken = (token: string): void => sessionStorage.setItem(KEY, token);

/** Begins the keys under which the browser keeps what somebody saw, over their tabs. */
export const SEEN = "ovsfleet.seen.";

/** And what the browser remembers of what was seen with it: the next person may see less. */
export function forgetToken(): void {
  sessionStorage.clear();
  for (const key of Object.keys(localStorage)) if (key.startsWith(SEEN)) localStorage.removeItem(key);
}
