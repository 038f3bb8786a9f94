/** The controller's clock, by the dates of its answers: a browser's own may be minutes off. */

/** Dates are of whole seconds, and an answer takes a while. */
const NEGLIGIBLE_MS = 5000;

let ahead = 0;

/** `date`: the header of an answer that just came. */
export function heardAt(date: string | null): void {
  const difference = Date.parse(date ?? "") - Date.now();
  if (Number.isFinite(difference)) ahead = Math.abs(difference) < NEGLIGIBLE_MS ? 0 : difference;
}

/** In milliseconds since the epoch, as the controller counts. */
export const controllerNow = (): number => Date.now() + ahead;
