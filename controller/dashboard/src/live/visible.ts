/** Does something while the page can be seen, and not behind other tabs. */

/** `run` is stopped by its signal when the page is hidden, and called again when it is seen again.
 * Answers how to end it. */
export function whileVisible(run: (stop: AbortSignal, hiddenSince: Date | null) => void): () => void {
  let running: AbortController | null = null;
  let hiddenSince: Date | null = null;
  const look = () => {
    if (document.visibilityState === "visible") {
      if (running) return;
      running = new AbortController();
      run(running.signal, hiddenSince);
    } else {
      running?.abort();
      running = null;
      hiddenSince = new Date();
    }
  };
  document.addEventListener("visibilitychange", look);
  look();
  return () => {
    document.removeEventListener("visibilitychange", look);
    running?.abort();
  };
}
