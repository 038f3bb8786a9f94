/** Sign-in: what stands in the place of all pages until there is a token. */

import { Title } from "@patternfly/react-core";
import { BrandMark } from "../chrome/brand";
import { ThemeButton } from "../chrome/theme-button";
import { TokenForm } from "./token-form";

interface Props {
  /** Why the last session ended. */
  notice: string;
  onSignIn: (token: string) => void;
}

export function SignInPage(props: Props) {
  return (
    <div className="sign-in">
      <div className="sign-in-theme">
        <ThemeButton />
      </div>
      <main className="sign-in-card">
        <div className="sign-in-brand">
          <BrandMark size={56} />
          <Title headingLevel="h1" size="2xl">
            Sign in to ovsfleet
          </Title>
          <p className="muted">Say once what the fabric should be; every host follows.</p>
        </div>
        <TokenForm {...props} />
      </main>
    </div>
  );
}
