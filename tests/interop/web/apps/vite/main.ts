import { load, type Translation } from "jsl-seq2seq";
import model from "jsl-seq2seq/int8";

Object.assign(globalThis, {
  async translate(text: string) {
    const t = await load({ model });
    const { written }: Translation = await t.translate(text);
    t.dispose();
    return { ...t.engine, written };
  },
});
