/** Opens the search over everything; Ctrl-K or / does, too, and ? shows all shortcuts. */

import { Button } from "@patternfly/react-core";
import SearchIcon from "@patternfly/react-icons/dist/esm/icons/search-icon";
import { lazy, Suspense, useEffect, useState } from "react";

const Palette = lazy(() => import("./palette"));
const Shortcuts = lazy(() => import("./shortcuts"));

type Open = "palette" | "shortcuts" | null;

export function PaletteButton() {
  const [open, setOpen] = useState<Open>(null);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const wanted = openedBy(event);
      if (!wanted) return;
      event.preventDefault();
      setOpen(wanted);
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
  const close = () => setOpen(null);
  return (
    <>
      <Button
        variant="control"
        icon={<SearchIcon />}
        aria-keyshortcuts="Control+K /"
        onClick={() => setOpen("palette")}
        className="palette-button"
      >
        <span className="palette-words">
          Search <kbd>Ctrl K</kbd>
        </span>
      </Button>
      <Suspense fallback={null}>
        {open === "palette" && <Palette close={close} />}
        {open === "shortcuts" && <Shortcuts close={close} />}
      </Suspense>
    </>
  );
}

function openedBy(event: KeyboardEvent): Open {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") return "palette";
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return null;
  if (event.key === "/") return "palette";
  return event.key === "?" ? "shortcuts" : null;
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName);
}
