/**
 * Where the model lies that comes with this package: the one of the Python package, its weights in 8 bits.
 *
 * ```js
 * import { load } from "jsl-seq2seq";
 * import model from "jsl-seq2seq/int8";
 *
 * const t = await load({ model });
 * ```
 *
 * Bundlers copy the file beside the page because of how its address is written here.
 *
 * @module
 */
const model: URL = new URL("./model.int8.bin", import.meta.url);
export default model;
