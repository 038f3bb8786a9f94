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

interface Props {
  pools: Pool[];
  known: ReactNode;
  selection: Selection;
  toggle: Select["toggle"];
}

const OFFERED = 10;

export function AddSeries({ pools, known, selection: { series }, toggle }: Props) {
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
        {known}
        {pools.map((pool) => (
          <Offers key={pool.kind} pool={pool} words={words} isAsked={isAsked && !isFull} />
        ))}
      </datalist>
    </>
  );
}

interface OffersProps {
  pool: Pool;
  words: string;
  isAsked: boolean;
}

function Offers({ pool: { kind, narrowed, besides, wordOf }, words, isAsked }: OffersProps) {
  const { collection, noun } = infoOf(kind);
  const name = words.startsWith(`${noun} `) ? words.slice(noun.length + 1) : words;
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
