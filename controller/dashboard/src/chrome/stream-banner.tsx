import { Alert } from "@patternfly/react-core";
import { useLive } from "../live/live";

/** Says that what is on the screen may be old, and since when. */
export function StreamBanner() {
  const { state, reason, brokenSince } = useLive();
  return (
    <div role="status" aria-live="polite">
      {state === "broken" && brokenSince && (
        <Alert
          variant="warning"
          isInline
          className="stream-banner"
          title={`Live updates stopped at ${brokenSince.toLocaleTimeString()}. Reconnecting …`}
        >
          {reason} What you see may be out of date; hosts keep forwarding with what they have.
        </Alert>
      )}
    </div>
  );
}
