import { Button, Label, Masthead, MastheadContent, MastheadMain } from "@patternfly/react-core";
import { MastheadToggle, PageToggleButton } from "@patternfly/react-core";
import { Link } from "wouter";
import { useFleet } from "../api/queries";
import { useLive } from "../live/live";
import { PaletteButton } from "../palette/palette-button";
import { useSession } from "../session/session";
import { BrandMark } from "./brand";
import { ThemeButton } from "./theme-button";

export function AppMasthead() {
  const { signOut } = useSession();
  return (
    <Masthead display={{ default: "inline" }} className="app-masthead">
      <MastheadMain>
        <MastheadToggle>
          <PageToggleButton isHamburgerButton aria-label="Pages" />
        </MastheadToggle>
        <Link href="/" className="brand">
          <BrandMark />
          <span className="brand-name">ovsfleet</span>
        </Link>
      </MastheadMain>
      <MastheadContent>
        <div className="masthead-tools">
          <PaletteButton />
          <Revision />
          <StreamLabel />
          <ThemeButton />
          <Button variant="secondary" size="sm" onClick={() => signOut()}>
            Sign out
          </Button>
        </div>
      </MastheadContent>
    </Masthead>
  );
}

function Revision() {
  const revision = useFleet().data?.revision;
  if (revision === undefined) return null;
  return (
    <span className="masthead-revision">
      revision <strong className="mono">{revision}</strong>
    </span>
  );
}

function StreamLabel() {
  const { state } = useLive();
  const shown = {
    open: { color: "green", text: "Live" },
    connecting: { color: "blue", text: "Connecting" },
    broken: { color: "orange", text: "Not live" },
  } as const;
  const { color, text } = shown[state];
  return (
    <Label color={color} className={`stream-label stream-${state}`} isCompact>
      <span className="stream-dot" aria-hidden="true" />
      {text}
    </Label>
  );
}
