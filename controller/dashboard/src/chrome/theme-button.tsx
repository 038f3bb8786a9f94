import { Button } from "@patternfly/react-core";
import MoonIcon from "@patternfly/react-icons/dist/esm/icons/moon-icon";
import SunIcon from "@patternfly/react-icons/dist/esm/icons/sun-icon";
import { useState } from "react";
import { chooseTheme, storedTheme } from "./theme";

export function ThemeButton() {
  const [theme, setTheme] = useState(storedTheme);
  const next = theme === "dark" ? "light" : "dark";
  return (
    <Button
      variant="plain"
      aria-label={`Use ${next} colours`}
      icon={theme === "dark" ? <SunIcon /> : <MoonIcon />}
      onClick={() => {
        chooseTheme(next);
        setTheme(next);
      }}
    />
  );
}
