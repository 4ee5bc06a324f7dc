"use client";

import { load, type Translation } from "jsl-seq2seq";
import model from "jsl-seq2seq/int8";
import { useEffect } from "react";

export default function Page() {
  useEffect(() => {
    Object.assign(globalThis, {
      async translate(text: string) {
        const t = await load({ model });
        const { written }: Translation = await t.translate(text);
        t.dispose();
        return { ...t.engine, written };
      },
    });
  }, []);
  return <p>Next.js</p>;
}
