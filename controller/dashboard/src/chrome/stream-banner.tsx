import { Alert } from "@patternfly/react-core";
import { useLive } from "../live/live";
import { timeOf, useZone } from "./moments";

/** Says that what is on the screen may be old, and since when. */
export function StreamBanner() {
  const { state, reason, brokenSince } = useLive();
  const zone = useZone();
  return (
    <div role="status" aria-live="polite">
      {state === "broken" && brokenSince && (
        <Alert
          variant="warning"
          isInline
          className="stream-banner"
          title={`Live updates stopped at ${timeOf(brokenSince, zone)}. Reconnecting …`}
        >
          {reason} What you see may be out of date; hosts keep forwarding with what they have.
        </Alert>
      )}
    </div>
  );
}
