import type { Rates } from "../rates/queries";

/** What a row needs to show its rate and to be charted. */
export interface Charting {
  /** By subject; undefined until the first answer. */
  rates: Rates | undefined;
  chosen: string | null;
  choose: (subject: string | null) => void;
}
