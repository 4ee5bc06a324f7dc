// Builds dist/ (or, with --test, build/ from the tests): kernels.wat -> bytes, worker.ts -> one string, types.
// The same sources give the same bytes. With --site, what `export --format web` writes for the browser, which lies in the
// Python package, into that or into the folder that is named. With --weights, as `npm pack` wants it, the model that ships with the Python
// package, too; that needs jsl-seq2seq in the Python that the environment variable PYTHON names, or in python3.
import { build } from "esbuild";
import { execFileSync } from "node:child_process";
import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { minify } from "terser";
import wabt from "wabt";

const here = fileURLToPath(new URL(".", import.meta.url));
process.chdir(here);
const test = process.argv.includes("--test");

const site = process.argv.includes("--site");

/** The character that a zero is written as. Arrays of bytes count modulo 256. */
const ZERO = "0".charCodeAt(0);

const wat = {
  name: "wat",
  setup({ onLoad }) {
    onLoad({ filter: /\.wat$/ }, async ({ path }) => {
      const module = (await wabt()).parseWat(path, await readFile(path, "utf8"), { simd: true });
      module.validate();
      const bytes = Buffer.from(module.toBinary({}).buffer);
      // a character for each byte compresses to less than base64, most of all if zeros need no escape; the site's files
      // are kept as texts
      const contents = site
        ? `Uint8Array.from(atob("${bytes.toString("base64")}"), (one) => one.charCodeAt(0))`
        : `Uint8Array.from(${JSON.stringify(bytes.map((one) => one + ZERO).toString("latin1"))}, (one) => one.charCodeAt(0) - ${ZERO})`;
      return { contents: `export default ${contents}` };
    });
  },
};

const shared = { absWorkingDir: here, bundle: true, minify: true, charset: "utf8", format: "esm", target: "es2022", plugins: [wat], write: false };

/** esbuild's JavaScript as even less JavaScript: 4 % of it when compressed. */
const small = async (text) =>
  (
    await minify(text, {
      module: true,
      ecma: 2022,
      // unsafe only for what is called with `new`
      compress: { passes: 3, unsafe_arrows: true, unsafe_methods: true },
      format: { ascii_only: false },
    })
  ).code;

const workerText = {
  name: "worker-text",
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^worker-text$/ }, () => ({ path: "worker-text", namespace: "worker-text" }));
    onLoad({ filter: /.*/, namespace: "worker-text" }, async () => {
      const worker = await build({ ...shared, entryPoints: ["src/worker.ts"], format: "iife" });
      return { contents: await small(worker.outputFiles[0].text), loader: "text" };
    });
  },
};

/** What is imported when it is needed is a file of its own. */
const later = {
  name: "later",
  setup({ onResolve }) {
    onResolve({ filter: /^\./ }, ({ path, kind }) =>
      kind === "dynamic-import" ? { path: path.replace(/\.ts$/, ".js"), external: true } : undefined,
    );
  },
};

if (site) {
  const folder = process.argv[process.argv.indexOf("--site") + 1] ?? "../src/jsl_seq2seq/assets/site";
  for (const [name, globalName] of [["client", "jslClient"], ["worker"]]) {
    const built = await build({ ...shared, entryPoints: [`src/site/${name}.ts`], format: "iife", globalName });
    const { code } = await minify(built.outputFiles[0].text, { ecma: 2022, compress: { passes: 3 } });
    await writeFile(join(folder, `${name}.js`), `// Made of web/src/site/${name}.ts by web/build.mjs --site.\n${code}\n`);
  }
  process.exit();
}

const outdir = test ? "build" : "dist";
await rm(outdir, { recursive: true, force: true });
await build({
  ...shared,
  entryPoints: test ? ["test/*.ts"] : ["index", "int8", "engine", "sha256-computed"].map((name) => `src/${name}.ts`),
  platform: test ? "node" : "neutral",
  plugins: [wat, workerText, ...(test ? [] : [later])],
  outdir,
  write: true,
  ...(test && { minify: false, sourcemap: "inline" }),
});
if (!test) {
  const tsc = fileURLToPath(import.meta.resolve("typescript/bin/tsc"));
  execFileSync(process.execPath, [tsc, "--project", "tsconfig.build.json"], { stdio: "inherit" });
  // the imports of the types name the sources, which are not in the package
  for (const path of await readdir("dist", { recursive: true })) {
    if (!/\.[jt]s$/.test(path)) continue;
    const text = await readFile(join("dist", path), "utf8");
    const better = path.endsWith(".js") ? await small(text) : text.replaceAll(/(from "\.[^"]*)\.ts"/g, '$1.js"');
    await writeFile(join("dist", path), better);
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
