/** Asks before what is written and not saved goes away: by a link, by the palette, by "back", by
 * signing out, by closing the page. */

import { useEffect, useRef } from "react";

const QUESTION = "What you have written here is not saved. Leave it?";

const unsaved = new Set<object>();

export const hasUnsaved = (): boolean => unsaved.size > 0;

/** Whether the page may go away, or a person says that it may. */
export const mayLeave = (): boolean => !hasUnsaved() || confirm(QUESTION);

type Navigate = (to: string, options?: object) => void;

/** For the router: every way to another page of the dashboard leads through here. */
export function aroundNavigation(navigate: Navigate, to: string, options?: object): void {
  if (new URL(to, location.href).pathname === location.pathname || mayLeave()) navigate(to, options);
}

/** Answers what lets the page go: once it is saved, nobody is asked. */
export function useUnsavedGuard(isUnsaved: boolean): () => void {
  const me = useRef({});
  useEffect(() => {
    if (!isUnsaved) return;
    const { current } = me;
    unsaved.add(current);
    const here = location.href;
    const state: unknown = history.state;
    const onUnload = (event: BeforeUnloadEvent) => hasUnsaved() && event.preventDefault();
    const onPop = (event: PopStateEvent) => {
      if (mayLeave()) return;
      // The address has changed already; nobody else is to hear of it.
      event.stopImmediatePropagation();
      history.pushState(state, "", here);
    };
    addEventListener("beforeunload", onUnload);
    addEventListener("popstate", onPop, true);
    return () => {
      unsaved.delete(current);
      removeEventListener("beforeunload", onUnload);
      removeEventListener("popstate", onPop, true);
    };
  }, [isUnsaved]);
  return () => unsaved.delete(me.current);
}
