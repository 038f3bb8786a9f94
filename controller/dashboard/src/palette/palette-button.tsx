/** Opens the search over everything; Ctrl-K or / does, too, and ? shows all shortcuts. */

import { Button } from "@patternfly/react-core";
import SearchIcon from "@patternfly/react-icons/dist/esm/icons/search-icon";
import { lazy, Suspense, useEffect, useState } from "react";
import { Boundary } from "../chrome/boundary";
import { BrokenNotice } from "../chrome/broken";

const Palette = lazy(() => import("./palette"));
const Shortcuts = lazy(() => import("./shortcuts"));

type Open = "palette" | "shortcuts" | null;

export function PaletteButton() {
  const [open, setOpen] = useState<Open>(null);
  const [words, setWords] = useState("");
  const close = () => {
    setOpen(null);
    setWords("");
  };
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const wanted = openedBy(event);
      if (open === "palette" && isEarly(event)) setWords((before) => afterKey(before, event.key));
      else if (wanted) setOpen(wanted);
      else return;
      event.preventDefault();
    };
    window.addEventListener("keydown", onKey);
    window.addEventListener("popstate", close);
    return () => {
      window.removeEventListener("keydown", onKey);
      window.removeEventListener("popstate", close);
    };
  }, [open]);
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
      <Boundary resetKey={open ?? ""} fallback={(error) => <BrokenNotice error={error} close={close} />}>
        <Suspense fallback={null}>
          {open === "palette" && <Palette words={words} setWords={setWords} close={close} />}
          {open === "shortcuts" && <Shortcuts close={close} />}
        </Suspense>
      </Boundary>
    </>
  );
}

function openedBy(event: KeyboardEvent): Open {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") return "palette";
  if (isCommand(event) || isTyping(event)) return null;
  if (event.key === "/") return "palette";
  return event.key === "?" ? "shortcuts" : null;
}

/** Typed for the palette while it is still on its way: it stands in it when it comes. */
function isEarly(event: KeyboardEvent): boolean {
  const isOfText = event.key.length === 1 || event.key === "Backspace";
  return isOfText && !isCommand(event) && !isTyping(event);
}

const afterKey = (words: string, key: string): string => (key === "Backspace" ? words.slice(0, -1) : words + key);

const isCommand = ({ ctrlKey, metaKey, altKey }: KeyboardEvent): boolean => ctrlKey || metaKey || altKey;

/** In a field, or among the buttons of a dialog, which are pressed by the space bar. Also in an editor,
 * which lives in a shadow root: to the window its host is the target. */
function isTyping(event: KeyboardEvent): boolean {
  const [target] = event.composedPath();
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName)) return true;
  return target.closest('[role="dialog"]') !== null;
}
