import { Button } from "@patternfly/react-core";
import MoonIcon from "@patternfly/react-icons/dist/esm/icons/moon-icon";
import SunIcon from "@patternfly/react-icons/dist/esm/icons/sun-icon";
import { chooseTheme, useTheme } from "./theme";

export function ThemeButton() {
  const theme = useTheme();
  const next = theme === "dark" ? "light" : "dark";
  return (
    <Button
      variant="plain"
      aria-label={`Use ${next} colours`}
      icon={theme === "dark" ? <SunIcon /> : <MoonIcon />}
      onClick={() => chooseTheme(next)}
    />
  );
}
