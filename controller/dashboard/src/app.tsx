/** Composition: who is signed in decides between the sign-in page and the pages behind it. */

import { QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { useCallback, useMemo, useState } from "react";
import { ApiError, createApi, isFinal } from "./api/client";
import { LiveProvider } from "./live/live-provider";
import { Pages } from "./pages";
import { forgetToken, SessionContext, storedToken, storeToken } from "./session/session";
import { SignInPage } from "./session/sign-in-page";

const RETRIES = 2;
const LOOK_AGAIN_MS = 5000;

function newQueryClient(signOut: (why: string) => void): QueryClient {
  return new QueryClient({
    // A token may be revoked while the page is open.
    queryCache: new QueryCache({
      onError: (error) => error instanceof ApiError && error.isRefused && signOut(error.message),
    }),
    defaultOptions: {
      queries: {
        // The change stream says when to read again.
        staleTime: Infinity,
        refetchOnWindowFocus: false,
        refetchInterval: ({ state }) =>
          state.status === "error" && !isFinal(state.error) ? LOOK_AGAIN_MS : false,
        retry: (failures, error) => failures < RETRIES && !isFinal(error),
      },
    },
  });
}

export function App() {
  const [token, setToken] = useState(storedToken);
  const [farewell, setFarewell] = useState("");
  const signOut = useCallback((why = "") => {
    forgetToken();
    setFarewell(why);
    setToken("");
  }, []);
  const signIn = useCallback((accepted: string) => {
    storeToken(accepted);
    setFarewell("");
    setToken(accepted);
  }, []);
  // One cache per session: nobody sees what somebody else has read.
  const queryClient = useMemo(() => (token ? newQueryClient(signOut) : null), [token, signOut]);
  const session = useMemo(() => ({ api: createApi(token), signOut }), [token, signOut]);

  if (!queryClient) return <SignInPage notice={farewell} onSignIn={signIn} />;
  return (
    <SessionContext value={session}>
      <QueryClientProvider client={queryClient}>
        <LiveProvider>
          <Pages />
        </LiveProvider>
      </QueryClientProvider>
    </SessionContext>
  );
}
