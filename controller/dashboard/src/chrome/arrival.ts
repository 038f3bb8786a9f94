/** Takes the focus along to the page that one goes to: its heading is where keyboards go on from and
 * what screen readers say. */

import { useEffect, useRef } from "react";
import { useLocation, useSearchParams } from "wouter";

/** `main` is the id of what holds the pages. */
export function useArrival(main: string): void {
  const [path] = useLocation();
  const project = useSearchParams()[0].get("project");
  const place = useRef({ path, project });
  useEffect(() => {
    const left = place.current;
    place.current = { path, project };
    const isElsewhere = left.path !== path;
    const isLost = left.project !== project && isNowhere();
    const room = document.getElementById(main);
    return room && (isElsewhere || isLost) ? arrive(room, isElsewhere) : undefined;
  }, [main, path, project]);
}

/** Focuses the heading as soon as there is one, unless the page or the person is quicker. */
function arrive(room: HTMLElement, isElsewhere: boolean): () => void {
  const there = new AbortController();
  const observer = new MutationObserver(look);
  there.signal.addEventListener("abort", () => observer.disconnect());
  function look(): void {
    const heading = [...room.querySelectorAll("h1")].find((each) => each.checkVisibility());
    if (!heading) return;
    there.abort();
    if (document.activeElement !== room && isWithin(room)) return;
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
  }
  if (isElsewhere) room.scrollTop = 0;
  if (!isWithin(room)) room.focus({ preventScroll: true });
  for (const deed of ["keydown", "pointerdown"])
    addEventListener(deed, () => there.abort(), { capture: true, signal: there.signal });
  observer.observe(room, { childList: true, subtree: true });
  look();
  return () => there.abort();
}

const isNowhere = (): boolean => document.activeElement === null || document.activeElement === document.body;

/** What a page that is left had does not count: it is hidden until the next one has come. */
function isWithin(room: HTMLElement): boolean {
  const active = document.activeElement;
  return active !== null && room.contains(active) && active.checkVisibility();
}
