/** The steps of a machine on its way into the fleet, and what to look at when one takes long. Pure. */

import type { Host } from "../api/documents";

export type Stage = "waiting" | "enrolled" | "connected" | "ready";

interface Step {
  stage: Stage;
  /** Of what is reached. */
  title: string;
  /** What the host does for the next step. */
  awaited: string;
  advice: readonly string[];
}

export const STAGES: readonly Step[] = [
  {
    stage: "waiting",
    title: "Waiting",
    awaited: "Waits for the line to be run there.",
    advice: [
      "Did the line end without an error on the host? It says what it could not do.",
      "Does the host reach the controller? The line names no address: it is in the token. TCP to the enrolment port and to the agents' port has to be let through.",
      "Does the clock of the host agree with the controller's? Certificates are good from now on.",
    ],
  },
  {
    stage: "enrolled",
    title: "Enrolled",
    awaited: "Waits for the agent to be started there.",
    advice: [
      "Does the agent run on the host? Start `ovsfleet-agent run` as a service, and read what it says.",
      "Does the host reach the agents' port of the controller?",
    ],
  },
  {
    stage: "connected",
    title: "Connected",
    awaited: "Makes what is intended of the host.",
    advice: ["Look at the host's page: it says what it waits for, or what fails and why."],
  },
  { stage: "ready", title: "As intended", awaited: "", advice: [] },
];

/** One that enrolled before, and was not heard lately, is enrolled. */
export function stageOf(host: Host | undefined): Stage {
  if (!host) return "waiting";
  const connected = host.status.conditions.find(({ type }) => type === "Connected");
  if (host.status.phase === "Ready") return "ready";
  if (connected?.status === "True") return "connected";
  return !connected || connected.reason === "NotEnrolled" ? "waiting" : "enrolled";
}
