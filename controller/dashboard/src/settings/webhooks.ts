/** What the webhooks of the settings are, and how they are written. */

import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { Api } from "../api/client";
import type { components } from "../api/schema";
import type { Kind } from "../kinds/kinds";
import { useSession } from "../session/session";
import { useWhoAmI } from "../session/whoami";

export type Webhook = components["schemas"]["WebhookDocument"];
export type NewWebhook = components["schemas"]["NewWebhookDocument"];
export type Asked = components["schemas"]["WebhookRequest"];
export type Event = Asked["events"][number];

/** What is told of deliveries begins with this, too. */
export const WEBHOOKS = ["webhooks"];

export const EVENTS: readonly Event[] = [
  "object.created",
  "object.updated",
  "object.deleted",
  "object.realized",
  "object.degraded",
  "object.failed",
  "host.connected",
  "host.silent",
];

/** What most people want to be woken by. */
const USUAL: Event[] = ["object.failed", "host.silent"];

export const EMPTY: Asked = {
  name: "",
  url: "",
  events: USUAL,
  kinds: null,
  project: null,
  label_selector: "",
  secret: null,
};

/** As it is, to be changed; it keeps its secret unless it is given another. */
export const askedOf = ({ name, url, events, kinds, project, label_selector }: Webhook): Asked => ({
  name,
  url,
  events,
  kinds,
  project,
  label_selector,
  secret: null,
});

/** In the API's order; null, which is all, where none is left out. */
export const kindsOf = (chosen: Kind[], all: readonly Kind[]): Kind[] | null =>
  chosen.length === 0 || chosen.length === all.length ? null : all.filter((kind) => chosen.includes(kind));

/** What it tells of, in words: "of Ports and Segments with tier=web, in project shop". */
export function narrowedTo({ kinds, project, label_selector }: Webhook): string {
  const words = [
    kinds && `only ${kinds.join(", ")}`,
    project && `in project ${project}`,
    label_selector && `labelled ${label_selector}`,
  ];
  return words.filter(Boolean).join(", ");
}

/** A webhook tells of all projects, so it is for those who may see all of them. */
export function useMayWriteWebhooks(): boolean {
  const who = useWhoAmI().data;
  return Boolean(who?.roles.includes("network-admin") && who.projects === null);
}

/** Has the list read again once it is done. */
export function useWebhookWrite<T, V = void>(write: (api: Api, asked: V) => Promise<T>, done: (answer: T) => void) {
  const { api } = useSession();
  const queryClient = useQueryClient();
  return useMutation<T, Error, V>({
    mutationFn: (asked) => write(api, asked),
    onSuccess: async (answer) => {
      done(answer);
      await queryClient.invalidateQueries({ queryKey: WEBHOOKS });
    },
  });
}

export const matching = ({ revision }: Webhook) => ({ "if-match": `"${revision}"` });
