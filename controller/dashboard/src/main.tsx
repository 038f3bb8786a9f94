import "@patternfly/react-core/dist/styles/base.css";
import "./style.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app";
import { Boundary } from "./chrome/boundary";
import { Broken, isMissingPart } from "./chrome/broken";
import { applyTheme, storedTheme } from "./chrome/theme";

applyTheme(storedTheme());
const root = document.getElementById("root");
if (!root) throw new Error("index.html has no #root");
// What a boundary shows to the reader is told to the browser's console as well; a file that is not
// there is on it already.
const onCaughtError = (error: unknown) => {
  if (!isMissingPart(error)) reportError(error);
};
createRoot(root, { onCaughtError }).render(
  <StrictMode>
    <Boundary resetKey="" fallback={(error) => <Broken error={error} />}>
      <App />
    </Boundary>
  </StrictMode>,
);
