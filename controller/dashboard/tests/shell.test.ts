/** What is copied for a shell does there what it says, and nothing that somebody wrote into it. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { shellWord, withInput } from "../src/copy/shell.ts";

const said = (command: string): string => execFileSync("bash", ["-c", command], { encoding: "utf8" });

test("a word is one word to a shell, whatever it holds", () => {
  const words = ["web-1", "$(echo gone)", "it's", "a b", "!!", "~", "`id`", '"', "a\\b", "\u001b[201~\u0003id\n"];
  assert.equal(said(`printf '%s|' ${words.map(shellWord).join(" ")}`), words.map((word) => `${word}|`).join(""));
});

test("what a terminal acts on when it is pasted is written out", () => {
  assert.equal(shellWord("\u001b[201~\u0003it's"), "$'\\u001b[201~\\u0003it\\'s'");
});

test("a text that has the word which ends it is read to its end", () => {
  for (const text of ["kind: Host\nEOF\necho gone\nEOFF", "$HOME `id`"])
    assert.equal(said(withInput("cat", text)), `${text}\n`);
});
