/** Composition: who is signed in decides between the sign-in page and the pages behind it. */

import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useState } from "react";
import { Router } from "wouter";
import { ApiError, createApi, isFinal, isTimeout } from "./api/client";
import { AppShell } from "./chrome/app-shell";
import { aroundNavigation, hasUnsaved, mayLeave } from "./edit/guard";
import { LiveProvider } from "./live/live-provider";
import { Pages } from "./pages";
import { forgetToken, SessionContext, storedToken, storeToken } from "./session/session";
import { SignInAgain } from "./session/sign-in-again";
import { SignInPage } from "./session/sign-in-page";

const RETRIES = 2;
const LOOK_AGAIN_MS = 5000;

function newQueryClient(signOut: (why: string) => void): QueryClient {
  // A token may be revoked while the page is open.
  const onError = (error: Error) => {
    if (error instanceof ApiError && error.isRefused) signOut(error.message);
  };
  return new QueryClient({
    queryCache: new QueryCache({ onError }),
    mutationCache: new MutationCache({ onError }),
    defaultOptions: {
      queries: {
        // The change stream says when to read again.
        staleTime: Infinity,
        refetchOnWindowFocus: false,
        refetchInterval: ({ state }) =>
          state.status === "error" && !isFinal(state.error) ? LOOK_AGAIN_MS : false,
        retry: (failures, error) => failures < RETRIES && !isFinal(error) && !isTimeout(error),
      },
    },
  });
}

export function App() {
  const [token, setToken] = useState(storedToken);
  const [farewell, setFarewell] = useState("");
  /** Why the token is refused, while the page stays for what is written on it. */
  const [refusal, setRefusal] = useState("");
  const [renewals, setRenewals] = useState(0);
  const leave = useCallback((why = "") => {
    forgetToken();
    setFarewell(why);
    setRefusal("");
    setToken("");
  }, []);
  const signOut = useCallback(
    (why = "") => {
      if (why && hasUnsaved()) setRefusal(why);
      else if (why || mayLeave()) leave(why);
    },
    [leave],
  );
  const signIn = useCallback((accepted: string) => {
    storeToken(accepted);
    setFarewell("");
    setToken(accepted);
  }, []);
  const renew = (accepted: string) => {
    storeToken(accepted);
    setRefusal("");
    setToken(accepted);
    setRenewals(renewals + 1);
  };
  const isSignedIn = token !== "";
  // One cache per session: nobody sees what somebody else has read.
  const queryClient = useMemo(() => (isSignedIn ? newQueryClient(signOut) : null), [isSignedIn, signOut]);
  const session = useMemo(() => ({ api: createApi(token), signOut }), [token, signOut]);
  useEffect(() => {
    if (renewals === 0 || !queryClient) return;
    // Another token may see something else.
    queryClient.removeQueries({ type: "inactive" });
    void queryClient.invalidateQueries();
  }, [renewals, queryClient]);

  if (!queryClient) return <SignInPage notice={farewell} onSignIn={signIn} />;
  return (
    <SessionContext value={session}>
      <QueryClientProvider client={queryClient}>
        <LiveProvider>
          <Router aroundNav={aroundNavigation}>
            <AppShell>
              <Pages />
            </AppShell>
          </Router>
        </LiveProvider>
        {refusal && <SignInAgain reason={refusal} onSignIn={renew} leave={() => leave(refusal)} />}
      </QueryClientProvider>
    </SessionContext>
  );
}
