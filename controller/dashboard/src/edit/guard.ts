/** Asks before what is written and not saved goes away: by a link, by "back", by closing the page. */

import { useEffect } from "react";

const QUESTION = "What you have written here is not saved. Leave it?";

export function useUnsavedGuard(isUnsaved: boolean): void {
  useEffect(() => {
    if (!isUnsaved) return;
    const here = location.href;
    const state: unknown = history.state;
    const onUnload = (event: BeforeUnloadEvent) => event.preventDefault();
    const onClick = (event: MouseEvent) => {
      if (!leads(event) || confirm(QUESTION)) return;
      event.preventDefault();
      event.stopPropagation();
    };
    const onPop = (event: PopStateEvent) => {
      if (confirm(QUESTION)) return;
      // The address has changed already; nobody else is to hear of it.
      event.stopImmediatePropagation();
      history.pushState(state, "", here);
    };
    addEventListener("beforeunload", onUnload);
    addEventListener("popstate", onPop, true);
    document.addEventListener("click", onClick, true);
    return () => {
      removeEventListener("beforeunload", onUnload);
      removeEventListener("popstate", onPop, true);
      document.removeEventListener("click", onClick, true);
    };
  }, [isUnsaved]);
}

/** Whether a click follows a link to another page of the dashboard, in this window. */
function leads(event: MouseEvent): boolean {
  const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
  if (!(link instanceof HTMLAnchorElement) || link.target || event.button !== 0) return false;
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return false;
  return link.origin === location.origin && link.pathname !== location.pathname;
}
