/** Composition: who is signed in decides between the sign-in page and the fleet. */

import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { useCallback, useMemo, useState } from "react";
import { ApiError, createApi } from "./api/client";
import { FleetPage } from "./fleet/fleet-page";
import { LiveProvider } from "./live/live-provider";
import { forgetToken, SessionContext, storedToken, storeToken } from "./session/session";
import { SignInPage } from "./session/sign-in-page";

const RETRIES = 2;
const LOOK_AGAIN_MS = 5000;

function newQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        // The change stream says when to read again.
        staleTime: Infinity,
        refetchOnWindowFocus: false,
        refetchInterval: ({ state }) => (state.status === "error" ? LOOK_AGAIN_MS : false),
        retry: (failures, error) =>
          failures < RETRIES && !(error instanceof ApiError && [401, 403, 404].includes(error.status)),
      },
    },
  });
}

export function App() {
  const [token, setToken] = useState(storedToken);
  const [farewell, setFarewell] = useState("");
  // One cache per session: nobody sees what somebody else has read.
  const queryClient = useMemo(() => (token ? newQueryClient() : null), [token]);
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
  const session = useMemo(() => ({ api: createApi(token), signOut }), [token, signOut]);

  if (!queryClient) return <SignInPage notice={farewell} onSignIn={signIn} />;
  return (
    <SessionContext value={session}>
      <QueryClientProvider client={queryClient}>
        <LiveProvider>
          <FleetPage />
        </LiveProvider>
      </QueryClientProvider>
    </SessionContext>
  );
}
