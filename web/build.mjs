// Builds dist/ (or, with --test, build/ from the tests): kernels.wat -> bytes, worker.ts -> one string, types.
// The same sources give the same bytes. With --weights, as `npm pack` wants it, the model that ships with the Python
// package, too; that needs jsl-seq2seq in the Python that the environment variable PYTHON names, or in python3.
import { build } from "esbuild";
import { execFileSync } from "node:child_process";
import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import wabt from "wabt";

const here = fileURLToPath(new URL(".", import.meta.url));
process.chdir(here);
const test = process.argv.includes("--test");

const wat = {
  name: "wat",
  setup({ onLoad }) {
    onLoad({ filter: /\.wat$/ }, async ({ path }) => {
      const module = (await wabt()).parseWat(path, await readFile(path, "utf8"), { simd: true });
      module.validate();
      const text = Buffer.from(module.toBinary({}).buffer).toString("base64");
      return { contents: `export default Uint8Array.from(atob("${text}"), (one) => one.charCodeAt(0))` };
    });
  },
};

const shared = { bundle: true, minify: true, charset: "utf8", format: "esm", target: "es2022", plugins: [wat], write: false };

const workerText = {
  name: "worker-text",
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^worker-text$/ }, () => ({ path: "worker-text", namespace: "worker-text" }));
    onLoad({ filter: /.*/, namespace: "worker-text" }, async () => {
      const worker = await build({ ...shared, entryPoints: ["src/worker.ts"], format: "iife" });
      return { contents: worker.outputFiles[0].text, loader: "text" };
    });
  },
};

const outdir = test ? "build" : "dist";
await rm(outdir, { recursive: true, force: true });
await build({
  ...shared,
  entryPoints: test ? ["test/*.ts"] : ["src/index.ts", "src/int8.ts"],
  platform: test ? "node" : "neutral",
  plugins: [wat, workerText],
  outdir,
  write: true,
  ...(test ? { minify: false, sourcemap: "inline" } : { splitting: true, chunkNames: "[name]" }),
});
if (!test) {
  const tsc = fileURLToPath(import.meta.resolve("typescript/bin/tsc"));
  execFileSync(process.execPath, [tsc, "--project", "tsconfig.build.json"], { stdio: "inherit" });
  // their imports name the sources, which are not in the package
  for (const path of await readdir("dist", { recursive: true })) {
    if (!path.endsWith(".d.ts")) continue;
    const text = await readFile(join("dist", path), "utf8");
    await writeFile(join("dist", path), text.replaceAll(/(from "\.[^"]*)\.ts"/g, '$1.js"'));
  }
}
if (process.argv.includes("--weights")) {
  const out = await mkdtemp(join(tmpdir(), "jsl-seq2seq-"));
  const python = process.env.PYTHON ?? "python3";
  execFileSync(python, ["-m", "jsl_seq2seq", "export", "--quiet", "--format", "web", out], { stdio: "inherit" });
  await copyFile(join(out, "model.int8.bin"), "dist/model.int8.bin");
  await copyFile("../LICENSE", "LICENSE");
  await rm(out, { recursive: true });
}
