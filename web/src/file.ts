/** What a model's file begins with; src/jsl_seq2seq/interop/web/export.py says what is where. */
import { JslError } from "./errors.ts";
import { hexadecimal, sha256 } from "./sha256.ts";

const [MAGIC, VERSION, VERSION_AT, DIGEST_AT] = ["JSLW", 1, 4, 8] as const;
/** Where the compressed rest begins. */
export const REST_AT = 40;

/**
 * Check that a file is a model, and whole.
 *
 * @throws JslError `config-foreign`, `format-too-new` or `file-damaged`.
 */
export async function requireModel(file: Uint8Array<ArrayBuffer>): Promise<void> {
  if (file.length < REST_AT || String.fromCharCode(...file.subarray(0, VERSION_AT)) !== MAGIC) {
    throw new JslError(
      "jsl-seq2seq の web 形式のモデルではありません。",
      "jsl-seq2seq export --format web で書き出したファイルの URL を指定してください。",
      "config-foreign",
    );
  }
  const version = new DataView(file.buffer).getUint32(VERSION_AT, true);
  if (version > VERSION) {
    throw new JslError(
      `新しい版で書き出されたモデルです（形式 ${version}、読めるのは ${VERSION} まで）。`,
      "npm パッケージ jsl-seq2seq を更新してください。",
      "format-too-new",
      { found: version, limit: VERSION },
    );
  }
  if ((await sha256(file.subarray(REST_AT))) !== hexadecimal(file.subarray(DIGEST_AT, REST_AT))) {
    throw new JslError("モデルのファイルが壊れています。", "もう一度ダウンロードしてください。", "file-damaged", {
      bytes: file.length,
    });
  }
}
