/** Puts something beside what is charted: found by its name, on the server. */

import { TextInput } from "@patternfly/react-core";
import { useDeferredValue, useId, useState, type ReactNode } from "react";
import type { Metadata } from "../api/documents";
import { usePage, type ListQuery, type StoredObject } from "../api/objects";
import { infoOf, type Kind } from "../kinds/kinds";
import { MOST_SERIES, type Select, type Selection } from "./selection";

/** Objects of a kind that may be put into a chart. */
export interface Pool {
  kind: Kind;
  /** Which of them. */
  narrowed: Pick<ListQuery, "host" | "project" | "filter">;
  /** The name of what is in the chart anyway. */
  besides?: string;
  wordOf: (metadata: Metadata) => string;
}

/** What is typed, and whether anybody asks. */
export interface Wanted {
  words: string;
  isAsked: boolean;
}

interface Props {
  pools: Pool[];
  offer?: ((wanted: Wanted) => ReactNode) | undefined;
  selection: Selection;
  toggle: Select["toggle"];
}

/** Of each kind, at most. */
export const OFFERED = 10;

/** What is looked for where the noun stands in front of it, as it does in what is offered. */
export const withoutNoun = (noun: string, words: string): string =>
  words.startsWith(`${noun} `) ? words.slice(noun.length + 1) : words;

export function AddSeries({ pools, offer, selection: { series }, toggle }: Props) {
  const list = useId();
  const [isAsked, setAsked] = useState(false);
  const [text, setText] = useState("");
  const words = useDeferredValue(text);
  const isFull = series.length >= MOST_SERIES;
  const type = (field: HTMLInputElement) => {
    const options = [...(field.list?.options ?? [])];
    const word = options.find(({ value }) => value === field.value)?.dataset.word;
    if (word !== undefined && !series.includes(word)) toggle(word);
    setText(word === undefined ? field.value : "");
  };
  const wanted = { words, isAsked: isAsked && !isFull };
  const nouns = pools.map(({ kind }) => infoOf(kind).noun).join(" or ");
  return (
    <>
      <TextInput
        aria-label="Add to the chart"
        className="rate-add"
        list={list}
        autoComplete="off"
        placeholder={isFull ? `${MOST_SERIES} are as many as fit` : `Compare with a ${nouns} …`}
        isDisabled={isFull}
        value={text}
        onFocus={() => setAsked(true)}
        onChange={({ currentTarget }) => type(currentTarget)}
      />
      <datalist id={list}>
        {offer?.(wanted)}
        {pools.map((pool) => (
          <Offers key={pool.kind} pool={pool} {...wanted} />
        ))}
      </datalist>
    </>
  );
}

interface OffersProps extends Wanted {
  pool: Pool;
}

function Offers({ pool: { kind, narrowed, besides, wordOf }, words, isAsked }: OffersProps) {
  const { collection, noun } = infoOf(kind);
  const name = withoutNoun(noun, words);
  const named = name && `metadata.name : ${JSON.stringify(`*${name}*`)}`;
  const found = usePage<StoredObject>(
    collection,
    {
      ...narrowed,
      filter: [narrowed.filter, named].filter(Boolean).join(" AND "),
      fields: "metadata.name,metadata.project,metadata.uid",
      page_size: OFFERED,
    },
    isAsked,
  );
  return found.data?.items
    .filter(({ metadata }) => metadata.name !== besides)
    .map(({ metadata }) => (
      <option key={metadata.uid} value={`${noun} ${metadata.name}`} data-word={wordOf(metadata)} />
    ));
}
