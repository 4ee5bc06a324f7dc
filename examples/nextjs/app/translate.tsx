"use client";

import { useEffect, useState } from "react";
import type { components } from "../lib/jsl-api";

type Translation = components["schemas"]["Translation"];
type Problem = Pick<components["schemas"]["Problem"], "title">;

export function Translate() {
  const [text, setText] = useState("");
  const [translation, setTranslation] = useState<Translation | null>(null);
  const [problem, setProblem] = useState("");

  useEffect(() => {
    if (!text.trim()) {
      setTranslation(null);
      setProblem("");
      return;
    }
    const request = new AbortController(); // a new input supersedes the old request
    const timer = setTimeout(async () => {
      try {
        const answer = await fetch("/api/translate", {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify({ text }),
          signal: request.signal,
        });
        if (answer.ok) {
          setTranslation((await answer.json()) as Translation);
          setProblem("");
        } else {
          setTranslation(null);
          setProblem(((await answer.json()) as Problem).title);
        }
      } catch (error) {
        if (!request.signal.aborted) setProblem(String(error));
      }
    }, 150);
    return () => {
      clearTimeout(timer);
      request.abort();
    };
  }, [text]);

  return (
    <>
      <label htmlFor="text">日本語の文</label>
      <textarea id="text" value={text} maxLength={2000} onChange={(event) => setText(event.target.value)} />
      <p role="status">{problem || (translation?.uncertain ? "確かでない訳です。" : "")}</p>
      {translation && (
        <ol>
          {translation.tags.map((one, index) => (
            <li key={index}>
              {one.tag}
              {one.uncertain && "（？ 確かでない）"}
              {!one.known && "（＋ 語彙にない）"}
            </li>
          ))}
        </ol>
      )}
      <p>出力は手話タグの列であって、日本手話そのものではありません。</p>
    </>
  );
}
