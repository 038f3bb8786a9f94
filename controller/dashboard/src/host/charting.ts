import { useHostRates, type Rates } from "../rates/queries";
import { useSelection } from "../rates/selection";

/** What a row needs to show its rate and to be charted. */
export interface Charting {
  /** By subject; undefined until the first answer. */
  rates: Rates | undefined;
  chosen: string | null;
  choose: (subject: string | null) => void;
}

export function useCharting(host: string): Charting {
  const [{ subject }, select] = useSelection();
  return { rates: useHostRates(host).data, chosen: subject, choose: select.subject };
}
