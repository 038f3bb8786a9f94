import type { CurrentRate as Rate } from "../api/documents";
import { formatBits } from "../rates/units";

/** Both directions, as the switch sees them. */
export function CurrentRate({ rate }: { rate: Rate["rates"] | undefined }) {
  if (!rate) return <span className="muted">no data</span>;
  return (
    <span className="number current-rate">
      <span>
        <abbr title="received from it">rx</abbr> {formatBits(rate.rx_bytes)}
      </span>
      <span>
        <abbr title="sent to it">tx</abbr> {formatBits(rate.tx_bytes)}
      </span>
    </span>
  );
}
