/** Keeps rows where they are while they are read: what is new waits until it is asked for. */

import type { UseQueryResult } from "@tanstack/react-query";
import { useState } from "react";
import type { EventDocument, EventPage } from "./queries";

interface Held {
  query: UseQueryResult<EventPage>;
  /** Events that happened since, of those that match. */
  waiting: number;
  /** There are at least so many, and perhaps more than a page holds. */
  isMore: boolean;
  show: () => void;
}

export const keyOf = ({ at, type, id, name }: EventDocument): string => `${at} ${type} ${id} ${name}`;

/** `asked` names the question: another question shows its answer at once. */
export function useHeld(query: UseQueryResult<EventPage>, asked: string): Held {
  const [held, setHeld] = useState<{ asked: string; page: EventPage } | null>(null);
  const { data, isPlaceholderData } = query;
  const isNow = held?.asked === asked;
  if (data && !isPlaceholderData && (!isNow || held.page.items.length === 0) && held?.page !== data)
    setHeld({ asked, page: data });
  if (!data || !isNow) return { query, waiting: 0, isMore: false, show: () => undefined };
  const waiting = isPlaceholderData ? 0 : unseen(data.items, held.page.items);
  return {
    query: { ...query, data: held.page } as UseQueryResult<EventPage>,
    waiting,
    isMore: waiting > 0 && waiting === data.items.length && data.next_page_token !== "",
    show: () => setHeld({ asked, page: data }),
  };
}

/** Of the newest ones, how many come before the first that is known. */
function unseen(latest: readonly EventDocument[], known: readonly EventDocument[]): number {
  const keys = new Set(known.map(keyOf));
  const first = latest.findIndex((event) => keys.has(keyOf(event)));
  return first < 0 ? latest.length : first;
}
