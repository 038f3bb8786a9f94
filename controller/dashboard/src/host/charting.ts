import { useHostRates, type Rates } from "../rates/queries";
import { useSelection } from "../rates/selection";

/** What a row needs to show its rate and to be charted. */
export interface Charting {
  /** By subject; undefined until the first answer. */
  rates: Rates | undefined;
  isChosen: (subject: string) => boolean;
  /** Puts it into the chart, or takes it out. */
  toggle: (subject: string) => void;
}

export function useCharting(host: string): Charting {
  const [{ series }, { toggle }] = useSelection();
  return { rates: useHostRates(host).data, isChosen: (subject) => series.includes(subject), toggle };
}
